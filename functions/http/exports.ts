import { z } from 'zod';
import { changesOf } from '../../shared/activity/changes';
import type { ActivityDetails } from '../../shared/activity/entry';
import { Export, ExportChange, NewExport } from '../../shared/exports/export';
import { ExportDraft } from '../../shared/exports/export-draft';
import { ExportQuery, ExportSummary, ListedExport } from '../../shared/exports/export-list';
import { ExportView } from '../../shared/exports/export-view';
import { SavedExport } from '../../shared/exports/exports';
import type { Detached, Done, SegmentExports } from '../../shared/exports/exports';
import { toProblem } from '../../shared/http/problem';
import { defineRoute } from '../../shared/http/route';
import { ExportId } from '../../shared/ids';
import type { Router } from './register-route';

const params = z.object({ id: ExportId });

const ExportList = z
  .object({
    value: z.array(ListedExport),
    /** over all pages */
    total: z.int().min(0),
    summary: ExportSummary,
    nextLink: z.string().optional(),
  })
  .meta({ id: 'ExportList' });
const ExportIds = z.strictObject({ exportIds: z.array(ExportId).min(1).max(200) }).meta({ id: 'ExportIds' });
/** What became of each export, in the order asked. */
const DetachedExports = z
  .object({
    value: z.array(
      z.object({
        exportId: ExportId,
        detached: z.boolean(),
        /** why not */
        error: z.object({ status: z.int(), code: z.string(), detail: z.string() }).optional(),
      }),
    ),
  })
  .meta({ id: 'DetachedExports' });

const listExports = defineRoute({
  operation: 'listExports',
  method: 'GET',
  path: 'api/exports',
  summary:
    'Exports, each with what you may do, how it fares, what it does and what its last runs did; searched, sorted, filtered and paged; and all of them in figures',
  who: 'Viewer',
  query: ExportQuery,
  answers: { 200: { description: 'One page', schema: ExportList } },
});
const createExport = defineRoute({
  operation: 'createExport',
  records: 'export_created',
  method: 'POST',
  path: 'api/exports',
  summary: 'Saves an export after holding it against Klaviyo and the source; runs nothing. createList finds or makes the list by its name',
  who: 'Contributor',
  body: NewExport,
  idempotent: true,
  answers: { 201: { description: 'Saved; see its warnings', schema: SavedExport, etag: true, location: true } },
});
const getExport = defineRoute({
  operation: 'getExport',
  method: 'GET',
  path: 'api/exports/{id}',
  summary: 'One export',
  who: 'Viewer',
  params,
  answers: { 200: { description: 'The export', schema: ExportView, etag: true } },
});
const updateExport = defineRoute({
  operation: 'updateExport',
  records: 'export_changed',
  method: 'PATCH',
  path: 'api/exports/{id}',
  summary: 'Changes the fields that are named; mapping and schedule are replaced whole, null clears a limit; runs nothing',
  who: 'Contributor',
  params,
  body: ExportChange,
  ifMatch: 'required',
  answers: { 200: { description: 'Changed; see its warnings', schema: SavedExport, etag: true } },
});
const removeExport = defineRoute({
  operation: 'removeExport',
  records: 'export_removed',
  method: 'DELETE',
  path: 'api/exports/{id}',
  summary: 'Stops the active run and removes the export with all that was kept for it; people stay on the list',
  who: 'Contributor',
  params,
  ifMatch: 'orAny',
  answers: { 204: { description: 'Removed' } },
});
const duplicateExport = defineRoute({
  operation: 'duplicateExport',
  records: false,
  method: 'POST',
  path: 'api/exports/{id}/duplicate',
  summary: 'The values of a new export like this one, under a free name; stores nothing: look them through and send them to POST /exports',
  who: 'Contributor',
  params,
  answers: { 200: { description: 'The values', schema: ExportDraft } },
});
const detachExport = defineRoute({
  operation: 'detachExport',
  records: 'export_detached',
  method: 'POST',
  path: 'api/exports/{id}/detach',
  summary: 'Takes the export off its connection and stops its active run; it is kept, and runs again once it has another connection',
  who: 'Contributor',
  params,
  answers: { 200: { description: 'Detached', schema: ExportView, etag: true } },
});
const detachExports = defineRoute({
  operation: 'detachExports',
  records: 'export_detached',
  method: 'POST',
  path: 'api/exports/detach',
  summary: 'Detaches several exports, each for itself; the answer says of each whether it worked',
  who: 'Contributor',
  body: ExportIds,
  answers: { 200: { description: 'What became of each', schema: DetachedExports } },
});
const pauseExport = defineRoute({
  operation: 'pauseExport',
  records: 'export_paused',
  method: 'POST',
  path: 'api/exports/{id}/pause',
  summary: 'Nothing starts the export until it is resumed; a run that is under way goes on (cancel it to stop it)',
  who: 'Contributor',
  params,
  answers: { 200: { description: 'Paused', schema: ExportView, etag: true } },
});
const resumeExport = defineRoute({
  operation: 'resumeExport',
  records: 'export_resumed',
  method: 'POST',
  path: 'api/exports/{id}/resume',
  summary: 'The export runs again with what falls due from now on; what fell due meanwhile is not made up for',
  who: 'Contributor',
  params,
  answers: { 200: { description: 'Resumed', schema: ExportView, etag: true } },
});

