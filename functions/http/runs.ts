import { z } from 'zod';
import { TriggerKind } from '../../shared/exports/export';
import type { Export } from '../../shared/exports/export';
import type { SegmentExports } from '../../shared/exports/exports';
import type { Caller } from '../../shared/caller';
import type { Connection } from '../../shared/connections/connection';
import { defineRoute, listOf } from '../../shared/http/route';
import { ExportId, RunId } from '../../shared/ids';
import { RowLook, SeenRows, seenRow } from '../../shared/preview/row-look';
import { RowStage } from '../../shared/runs/row-report';
import type { ReportedRow } from '../../shared/runs/row-report';
import { Run, RunRequest, RunState } from '../../shared/runs/run';
import type { HistoryFilter } from '../../shared/runs/run-history';
import { RunJobs } from '../../shared/runs/run-jobs';
import type { Router } from './register-route';

type Options = { signal: AbortSignal };
type PageOptions = { size: number; token?: string; extraCalls?: number } & Options;
interface RunPage {
  readonly value: readonly Run[];
  readonly token?: string;
}

/** What these routes need of the runs. */
export interface RunOperations {
  start(
    request: {
      exportId: ExportId;
      trigger: { kind: TriggerKind; by: string; byId: string };
      full: boolean;
      dryRun: boolean;
      verifyAll?: boolean;
      countUnknown?: boolean;
      requestKey?: string;
    },
    options: { known: { segmentExport: Export; connection: Connection | undefined } } & Options,
  ): Promise<{ run: Run; created: boolean }>;
  get(id: RunId, options: Options): Promise<Run>;
  jobs(id: RunId, options: Options): Promise<RunJobs>;
  list(filter: HistoryFilter, options: PageOptions): Promise<RunPage>;
  exportIdOf(id: RunId, options: Options): Promise<ExportId>;
  cancel(id: RunId, options: { by: string; permit: (run: Run) => Promise<void> } & Options): Promise<Run>;
  approveRemovals(id: RunId, options: { upTo: number; by: string; byId: string } & Options): Promise<Run>;
  dismissRemovals(id: RunId, options: Options): Promise<Run>;
  retryRejected(id: RunId, options: { by: string; byId: string; requestKey?: string } & Options): Promise<Run>;
  lookAtRows(
    id: RunId,
    options: Pick<RowLook, 'stage' | 'email' | 'code' | 'size'> & Options,
  ): Promise<{ rows: readonly ReportedRow[]; more: boolean }>;
  rows(id: RunId, stage: RowStage, options: Options): AsyncIterable<string>;
}

const ofExport = z.object({ id: ExportId });
const ofRun = z.object({ id: RunId });
const filters = {
  state: RunState.optional(),
  trigger: TriggerKind.optional(),
  /** submitted at this instant or later */
  from: z.iso.datetime({ offset: true }).optional(),
  /** submitted before this instant */
  to: z.iso.datetime({ offset: true }).optional(),
};
const page = {
  size: z.coerce.number().int().min(1).max(200).default(50),
  /** from nextLink */
  token: z.string().min(1).max(4_000).optional(),
};
const HistoryOfExport = z.strictObject({ ...filters, ...page });
const History = z.strictObject({ exportId: ExportId.optional(), ...filters, ...page });
const RunList = listOf(Run, 'RunList');

const runExport = defineRoute({
  operation: 'runExport',
  method: 'POST',
  records: 'run_started',
  path: 'api/exports/{id}/run',
  summary: 'Starts a run now; answers with the active one when there is one of the same kind',
  who: 'Contributor',
  params: ofExport,
  body: RunRequest,
  bodyOptional: true,
  idempotent: true,
  answers: { 202: { description: 'It will run', schema: Run, location: true } },
});
const listRunsOfExport = defineRoute({
  operation: 'listRunsOfExport',
  method: 'GET',
  path: 'api/exports/{id}/runs',
  summary: 'Runs of one export, newest first; a page with filters may hold fewer than asked for, also none, while there is a nextLink',
  who: 'Viewer',
  params: ofExport,
  query: HistoryOfExport,
  answers: { 200: { description: 'One page', schema: RunList } },
});
const listRuns = defineRoute({
  operation: 'listRuns',
  method: 'GET',
  path: 'api/runs',
  summary: 'Runs of all exports, newest first; a page with filters may hold fewer than asked for, also none, while there is a nextLink',
  who: 'Viewer',
  query: History,
  answers: { 200: { description: 'One page', schema: RunList } },
});
const getRun = defineRoute({
  operation: 'getRun',
  method: 'GET',
  path: 'api/runs/{id}',
  summary: 'One run with phase, counts and warnings',
  who: 'Viewer',
  params: ofRun,
  refusals: [409],
  answers: { 200: { description: 'The run', schema: Run } },
});
const listRunJobs = defineRoute({
  operation: 'listRunJobs',
  method: 'GET',
  path: 'api/runs/{id}/jobs',
  summary: 'The import jobs of a run, with Klaviyo’s job and request ids; at most about 1,000, all at once',
  who: 'Viewer',
  params: ofRun,
  refusals: [409],
  answers: { 200: { description: 'The jobs, in the order of sending', schema: RunJobs } },
});
/** What whoever cancels a run should know (customer-insights.md X11). */
const StoppingRun = Run.extend({ notice: z.string() }).meta({ id: 'StoppingRun' });
const whatCancelLeaves = ({ counts: { sent, removed } }: Run): string => {
  const number = (value: number): string => value.toLocaleString('en');
  const done =
    sent + removed === 0 ? 'Nothing has been sent yet' : `${number(sent)} rows were sent and ${number(removed)} people removed so far`;
  return `The run stops before its next batch. ${done}; what Klaviyo has taken by then cannot be recalled. The export is afterwards what it was after its last finished run.`;
};

