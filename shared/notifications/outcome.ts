import type { Sent } from './send';
import type { DeliveryNote, Outgoing } from './state';

const MINUTE_MS = 60_000;
/** A message that nobody took within this is given up. */
const GIVE_UP_MS = 24 * 60 * MINUTE_MS;
/** Waits after the first, second … attempt that failed; the last one goes on. */
const WAITS_MIN = [1, 2, 5, 10, 30, 60, 120, 240];

/** What becomes of a message after an attempt. */
export type Outcome =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'again'; readonly next: Outgoing }
  /** nobody took it for a day */
  | { readonly kind: 'givenUp' }
  /** there is no such receiver any more: nothing more is sent there */
  | { readonly kind: 'broken' };

/** One attempt and its answer → what becomes of the message. A receiver that names a time is not asked before. Pure. */
export const outcomeOf = (outgoing: Outgoing, sent: Sent, now: Date): Outcome => {
  if (sent.ok) return { kind: 'delivered' };
  if (sent.isGone) return { kind: 'broken' };
  const waitMs = Math.max(WAITS_MIN[Math.min(outgoing.attempts, WAITS_MIN.length - 1)]! * MINUTE_MS, sent.retryAfterMs ?? 0);
  const nextAt = now.getTime() + waitMs;
  if (nextAt - Date.parse(outgoing.createdAt) > GIVE_UP_MS) return { kind: 'givenUp' };
  return { kind: 'again', next: { ...outgoing, attempts: outgoing.attempts + 1, nextAt: new Date(nextAt).toISOString() } };
};

/** What is remembered of a channel after an attempt. Pure. */
export const noteOf = (before: DeliveryNote | undefined, sent: Sent, at: string): DeliveryNote => {
  if (sent.ok) return { at, ok: true, status: sent.status, broken: false };
  return {
    ...{ at, ok: false, code: sent.code },
    ...(sent.status === undefined ? {} : { status: sent.status }),
    since: before?.ok === false && before.since !== undefined ? before.since : at,
    broken: sent.isGone,
  };
};
