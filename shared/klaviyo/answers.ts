import { z } from 'zod';
import { UpstreamError } from '../errors';
import { withoutPersonalData } from '../platform/personal-data';
import type { EndpointName } from './endpoints';

/**
 * What an answer means for the call that got it. `rows`: Klaviyo refused some rows of the body and did nothing; without them the call may
 * be made again.
 */
export type Verdict = 'ok' | 'retry' | 'final' | 'rows';

/**
 * What came as the body.
 * errors: Klaviyo's error document; json: other JSON; page: HTML, from the edge in front of Klaviyo; empty: nothing; broken: what is no
 * JSON, e.g. cut off; oversized: more than is read; encoded: compressed, though that was not asked for, and not inflated, as it may be
 * a bomb
 */
export const BODY_KINDS = ['errors', 'json', 'page', 'empty', 'broken', 'oversized', 'encoded'] as const;
export type BodyKind = (typeof BODY_KINDS)[number];

export interface Rule {
  /** `none`: the connection was refused, broke off or stayed silent; the call may have been carried out */
  readonly status: number | readonly [from: number, to: number] | 'none';
  readonly body: readonly BodyKind[] | 'any';
  readonly endpoints?: readonly EndpointName[];
  /** Klaviyo's own code, where it tells two refusals apart */
  readonly errorCode?: string;
  /** where one of Klaviyo's errors must point */
  readonly pointer?: RegExp;
  /** what one of Klaviyo's errors must say */
  readonly detail?: RegExp;
  readonly verdict: Verdict;
  readonly code: string;
  /** `{detail}` is Klaviyo's own text */
  readonly message: string;
}

/** Klaviyo itself speaks JSON; whatever else comes is the network's in front of it, and passes (klaviyo.md §3 row 6). */
const JSON_KINDS: readonly BodyKind[] = ['errors', 'json'];
/** Places of rows in an import, as refusals point at them. */
export const ROW_POINTER = /^\/data\/attributes\/profiles\/data\/(\d+)(\/|$)/;
/** Observed text of klaviyo.md §2; it names one id of those that were to be taken off a list. */
export const UNKNOWN_PROFILE = /A profile with id (\S+) does not exist/;

const EDGE = 'The network in front of Klaviyo refused the call; it is tried again.';

/**
 * Status × body × endpoint → what to do; the first row that fits counts, and every call for which none does is final: a 4xx that is
 * repeated for ever blocks good rows (klaviyo.md §3 row 8). How long a retry waits says retry.ts; how often, the caller.
 * @see klaviyo.md §2 "Rate limits and errors"
 */
export const rules: readonly Rule[] = [
  {
    ...{ status: [200, 299], body: ['errors'], verdict: 'final', code: 'answer_unexpected' },
    message: 'Klaviyo’s answer does not look as published (errors with a status of success); see whether this app has a newer version.',
  },
  { status: [200, 299], body: ['json'], verdict: 'ok', code: 'ok', message: '' },
  // the one operation of ours that answers with nothing (klaviyo.md §1 row 12)
  { status: [200, 299], body: ['empty'], endpoints: ['listMembersRemove'], verdict: 'ok', code: 'ok', message: '' },
  {
    status: [200, 299],
    body: 'any',
    verdict: 'retry',
    code: 'unreadable',
    message: 'Klaviyo’s answer could not be read; it is tried again.',
  },
  { status: 429, body: 'any', verdict: 'retry', code: 'throttled', message: 'Klaviyo asks us to slow down.' },
  { status: 408, body: 'any', verdict: 'retry', code: 'timeout', message: 'Klaviyo did not answer in time.' },
  {
    ...{ status: 400, body: ['errors'], endpoints: ['importJobsCreate'], pointer: ROW_POINTER, verdict: 'rows', code: 'invalid' },
    message: 'Klaviyo refused rows of the request. {detail}',
  },
  { status: 400, body: JSON_KINDS, verdict: 'final', code: 'invalid', message: 'Klaviyo refused the request. {detail}' },
  {
    ...{ status: 401, body: JSON_KINDS, verdict: 'final', code: 'key_refused' },
    message: 'Klaviyo refused the API key; enter a valid private key in the connection. {detail}',
  },
  {
    ...{ status: 403, body: ['errors'], errorCode: 'forbidden', verdict: 'final', code: 'account_limited' },
    message: 'Klaviyo does not let this account do that; see its plan in Klaviyo. {detail}',
  },
  {
    ...{ status: 403, body: JSON_KINDS, verdict: 'final', code: 'scope_missing' },
    message: 'The Klaviyo API key may not do this; give it the missing scopes in Klaviyo. {detail}',
  },
  {
    ...{ status: 404, body: ['errors'], endpoints: ['listMembersRemove'], detail: UNKNOWN_PROFILE, verdict: 'rows', code: 'not_found' },
    message: 'Klaviyo does not know one of these people any more. {detail}',
  },
  // who hears this takes a list, a job or a person for gone, so it must be Klaviyo's own word
  { status: 404, body: JSON_KINDS, verdict: 'final', code: 'not_found', message: 'Klaviyo does not know this any more. {detail}' },
  { status: 400, body: 'any', verdict: 'retry', code: 'edge_refused', message: EDGE },
  { status: 401, body: 'any', verdict: 'retry', code: 'edge_refused', message: EDGE },
  { status: 403, body: 'any', verdict: 'retry', code: 'edge_refused', message: EDGE },
  { status: 404, body: 'any', verdict: 'retry', code: 'edge_refused', message: EDGE },
  { status: 409, body: 'any', verdict: 'final', code: 'conflict', message: 'Klaviyo found a conflict. {detail}' },
  {
    ...{ status: 410, body: 'any', verdict: 'final', code: 'revision_retired' },
    message: 'Klaviyo has retired the API revision in use; install the newest version of this app.',
  },
  { status: 413, body: 'any', verdict: 'final', code: 'too_large', message: 'Klaviyo found the request too large.' },
  {
    status: 415,
    body: 'any',
    verdict: 'final',
    code: 'encoding_refused',
    message: 'Klaviyo refused the encoding of the request. {detail}',
  },
  {
    ...{ status: [500, 599], body: 'any', verdict: 'retry', code: 'unavailable' },
    message: 'Klaviyo has trouble at the moment; it is tried again.',
  },
  { status: 'none', body: 'any', verdict: 'retry', code: 'no_answer', message: 'Klaviyo did not answer; it is tried again.' },
];

