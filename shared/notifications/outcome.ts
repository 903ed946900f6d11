import type { Sent } from './send';
import type { DeliveryNote, Outgoing } from './state';

const MINUTE_MS = 60_000;
/** A message that nobody took within this is given up. */
const GIVE_UP_MS = 24 * 60 * MINUTE_MS;
/** Waits after the first, second … attempt that failed; the last one goes on, as newer messages wait behind this one. */
const WAITS_MIN = [1, 2, 5, 10, 30];
/** A receiver that is not found may be back soon, as where it is just being deployed: it is no more once it is missed so often, for so long. */
const MISSED_TIMES = 5;
const MISSED_MS = 60 * MINUTE_MS;
/** What says so: unlike 410, by which a receiver says that it has gone for good. */
const NOT_FOUND = 404;

/** What becomes of a message after an attempt. */
export type Outcome =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'again'; readonly next: Outgoing }
  /** nobody took it for a day */
  | { readonly kind: 'givenUp' }
  /** there is no such receiver any more: nothing more is sent there */
  | { readonly kind: 'broken' };

/**
 * One attempt and its answer → what becomes of the message. A receiver that names a time is not asked before. Pure.
 * @param broken what is remembered of the channel after the attempt
 */
export const outcomeOf = (outgoing: Outgoing, sent: Sent, { broken }: Pick<DeliveryNote, 'broken'>, now: Date): Outcome => {
  if (sent.ok) return { kind: 'delivered' };
  if (broken) return { kind: 'broken' };
  const waitMs = Math.max(WAITS_MIN[Math.min(outgoing.attempts, WAITS_MIN.length - 1)]! * MINUTE_MS, sent.retryAfterMs ?? 0);
  const nextAt = now.getTime() + waitMs;
  if (nextAt - Date.parse(outgoing.createdAt) > GIVE_UP_MS) return { kind: 'givenUp' };
  return { kind: 'again', next: { ...outgoing, attempts: outgoing.attempts + 1, nextAt: new Date(nextAt).toISOString() } };
};

/**
 * What is remembered of a channel after an attempt. Pure.
 * @param secretName of the address that was tried: what another one answered counts no more
 */
export const noteOf = (
  noteBefore: DeliveryNote | undefined,
  sent: Sent,
  { at, secretName }: { at: string; secretName: string },
): DeliveryNote => {
  if (sent.ok) return { at, secretName, ok: true, status: sent.status, broken: false };
  const before = noteBefore?.secretName === secretName && !noteBefore.ok ? noteBefore : undefined;
  const missed = sent.status === NOT_FOUND ? { since: before?.missed?.since ?? at, times: (before?.missed?.times ?? 0) + 1 } : undefined;
  const isMissing = missed !== undefined && missed.times >= MISSED_TIMES && Date.parse(at) - Date.parse(missed.since) >= MISSED_MS;
  return {
    ...{ at, secretName, ok: false, code: sent.code },
    ...(sent.status === undefined ? {} : { status: sent.status }),
    since: before?.since ?? at,
    ...(missed === undefined ? {} : { missed }),
    broken: sent.isGone || isMissing,
  };
};
