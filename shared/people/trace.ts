import type { Connections } from '../connections/connections';
import { ConflictError } from '../errors';
import type { Export } from '../exports/export';
import type { ExportStore } from '../exports/export-store';
import type { ExportActivities } from '../runs/export-activity';
import type { HashKey } from '../runs/member-key';
import { reasonOf } from '../runs/row-reasons';
import type { RowReports } from '../runs/row-report';
import { hasEnded } from '../runs/run';
import type { RunStore } from '../runs/run-store';
import type { StateStore } from '../runs/state-store';
import type { SegmentSource } from '../segments/segment-source';
import { personHash, toAddress } from './address';
import { fedLists, findOnLists, keyOfList } from './fed-lists';
import { findInReports } from './find-in-reports';
import { MAX_TRACED_ROWS, findInSegment } from './find-in-source';
import type { FoundInSegment } from './find-in-source';
import { findInState } from './find-in-state';
import { withWinner } from './winner';
import type { PersonTrace, TracedExport } from './person-trace';

/** Traces at a time in one process: each reads whole segments. */
const MAX_AT_ONCE = 2;

interface TraceOptions {
  /** puts the question on record */
  readonly record: (told: { readonly person: string }) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Where one person is: in which segments, how mapped, sent by which run, refused why, on which lists since when. */
export const createTrace = ({
  source,
  exportStore,
  connections,
  activities,
  states,
  reports,
  runStore,
  hashKey,
  now,
}: {
  source: SegmentSource;
  exportStore: Pick<ExportStore, 'readAll'>;
  connections: Pick<Connections, 'clientOf' | 'readAll'>;
  activities: Pick<ExportActivities, 'get'>;
  states: StateStore;
  reports: RowReports;
  runStore: Pick<RunStore, 'find' | 'readOfExport' | 'newestOfExport'>;
  hashKey: (options: { signal: AbortSignal }) => Promise<HashKey>;
  now: () => Date;
}) => {
  let running = 0;
  /**
   * What cannot be read (a segment, a state, Klaviyo) is said as unknown with its reason; it does not keep the rest from being told.
   * @throws ConflictError trace_busy; UpstreamError when our own storage or Key Vault cannot be reached: nobody is looked up who cannot be logged
   */
  const trace = async (email: string, { record, signal }: TraceOptions): Promise<PersonTrace> => {
    const address = toAddress(email);
    const key = await hashKey({ signal });
    const person = personHash(address, key);
    const at = now().toISOString();
    // before anything is looked up: a question that breaks off was asked all the same
    await record({ person });

    const all: Export[] = [];
    for await (const { value } of exportStore.readAll({ signal })) all.push(value);
    const known = await connections.readAll({ signal });
    const activityOf = new Map<Export, Awaited<ReturnType<ExportActivities['get']>>>();
    for (const one of all) activityOf.set(one, await activities.get(one.id, { signal }));
    const listsOf = new Map(all.map((one) => [one, fedLists(one, activityOf.get(one)!, known)]));
    const asking = findOnLists([...listsOf.values()].flat(), address, { connections, all: known, signal });
    asking.catch(() => undefined); // reported below

    const segments = new Map<string, FoundInSegment>();
    for (const name of new Set(all.flatMap((one) => one.segments))) {
      const users = all.filter((one) => one.segments.includes(name));
      segments.set(name, await findInSegment(name, users, { source, address, signal }));
    }

    const traced: TracedExport[] = [];
    for (const one of all) {
      const { id, name, connectionId, membership } = one;
      const activity = activityOf.get(one)!;
      const found = one.segments.map((segment) => segments.get(segment)!.get(id)!);
      const active = activity.activeRunId ? (await runStore.find(activity.activeRunId, { signal }))?.document.run : undefined;
      const lists = listsOf.get(one)!;
      const { state, shared } = await findInState(id, activity, address, { states, runStore, key, signal });
      const types = found[0]!.types;
      traced.push({
        ...{ id, name, ...(connectionId ? { connectionId } : {}), membership },
        segments: found.map(({ segment }) => segment),
        rows: withWinner(
          found.flatMap(({ rows }) => rows),
          one,
          { shared, types, key },
        ).slice(0, MAX_TRACED_ROWS),
        state,
        ...(active && !hasEnded(active.state) ? { activeRun: { id: active.id, state: active.state } } : {}),
        reports: await findInReports(id, address, { reports, runStore, signal }),
        lists: await asking.then((answers) => lists.map((list) => answers.get(keyOfList(list))!)),
      });
    }
    const { refusedAs } = address;
    return {
      email: address.text,
      valid: refusedAs === undefined,
      ...(refusedAs ? { reason: { code: refusedAs, message: reasonOf(refusedAs) } } : {}),
      person,
      tracedAt: at,
      exports: traced,
    };
  };

  return async (email: string, options: TraceOptions): Promise<PersonTrace> => {
    if (running >= MAX_AT_ONCE)
      throw new ConflictError({ code: 'trace_busy', message: 'Other people are being traced at the moment; try again in a minute.' });
    running += 1;
    try {
      return await trace(email, options);
    } finally {
      running -= 1;
    }
  };
};

export type Trace = ReturnType<typeof createTrace>;
