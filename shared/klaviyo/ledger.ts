import { z } from 'zod';
import { STEADY_WINDOW_MS, spacingOf } from './budget';
import type { Limits } from './budget';

/** Nobody reserves further ahead, so what lies beyond was written by a clock that was wrong, and is passed over. */
const MAX_AHEAD_MS = 60_000;
/** Everybody hears of a hold within this time. */
const HEARD_MS = 1_500;
/** Klaviyo's windows end within a minute; a longer pause would be somebody's mistake. */
export const MAX_HOLD_MS = 120_000;

const Chunk = z.object({
  /** instant of the first call */
  at: z.number(),
  n: z.number().int().positive(),
  /** milliseconds from one call to the next */
  gap: z.number().nonnegative(),
});
type Chunk = z.infer<typeof Chunk>;

/**
 * What all instances have reserved of one account and endpoint in the last minute, and until when nobody may call. Instants are
 * milliseconds by the clock of the table service, as those of the instances differ (failures.md row 36).
 */
export const Ledger = z.object({ chunks: z.array(Chunk), holdUntil: z.number().default(0) });
export type Ledger = z.infer<typeof Ledger>;

export const emptyLedger: Ledger = { chunks: [], holdUntil: 0 };

const lastOf = ({ at, n, gap }: Chunk): number => at + (n - 1) * gap;
const endOf = ({ at, n, gap }: Chunk): number => at + n * gap;
/** Whether a call that goes out now or later may meet one of these in a window. */
const counts = (chunk: Chunk, nowMs: number): boolean => lastOf(chunk) > nowMs - STEADY_WINDOW_MS && chunk.at < nowMs + MAX_AHEAD_MS;

/** Instants of all calls reserved, in ascending order. */
export const instantsOf = ({ chunks }: Ledger): number[] =>
  chunks.flatMap(({ at, n, gap }) => Array.from({ length: n }, (_, index) => at + index * gap)).sort((one, other) => one - other);

/** Evenly spaced calls that may be reserved: the first at `at`, the next `gap` later. */
export interface Offer {
  readonly at: number;
  readonly n: number;
  readonly gap: number;
}

/**
 * The next calls that the ledger leaves room for: as many as can go out evenly spaced without another wait, a second's worth at most.
 * There is always one, however late.
 */
export const offerOf = (ledger: Ledger, { nowMs, limits }: { nowMs: number; limits: Limits }): Offer => {
  const { burst, steady } = limits;
  const gap = spacingOf(limits);
  const chunks = ledger.chunks.filter((chunk) => counts(chunk, nowMs));
  const held = ledger.holdUntil > nowMs + MAX_HOLD_MS ? 0 : ledger.holdUntil;
  const reserved = chunks.reduce((sum, { n }) => sum + n, 0);
  const free = Math.max(nowMs, held, ...chunks.map(endOf));
  if (reserved + burst <= steady) return { at: free, n: burst, gap };
  const instants = instantsOf({ ...ledger, chunks });
  // the call that is `steady` calls before the one of that index has to be out of the window
  const earliest = (index: number): number => (instants[instants.length + index - steady] ?? -Infinity) + STEADY_WINDOW_MS;
  const at = Math.max(free, earliest(0));
  let n = 1;
  while (n < Math.min(burst, steady) && earliest(n) <= at + n * gap) n += 1;
  return { at, n, gap };
};

/** The ledger with calls added; what no window holds any more is left out. */
export const withCalls = ({ chunks, holdUntil }: Ledger, added: Offer, { nowMs }: { nowMs: number }): Ledger => {
  const kept = chunks.filter((chunk) => counts(chunk, nowMs));
  const last = kept.at(-1);
  const { at, n, gap } = added;
  // one chunk for a stretch without a pause keeps the row small
  if (last && last.gap === gap && endOf(last) === at) return { chunks: [...kept.slice(0, -1), { ...last, n: last.n + n }], holdUntil };
  return { chunks: [...kept, { at, n, gap }], holdUntil };
};

/** The ledger with a pause for all. What was reserved for that time is given back, as nobody will use it. */
export const withHold = ({ chunks }: Ledger, { holdUntil, nowMs }: { holdUntil: number; nowMs: number }): Ledger => {
  const parts = chunks.flatMap((chunk): Chunk[] => {
    const { at, n, gap } = chunk;
    if (lastOf(chunk) <= nowMs + HEARD_MS || at >= holdUntil) return [chunk];
    const before = gap === 0 ? 0 : Math.max(0, Math.floor((nowMs + HEARD_MS - at) / gap) + 1);
    const lost = gap === 0 ? n : Math.min(n, Math.max(0, Math.ceil((holdUntil - at) / gap)));
    return [
      { at, n: Math.min(n, before), gap },
      { at: at + lost * gap, n: n - lost, gap },
    ].filter((part) => part.n > 0);
  });
  return { chunks: parts, holdUntil };
};
