import { tells } from '../../../../../shared/exports/warnings-that-tell';
import type { Run } from '../../../../../shared/runs/run';
import { lookOf } from '../../components/run-look';
import type { RunLook } from '../../components/run-look';

export interface Bar {
  readonly runId: string;
  readonly number: number;
  /** share of the plot's width, 0 to 1 */
  readonly from: number;
  /** share of the plot's width */
  readonly width: number;
  readonly ms: number;
  readonly at: string;
  readonly look: RunLook | 'running';
}

export interface Lane {
  readonly id: string;
  readonly name: string;
  readonly bars: readonly Bar[];
  readonly failed: number;
  readonly longestMs: number;
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

const barOf = (run: Run, { fromMs, toMs }: Span): Bar | undefined => {
  const { id, number, state, dryRun, warnings, submittedAt, startedAt = submittedAt, endedAt } = run;
  const start = Date.parse(startedAt);
  const end = endedAt === undefined ? toMs : Date.parse(endedAt);
  if (end < fromMs || start > toMs) return undefined;
  const share = (ms: number): number => Math.min(1, Math.max(0, (ms - fromMs) / (toMs - fromMs)));
  const isOver = state !== 'queued' && state !== 'refreshing';
  const short = { state, ...(dryRun ? { dryRun } : {}), ...(warnings.some(({ code }) => tells(code)) ? { warned: true as const } : {}) };
  return {
    runId: id,
    number,
    from: share(start),
    width: share(end) - share(start),
    ms: Math.max(0, end - start),
    at: startedAt,
    look: isOver ? lookOf({ ...short, state }) : 'running',
  };
};

/** One lane per export, in the order given, each with its runs as bars in a span of time. */
export const lanesOf = (exports: readonly { readonly id: string; readonly name: string }[], runs: readonly Run[], span: Span): Lane[] => {
  const bars = new Map<string, Bar[]>(exports.map(({ id }) => [id, []]));
  for (const run of runs) {
    const bar = bars.has(run.exportId) ? barOf(run, span) : undefined;
    if (bar) bars.get(run.exportId)!.push(bar);
  }
  return exports.map(({ id, name }) => {
    const own = bars.get(id)!.sort((one, other) => one.from - other.from);
    return {
      id,
      name,
      bars: own,
      failed: own.filter(({ look }) => look === 'bad').length,
      longestMs: Math.max(0, ...own.map(({ ms }) => ms)),
    };
  });
};

const DAY_MS = 86_400_000;

/** Midnights of the reader's zone in a span, every so many days, with their place. */
export const daysIn = ({ fromMs, toMs }: Span, everyDays: number): { readonly at: Date; readonly place: number }[] => {
  const found: { at: Date; place: number }[] = [];
  const day = new Date(fromMs);
  day.setHours(24, 0, 0, 0);
  for (let at = day; at.getTime() < toMs; at = new Date(at.getFullYear(), at.getMonth(), at.getDate() + everyDays)) {
    found.push({ at, place: (at.getTime() - fromMs) / (toMs - fromMs) });
  }
  return found;
};

/** The last thirty days, to the full hour above: the same question for an hour, whoever asks. */
export const lastDays = (nowMs: number, days = 30): Span => {
  const toMs = Math.ceil(nowMs / 3_600_000) * 3_600_000;
  return { fromMs: toMs - days * DAY_MS, toMs };
};
