import { z } from 'zod';
import { changesOf } from '../../shared/activity/changes';
import { Export, ExportChange, NewExport } from '../../shared/exports/export';
import { ExportView } from '../../shared/exports/exports';
import type { SegmentExports } from '../../shared/exports/exports';
import { defineRoute, listOf } from '../../shared/http/route';
import { ExportId } from '../../shared/ids';
import type { Router } from './register-route';

const params = z.object({ id: ExportId });

const listExports = defineRoute({
  operation: 'listExports',
  method: 'GET',
  path: 'api/exports',
  summary: 'All exports, each with what you may do',
  who: 'Viewer',
  answers: { 200: { description: 'By name', schema: listOf(ExportView, 'ExportList') } },
});
const createExport = defineRoute({
  operation: 'createExport',
  method: 'POST',
  records: 'export_created',
  path: 'api/exports',
  summary: 'Saves an export after holding it against Klaviyo and the source; runs nothing',
  who: 'Contributor',
  body: NewExport,
  idempotent: true,
  answers: { 201: { description: 'Saved', schema: ExportView, etag: true, location: true } },
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
  method: 'PATCH',
  records: 'export_changed',
  path: 'api/exports/{id}',
  summary: 'Changes the fields that are named; mapping and schedule are replaced whole, null clears a limit; runs nothing',
  who: 'Contributor',
  params,
  body: ExportChange,
  ifMatch: 'required',
  answers: { 200: { description: 'Changed', schema: ExportView, etag: true } },
});
const removeExport = defineRoute({
  operation: 'removeExport',
  method: 'DELETE',
  records: 'export_removed',
  path: 'api/exports/{id}',
  summary: 'Stops the active run and removes the export with all that was kept for it; people stay on the list',
  who: 'Contributor',
  params,
  ifMatch: 'orAny',
  answers: { 204: { description: 'Removed' } },
});

export const registerExports = ({ route }: Router, { segmentExports }: { segmentExports: SegmentExports }): void => {
  route(listExports).to(async ({ caller, signal }) => ({ status: 200, body: { value: await segmentExports.list({ caller, signal }) } }));
  route(createExport).to(async ({ body, caller, signal }) => {
    const { value, etag } = await segmentExports.create(body, { caller, signal });
    const { id, name, connectionId } = value;
    const activity = { exportId: id, name, connectionId, ...changesOf(Export, { after: value }) };
    return { status: 201, body: value, etag, location: `/api/exports/${id}`, activity };
  });
  route(getExport).to(async ({ params: { id }, caller, signal }) => {
    const { value, etag } = await segmentExports.get(id, { caller, signal });
    return { status: 200, body: value, etag };
  });
  route(updateExport).to(async ({ params: { id }, body, ifMatch, caller, signal }) => {
    const { value, etag, before } = await segmentExports.update(id, body, { ifMatch, caller, signal });
    const activity = { name: value.name, connectionId: value.connectionId, ...changesOf(Export, { before, after: value }) };
    return { status: 200, body: value, etag, activity };
  });
  route(removeExport).to(async ({ params: { id }, ifMatch, caller, signal }) => {
    const before = await segmentExports.remove(id, { ifMatch, caller, signal });
    return { status: 204, activity: { name: before.name, connectionId: before.connectionId, ...changesOf(Export, { before }) } };
  });
};