const nextLink = (query: ExportQuery, token: string | undefined): { nextLink?: string } => {
  if (token === undefined) return {};
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...query, token })) if (value !== undefined) asked.set(name, String(value));
  return { nextLink: `/api/exports?${asked.toString()}` };
};

const outcomeOf = ({ exportId, error }: Detached) => {
  if (error === undefined) return { exportId, detached: true };
  const { status, body } = toProblem(error, { instance: exportId, conditional: false });
  return { exportId, detached: false, error: { status, code: body.code, detail: body.detail } };
};

/** What the activity log says of an export: what changed, and that a list was made for it in Klaviyo. */
const told = ({ before, after }: { before?: Export; after?: Export }, listCreated = false): ActivityDetails[] => {
  const { id, name, listId, listName = '', connectionId = before?.connectionId } = (after ?? before)!;
  const about = { exportId: id, name, connectionId };
  return [
    ...(listCreated ? [{ ...about, kind: 'list_created', details: { listId, listName } } as const] : []),
    { ...about, ...changesOf(Export, { before, after }) },
  ];
};
/** Asked twice, nothing is told the second time. */
const toldIfChanged = ({ before, after }: Done) => (before && before.updatedAt === after?.updatedAt ? [] : told({ before, after }));
/** What a call has done that failed in the end. */
const toldOfDone = ({ before, after, listFor }: Done): ActivityDetails[] => {
  if (listFor === undefined) return toldIfChanged({ before, after });
  const { listId, listName = '', name, connectionId } = listFor;
  return [{ kind: 'list_created', name, connectionId, details: { listId, listName } }];
};

export const registerExports = ({ route }: Router, { segmentExports }: { segmentExports: SegmentExports }): void => {
  route(listExports).to(async ({ query, caller, signal }) => {
    const { value, total, summary, token } = await segmentExports.list(query, { caller, signal });
    return { status: 200, body: { value, total, summary, ...nextLink(query, token) } };
  });
  const andRecord = (record: (told: readonly ActivityDetails[]) => Promise<void>) => ({
    record: (done: Done): Promise<void> => record(toldOfDone(done)),
  });
  route(createExport).to(async ({ body, caller, requestKey, signal, record }) => {
    const { value, etag, after, listCreated } = await segmentExports.create(body, { caller, requestKey, signal, ...andRecord(record) });
    const activity = told({ after }, listCreated);
    return { status: 201, body: value, etag, location: `/api/exports/${value.id}`, activity };
  });
  route(getExport).to(async ({ params: { id }, caller, signal }) => {
    const { value, etag } = await segmentExports.get(id, { caller, signal });
    return { status: 200, body: value, etag };
  });
  route(updateExport).to(async ({ params: { id }, body, ifMatch, caller, signal, record }) => {
    const options = { ifMatch, caller, signal, ...andRecord(record) };
    const { value, etag, before, after, listCreated } = await segmentExports.update(id, body, options);
    return { status: 200, body: value, etag, activity: told({ before, after }, listCreated) };
  });
  route(removeExport).to(async ({ params: { id }, ifMatch, caller, signal }) => {
    const before = await segmentExports.remove(id, { ifMatch, caller, signal });
    return { status: 204, activity: told({ before }) };
  });
  route(duplicateExport).to(async ({ params: { id }, caller, signal }) => ({
    status: 200,
    body: await segmentExports.duplicate(id, { caller, signal }),
  }));
  route(detachExport).to(async ({ params: { id }, caller, signal, record }) => {
    const { value, etag, ...changed } = await segmentExports.detach(id, { caller, signal, ...andRecord(record) });
    return { status: 200, body: value, etag, activity: toldIfChanged(changed) };
  });
  route(detachExports).to(async ({ body: { exportIds }, caller, signal }) => {
    const done = await segmentExports.detachAll(exportIds, { caller, signal });
    const activity = done.flatMap(({ changed }) => (changed ? toldIfChanged(changed) : []));
    return { status: 200, body: { value: done.map(outcomeOf) }, activity };
  });
  route(pauseExport).to(async ({ params: { id }, caller, signal, record }) => {
    const { value, etag, ...changed } = await segmentExports.pause(id, { caller, signal, ...andRecord(record) });
    return { status: 200, body: value, etag, activity: toldIfChanged(changed) };
  });
  route(resumeExport).to(async ({ params: { id }, caller, signal }) => {
    const { value, etag, ...changed } = await segmentExports.resume(id, { caller, signal });
    return { status: 200, body: value, etag, activity: toldIfChanged(changed) };
  });
};