const unlisted: Rule = {
  ...{ status: [300, 599], body: 'any', verdict: 'final', code: 'unexpected' },
  message: 'Klaviyo gave an unexpected answer. {detail}',
};

/** Finds what an answer means. Pure. */
export const classify = (
  endpoint: EndpointName,
  status: number | 'none',
  { kind, errors = [] }: { kind: BodyKind; errors?: readonly KlaviyoError[] },
): Rule =>
  rules.find((rule) => {
    const [from, to] = typeof rule.status === 'object' ? rule.status : [rule.status, rule.status];
    return (
      (status === from || (typeof status === 'number' && status >= Number(from) && status <= Number(to))) &&
      (rule.body === 'any' || rule.body.includes(kind)) &&
      (rule.endpoints?.includes(endpoint) ?? true) &&
      (rule.errorCode === undefined || rule.errorCode === errors[0]?.code) &&
      (rule.pointer === undefined || errors.some(({ source }) => rule.pointer!.test(source?.pointer ?? ''))) &&
      (rule.detail === undefined || errors.some(({ detail }) => rule.detail!.test(detail ?? '')))
    );
  }) ?? unlisted;

/** Klaviyo's error document; every part may be missing (klaviyo.md §2: "usually present, not always"). */
export const KlaviyoErrors = z.object({
  errors: z.array(
    z.object({
      code: z.string().optional(),
      title: z.string().optional(),
      detail: z.string().optional(),
      source: z.object({ pointer: z.string().optional(), parameter: z.string().optional() }).nullish(),
    }),
  ),
});
export type KlaviyoError = z.infer<typeof KlaviyoErrors>['errors'][number];

/** A body as it was read. */
export interface ReadBody {
  readonly kind: BodyKind;
  /** of errors and json */
  readonly value?: unknown;
  /** of an error document */
  readonly errors?: readonly KlaviyoError[];
}

/** Tells what a text is that came whole. Pure; never throws. */
export const readBody = (text: string): ReadBody => {
  if (text.trim() === '') return { kind: 'empty' };
  const value = parseJson(text);
  if (value === undefined) return { kind: text.trimStart().startsWith('<') ? 'page' : 'broken' };
  const parsed = KlaviyoErrors.safeParse(value);
  return parsed.success ? { kind: 'errors', value, errors: parsed.data.errors } : { kind: 'json', value };
};

/** An UpstreamError that keeps Klaviyo's error list, as its pointers name the rows of a batch. */
export class KlaviyoAnswerError extends UpstreamError {
  readonly errors: readonly KlaviyoError[];
  readonly endpoint: EndpointName;
  readonly verdict: Verdict;

  constructor(
    endpoint: EndpointName,
    details: ConstructorParameters<typeof UpstreamError>[1] & { errors: readonly KlaviyoError[]; verdict: Verdict },
  ) {
    super('klaviyo', details);
    this.endpoint = endpoint;
    this.errors = details.errors;
    this.verdict = details.verdict;
  }
}

/**
 * What Klaviyo quotes is what it was sent; an apostrophe inside a word quotes nothing. What is opened and not closed goes to the end, also so
 * that no text is searched over and over for what closes it.
 */
const QUOTED = /"[^"]*(?:"|$)|“[^”]*(?:”|$)|`[^`]*(?:`|$)|(?<!\w)'(?:[^']|'(?=\w))*(?:'|$)/g;

const MAX_TOLD = 300;
/** What is cut here and open is a quote to the end. */
const withoutValues = (detail: string, id?: string): string =>
  withoutPersonalData(detail)
    .slice(0, 2_000)
    .replace(QUOTED, (quoted) => (id !== undefined && quoted.slice(1, -1) === id ? quoted : '(value)'))
    .slice(0, MAX_TOLD);

/** Makes an answer an error: its sentence, Klaviyo's detail without personal data, request id, and what to do. */
export const toError = (
  endpoint: EndpointName,
  {
    status,
    body,
    requestId,
    retryAfterMs,
    id,
  }: {
    status: number;
    body: ReadBody;
    requestId?: string;
    retryAfterMs?: number;
    /** of the list or job that was called: it may be named, no person is called by it */
    id?: string;
  },
): KlaviyoAnswerError => {
  const { errors = [] } = body;
  const rule = classify(endpoint, status, body);
  const detail = errors[0]?.detail ?? errors[0]?.title ?? '';
  return new KlaviyoAnswerError(endpoint, {
    code: rule.code,
    message: rule.message.replace('{detail}', () => withoutValues(detail, id)).trim(),
    status,
    requestId,
    retryAfterMs,
    retryable: rule.verdict === 'retry',
    errors,
    verdict: rule.verdict,
  });
};

/** JSON, or undefined: an answer that is no JSON is no reason to throw (klaviyo.md §3 row 6). */
export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};
