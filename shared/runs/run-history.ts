import { z } from 'zod';
import { InvalidInputError, UpstreamError } from '../errors';
import type { TriggerKind } from '../exports/export';
import { firstRunIdAt } from '../ids';
import type { ExportId } from '../ids';
import { hasEnded } from './run';
import type { Run, RunState } from './run';
import { ACTIVE, ALL, partitionOfState, partitionOfTrigger } from './run-store';
import type { RunStore } from './run-store';

export interface HistoryFilter {
  readonly exportId?: ExportId;
  readonly state?: RunState;
  readonly trigger?: TriggerKind;
  /** submitted at this instant or later */
  readonly from?: Date;
  /** submitted before this instant */
  readonly to?: Date;
}

export interface HistoryPage {
  /** newest first; may be fewer than asked for, also none, while there is a token */
  readonly value: Run[];
  readonly token?: string;
}

/** Where the service stopped in the middle of many rows that do not fit: its own word for that, and where its search had begun. */
const Mark = z.strictObject({ base: z.string().max(60), token: z.string().max(1_000) });
type Mark = z.infer<typeof Mark>;
/** Where the next page begins: after a run, or at the marks of the service. */
const Place = z.strictObject({ after: z.string().max(60).optional(), active: Mark.optional(), ended: Mark.optional() });
type Place = z.infer<typeof Place>;

const badToken = () =>
  new InvalidInputError({
    code: 'token_invalid',
    message: 'This is not the token of a page of runs; begin again without one, or follow nextLink.',
    pointer: '?token',
  });

const encode = (place: Place): string => Buffer.from(JSON.stringify(place)).toString('base64url');
const decode = (token: string): Place => {
  try {
    const place = Place.parse(JSON.parse(Buffer.from(token, 'base64url').toString('utf8')));
    // storage's own mark is read by its library, which expects an object
    for (const mark of [place.active, place.ended])
      if (mark) z.record(z.string(), z.string()).parse(JSON.parse(Buffer.from(mark.token, 'base64').toString('utf8')));
    return place;
  } catch {
    throw badToken();
  }
};

/** The rarer first: where two filters meet, the partition of the rarer one is read and the other one is chosen by a column. */
const byRarity: readonly (RunState | TriggerKind)[] = [
  'failed',
  'canceled',
  'approval',
  'retry',
  'request',
  'event',
  'onDemand',
  'skipped',
  'schedule',
  'successful',
];

/** Which partition holds the ended runs that are asked for, and what is chosen by columns there. Pure. */
export const planOf = ({
  exportId,
  state,
  trigger,
}: HistoryFilter): { partition: string; where: Readonly<Record<string, string | undefined>> } => {
  if (exportId !== undefined) return { partition: exportId, where: { state, trigger } };
  if (state !== undefined && (trigger === undefined || byRarity.indexOf(state) < byRarity.indexOf(trigger)))
    return { partition: partitionOfState(state), where: { trigger } };
  if (trigger !== undefined) return { partition: partitionOfTrigger(trigger), where: { state } };
  return { partition: ALL, where: {} };
};

type Part = Awaited<ReturnType<RunStore['page']>> & { readonly base: string };

/** Sorts after the id itself and before every other one. */
const justAfter = (id: string): string => `${id}!`;

/**
 * Pages of runs, newest first, without a scan: time is a range of row keys, everything else a partition (run-store.ts says which serves
 * which list). Costs two storage calls as a rule: the runs that go on, and the ended ones; one where only one of both can be meant.
 * @param store see run-store.ts
 */
export const createRunHistory = ({ store }: { store: Pick<RunStore, 'page'> }) => ({
  /**
   * @param size at most so many
   * @param token of the page before
   * @param extraCalls how often the service may be asked on when it found fewer than asked for before it stopped
   * @throws InvalidInputError token_invalid, time_reversed
   */
  page: async (
    filter: HistoryFilter,
    { size, token, extraCalls = 0, signal }: { size: number; token?: string; extraCalls?: number; signal: AbortSignal },
  ): Promise<HistoryPage> => {
    const { exportId, state, trigger, from, to } = filter;
    if (from && to && from >= to) {
      throw new InvalidInputError({
        code: 'time_reversed',
        message: 'The time `from` lies at or after `to`; turn them round.',
        pointer: '?from',
      });
    }
    const place = token === undefined ? {} : decode(token);
    // row keys ascend from the newest run to the oldest
    const begin = [
      to === undefined ? '' : firstRunIdAt(new Date(to.getTime() - 1)),
      place.after === undefined ? '' : justAfter(place.after),
    ]
      .sort()
      .at(-1)!;
    const below = from === undefined ? undefined : firstRunIdAt(new Date(from.getTime() - 1));
    const plan = planOf(filter);

    const read = async (
      partition: string,
      where: Readonly<Record<string, string | undefined>>,
      { mark, more }: { mark: Mark | undefined; more: number },
    ): Promise<Part> => {
      const base = mark?.base ?? begin;
      const range = { from: base, below, where, signal };
      let found = await store.page(partition, { ...range, size, token: mark?.token });
      for (let call = 0; call < more && found.rows.length < size && found.token !== undefined; call += 1) {
        const next = await store.page(partition, { ...range, size: size - found.rows.length, token: found.token });
        found = { rows: [...found.rows, ...next.rows], ...(next.token === undefined ? {} : { token: next.token }) };
      }
      return { ...found, base };
    };
    const mayBeActive = state === undefined || !hasEnded(state);
    const mayHaveEnded = state === undefined || hasEnded(state);
    const nothing: Part = { rows: [], base: begin };
    const [active, ended] = await Promise.all([
      mayBeActive ? read(ACTIVE, { exportId, state, trigger }, { mark: place.active, more: 0 }) : nothing,
      mayHaveEnded ? read(plan.partition, plan.where, { mark: place.ended, more: extraCalls }) : nothing,
    ]).catch((error: unknown) => {
      // the service does not know the mark: somebody wrote the token by hand
      if ((place.active || place.ended) && error instanceof UpstreamError && error.status === 400) throw badToken();
      throw error;
    });

    // an ended row wins over one of a runner that had died, or is just about to take it away
    const byId = new Map<string, Run>([...active.rows, ...ended.rows].map(({ row, value }) => [row, value]));
    // where either list goes on, nothing behind its end can be told yet
    const ends = [active, ended].flatMap(({ rows, token: more }) => (more === undefined ? [] : [rows.at(-1)?.row ?? '']));
    const known = [...byId.keys()].sort().filter((id) => ends.every((end) => id <= end));
    const shown = known.slice(0, size);
    const value = shown.map((id) => byId.get(id)!);
    if (ends.length === 0 && shown.length === known.length) return { value };

    const after = shown.at(-1) ?? place.after;
    /** The service's mark is needed only where it stopped before it had found enough, and nothing of what it found is left. */
    const markOf = ({ rows, token: more, base }: Part): Mark | undefined =>
      more !== undefined && rows.length < size && rows.every(({ row }) => after !== undefined && row <= after)
        ? { base, token: more }
        : undefined;
    return { value, token: encode({ after, active: markOf(active), ended: markOf(ended) }) };
  },
});

export type RunHistory = ReturnType<typeof createRunHistory>;