const cancelRun = defineRoute({
  operation: 'cancelRun',
  method: 'POST',
  records: 'run_canceled',
  path: 'api/runs/{id}/cancel',
  summary: 'Stops a run; what Klaviyo has taken already cannot be recalled',
  who: 'Contributor',
  params: ofRun,
  answers: { 202: { description: 'It will stop before its next batch', schema: StoppingRun } },
});
const approveRemovals = defineRoute({
  operation: 'approveRemovals',
  method: 'POST',
  records: 'removals_approved',
  path: 'api/runs/{id}/approve-removals',
  summary: 'Removes the people whose removal a run holds, at most the number given; a new run does it',
  who: 'Contributor',
  params: ofRun,
  body: z.strictObject({ upTo: z.int().min(1) }).meta({ id: 'RemovalApproval' }),
  idempotent: true,
  answers: { 202: { description: 'A run will remove them', schema: Run, location: true } },
});
const dismissRemovals = defineRoute({
  operation: 'dismissRemovals',
  method: 'POST',
  records: 'removals_dismissed',
  path: 'api/runs/{id}/dismiss-removals',
  summary: 'Leaves the people on the list whose removal a run holds; the next run finds them again',
  who: 'Contributor',
  params: ofRun,
  answers: { 200: { description: 'The run', schema: Run } },
});
const retryRejected = defineRoute({
  operation: 'retryRejected',
  method: 'POST',
  records: 'rejected_retried',
  path: 'api/runs/{id}/retry-rejected',
  summary: 'Reads the rows that Klaviyo refused again from the source and sends just these; a new run does it',
  who: 'Contributor',
  params: ofRun,
  idempotent: true,
  answers: { 202: { description: 'A run will send them', schema: Run, location: true } },
});
const readRunRows = defineRoute({
  operation: 'readRunRows',
  method: 'GET',
  records: 'run_rows_downloaded',
  path: 'api/runs/{id}/rows',
  summary: 'Rows left out or refused, with the reason; holds personal data',
  who: 'Contributor',
  params: ofRun,
  query: z.strictObject({ stage: RowStage }),
  refusals: [409],
  answers: { 200: { description: 'CSV with a header', stream: 'text/csv; charset=utf-8' } },
});

const lookAtRunRows = defineRoute({
  operation: 'lookAtRunRows',
  method: 'POST',
  records: 'rows_previewed',
  path: 'api/runs/{id}/rows/look',
  summary: 'Some of the rows left out or refused, by address or reason; masked unless asked otherwise, which is recorded. Stores nothing',
  who: 'Contributor',
  params: ofRun,
  body: RowLook,
  refusals: [404, 409],
  answers: { 200: { description: 'The rows', schema: SeenRows } },
});

/** The same question, from the next run on. */
const nextLink = (
  path: string,
  query: Readonly<Record<string, string | number | undefined>>,
  token: string | undefined,
): { nextLink?: string } => {
  if (token === undefined) return {};
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...query, token })) if (value !== undefined) asked.set(name, String(value));
  return { nextLink: `${path}?${asked.toString()}` };
};

/** Storage calls that a list may cost at most are three; it takes two, or one and what there is to check before. */
const EXTRA_CALLS = 1;

const filterOf = ({ from, to, ...filter }: Omit<z.output<typeof History>, 'size' | 'token'>): HistoryFilter => ({
  ...filter,
  ...(from === undefined ? {} : { from: new Date(from) }),
  ...(to === undefined ? {} : { to: new Date(to) }),
});

/** Repeated, a request finds the run that it made. */
const keyOf = (requestKey: string | undefined) => (requestKey === undefined ? {} : { requestKey: `key-${requestKey}` });

/** What the activity log calls the export of a run. */
const aboutExport = ({ id, name, connectionId }: Export) => ({ exportId: id, name, connectionId });

/** Lines come with or without their end. */
async function* lines(rows: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const row of rows) yield row.endsWith('\n') ? row : `${row}\r\n`;
}

