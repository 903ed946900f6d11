import { gzipSync } from 'node:zlib';
import { edgePage, JSON_API, type Answer } from './answer';
import { Refusal } from './errors';
import type { FiredFaults } from './faults';
import type { Op } from './ops';
import type { Account } from './state';

const MEBIBYTE = 1024 * 1024;
const bombs = new Map<number, Buffer>();

/** A small gzip body that inflates to `bytes` of spaces: gzip members may stand one after another, so one is made and repeated. */
const bombOf = (bytes: number): Buffer => {
  const known = bombs.get(bytes) ?? Buffer.concat(Array<Buffer>(Math.ceil(bytes / MEBIBYTE)).fill(gzipSync(Buffer.alloc(MEBIBYTE, 0x20))));
  bombs.set(bytes, known);
  return known;
};

/** The 429 of klaviyo.md section 2: `Retry-After` and no RateLimit headers (observed). */
export const throttled = (seconds: number): { readonly refusal: Refusal; readonly headers: Record<string, string> } => ({
  refusal: new Refusal({
    ...{ status: 429, code: 'throttled', title: 'Request was throttled.', source: { pointer: '/data' } },
    detail: `Request was throttled. Expected available in ${seconds} second${seconds === 1 ? '' : 's'}.`,
    links: { type: 'https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling#rate-limits' },
  }),
  headers: { 'Retry-After': String(seconds) },
});

const serverError = (status: number): Refusal =>
  new Refusal({
    status,
    code: 'error',
    title: 'A server error occurred.',
    detail: 'A server error occurred.',
    source: { pointer: '/data/' },
  });

/**
 * Faults that answer in place of the endpoint (4.24): refusals are thrown, whole answers returned.
 * @returns undefined when none of them hit this call
 */
export const answerInstead = (faults: FiredFaults, headers: Record<string, string>): Answer | undefined => {
  const reset = { status: 0, headers: {}, body: '', transport: { kind: 'reset' } } as const;
  if (faults.find('reset_before')) return reset;
  if (faults.find('html_403')) return edgePage(403, 'Just a moment...', { 'cf-mitigated': 'challenge' });
  if (faults.find('html_502')) return edgePage(502, '502 Bad Gateway');
  const limited = faults.find('rate_limited');
  if (limited) {
    const { refusal, headers: retry } = throttled(limited.retryAfter ?? 1);
    for (const name of Object.keys(headers)) if (name.startsWith('RateLimit')) delete headers[name];
    Object.assign(headers, retry);
    throw refusal;
  }
  if (faults.find('error_500')) throw serverError(500);
  if (faults.find('error_503')) throw serverError(503);
  const bomb = faults.find('gzip_bomb');
  if (bomb) {
    const body = bombOf(bomb.bytes ?? 200 * MEBIBYTE);
    return { status: 200, headers: { ...headers, 'Content-Type': JSON_API, 'Content-Encoding': 'gzip' }, body };
  }
  if (faults.find('plan_limit')) {
    const detail = 'Your account has reached the profile limit of its plan.'; // entitlement text assumed, code and title observed
    throw new Refusal({ status: 403, code: 'forbidden', title: 'Forbidden.', detail, source: { pointer: '/data' } });
  }
  return undefined;
};

/** Faults that change the account before the call is looked at: a list deleted, a person gone, both by somebody else. */
export const changeBefore = (faults: FiredFaults, account: Account, pathId: string, nowMs: number, commit: (op: Op) => unknown): void => {
  const deleted = faults.find('list_deleted');
  if (deleted) {
    const ids = deleted.listId === undefined ? (account.lists.has(pathId) ? [pathId] : [...account.lists.keys()]) : [deleted.listId];
    for (const id of ids) commit({ op: 'unlist', account: account.id, id });
  }
  const left = faults.find('person_left');
  if (left) {
    const row = account.profiles.byEmail(left.email);
    for (const list of account.lists.values())
      if (left.listId === undefined || left.listId === list.id)
        commit({ op: 'leave', account: account.id, list: list.id, rows: [row], at: nowMs });
  }
};