export const registerRuns = (
  { route }: Router,
  { runs, segmentExports }: { runs: RunOperations; segmentExports: SegmentExports },
): void => {
  route(runExport).to(async ({ params: { id }, body, caller, requestKey, signal }) => {
    const known = await segmentExports.requireRunnable(id, { caller, signal });
    const { name, connectionId } = known.segmentExport;
    const trigger = { kind: 'onDemand', by: caller.name, byId: caller.id } as const;
    const { run, created } = await runs.start({ exportId: id, trigger, ...body, ...keyOf(requestKey) }, { known, signal });
    const details = { full: run.full, dryRun: run.dryRun, ...(created ? {} : { joined: true }) };
    const activity = { name, connectionId, runId: run.id, details };
    return { status: 202, body: run, location: `/api/runs/${run.id}`, activity };
  });
  route(listRunsOfExport).to(async ({ params: { id }, query, signal }) => {
    await segmentExports.requireExists(id, { signal });
    const { size, token, ...filter } = query;
    const { value, token: next } = await runs.list(filterOf({ ...filter, exportId: id }), { size, token, signal });
    return { status: 200, body: { value: [...value], ...nextLink(`/api/exports/${id}/runs`, query, next) } };
  });
  route(listRuns).to(async ({ query, signal }) => {
    const { size, token, ...filter } = query;
    const { value, token: next } = await runs.list(filterOf(filter), { size, token, extraCalls: EXTRA_CALLS, signal });
    return { status: 200, body: { value: [...value], ...nextLink('/api/runs', query, next) } };
  });
  route(getRun).to(async ({ params: { id }, signal }) => ({ status: 200, body: await runs.get(id, { signal }) }));
  route(listRunJobs).to(async ({ params: { id }, signal }) => ({ status: 200, body: await runs.jobs(id, { signal }) }));
  route(cancelRun).to(async ({ params: { id }, caller, signal }) => {
    let about: ReturnType<typeof aboutExport> | undefined;
    const permit = async ({ exportId }: Run): Promise<void> => {
      about = aboutExport(await segmentExports.requireEdit(exportId, { caller, signal }));
    };
    const run = await runs.cancel(id, { by: caller.name, permit, signal });
    return { status: 202, body: { ...run, notice: whatCancelLeaves(run) }, ...(about ? { activity: about } : {}) };
  });
  /** The run, when the caller may act on its export. */
  const requireActable = async (id: RunId, { caller, signal }: { caller: Caller } & Options): Promise<Export> => {
    const exportId = await runs.exportIdOf(id, { signal });
    return (await segmentExports.requireRunnable(exportId, { caller, signal })).segmentExport;
  };
  route(approveRemovals).to(async ({ params: { id }, body: { upTo }, caller, signal }) => {
    const segmentExport = await requireActable(id, { caller, signal });
    const run = await runs.approveRemovals(id, { upTo, by: caller.name, byId: caller.id, signal });
    const activity = { ...aboutExport(segmentExport), details: { upTo, startedRunId: run.id } };
    return { status: 202, body: run, location: `/api/runs/${run.id}`, activity };
  });
  route(dismissRemovals).to(async ({ params: { id }, caller, signal }) => {
    // nothing starts, so neither a pause nor a missing connection is in its way
    const segmentExport = await segmentExports.requireEdit(await runs.exportIdOf(id, { signal }), { caller, signal });
    return { status: 200, body: await runs.dismissRemovals(id, { signal }), activity: aboutExport(segmentExport) };
  });
  route(retryRejected).to(async ({ params: { id }, caller, requestKey, signal }) => {
    const segmentExport = await requireActable(id, { caller, signal });
    const run = await runs.retryRejected(id, { by: caller.name, byId: caller.id, ...keyOf(requestKey), signal });
    const activity = { ...aboutExport(segmentExport), details: { startedRunId: run.id } };
    return { status: 202, body: run, location: `/api/runs/${run.id}`, activity };
  });
  route(readRunRows).to(async ({ params: { id }, query: { stage }, caller, signal }) => {
    const exportId = await runs.exportIdOf(id, { signal });
    const segmentExport = await segmentExports.requireEdit(exportId, { caller, signal });
    const activity = { ...aboutExport(segmentExport), details: { stage } };
    return { status: 200, stream: lines(runs.rows(id, stage, { signal })), fileName: `${id}-${stage}.csv`, activity };
  });
  route(lookAtRunRows).to(async ({ params: { id }, body: { reveal, ...wanted }, caller, record, signal }) => {
    const exportId = await runs.exportIdOf(id, { signal });
    const segmentExport = await segmentExports.requireEdit(exportId, { caller, signal });
    const { rows, more } = await runs.lookAtRows(id, { ...wanted, signal });
    const details = { stage: wanted.stage, rowCount: rows.length };
    if (reveal) await record({ ...aboutExport(segmentExport), runId: id, details });
    const value = rows.map((row) => seenRow(row, { masked: !reveal }));
    return { status: 200, body: { masked: !reveal, value, more }, activity: [] };
  });
};
