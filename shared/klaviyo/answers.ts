import { z } from 'zod';
import { UpstreamError } from '../errors';
import type { EndpointName } from './endpoints';

/** What an answer means for the call that got it. */
export type Verdict = 'ok' | 'retry' | 'final';
/** json: Klaviyo's own words; other: a page of the edge in front of it, or nothing readable */
export type BodyKind = 'json' | 'other';

interface Rule {
  readonly status: number | readonly [from: number, to: number];
  readonly body: BodyKind | 'any';
  /** Klaviyo's own code, where it tells two refusals apart */
  readonly errorCode?: string;
  readonly verdict: Verdict;
  readonly code: string;
  /** `{detail}` is Klaviyo's own text */
  readonly message: string;
}

/**
 * Status and body kind → what to do; the first row that fits counts. Whatever is not listed and below 500 is final (klaviyo.md §3 rows
 * 6, 8): a 4xx that is repeated for ever blocks good rows. Sources: klaviyo.md §2 "Rate limits and errors".
 */
export const rules: readonly Rule[] = [
  { status: [200, 299], body: 'any', verdict: 'ok', code: 'ok', message: '' },
  { status: 429, body: 'any', verdict: 'retry', code: 'throttled', message: 'Klaviyo asks us to slow down.' },
  { status: 408, body: 'any', verdict: 'retry', code: 'timeout', message: 'Klaviyo did not answer in time.' },
  {
    status: 401,
    body: 'json',
    verdict: 'final',
    code: 'key_refused',
    message: 'Klaviyo refused the API key; enter a valid private key in the connection. {detail}',
  },
  {
    status: 403,
    body: 'json',
    errorCode: 'forbidden',
    verdict: 'final',
    code: 'account_limited',
    message: 'Klaviyo does not let this account do that; see its plan in Klaviyo. {detail}',
  },
  {
    status: 403,
    body: 'json',
    verdict: 'final',
    code: 'scope_missing',
    message: 'The Klaviyo API key may not do this; give it the missing scopes in Klaviyo. {detail}',
  },
  {
    status: [401, 403],
    body: 'other',
    verdict: 'retry',
    code: 'edge_refused',
    message: 'The network in front of Klaviyo refused the call; it is tried again.',
  },
  { status: 404, body: 'any', verdict: 'final', code: 'not_found', message: 'Klaviyo does not know this any more. {detail}' },
  { status: 409, body: 'any', verdict: 'final', code: 'conflict', message: 'Klaviyo found a conflict. {detail}' },
  {
    status: 410,
    body: 'any',
    verdict: 'final',
    code: 'revision_retired',
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
  { status: 400, body: 'json', verdict: 'final', code: 'invalid', message: 'Klaviyo refused the request. {detail}' },
  {
    status: 400,
    body: 'other',
    verdict: 'retry',
    code: 'edge_refused',
    message: 'The network in front of Klaviyo refused the call; it is tried again.',
  },
  {
    status: [500, 599],
    body: 'any',
    verdict: 'retry',
    code: 'unavailable',
    message: 'Klaviyo has trouble at the moment; it is tried again.',
  },
];

const unlisted: Rule = {
  status: [300, 499],
  body: 'any',
  verdict: 'final',
  code: 'unexpected',
  message: 'Klaviyo gave an unexpected answer. {detail}',
};

/** Finds what an answer means. Pure. */
export const classify = (status: number, body: BodyKind, errorCode?: string): Rule =>
  rules.find((rule) => {
    const [from, to] = typeof rule.status === 'number' ? [rule.status, rule.status] : rule.status;
    return (
      status >= from &&
      status <= to &&
      (rule.body === 'any' || rule.body === body) &&
      (rule.errorCode === undefined || rule.errorCode === errorCode)
    );
  }) ?? unlisted;

/** Klaviyo's error document; every part may be missing (klaviyo.md §2: "usually present, not always"). */
export const KlaviyoErrors = z.object({
  errors: z
    .array(
      z.object({
        code: z.string().optional(),
        title: z.string().optional(),
        detail: z.string().optional(),
        source: z.object({ pointer: z.string().optional(), parameter: z.string().optional() }).nullish(),
      }),
    )
    .default([]),
});
export type KlaviyoError = z.infer<typeof KlaviyoErrors>['errors'][number];

/** An UpstreamError that keeps Klaviyo's error list, as its pointers name the rows of a batch. */
export class KlaviyoAnswerError extends UpstreamError {
  readonly errors: readonly KlaviyoError[];
  readonly endpoint: EndpointName;

  constructor(endpoint: EndpointName, details: ConstructorParameters<typeof UpstreamError>[1] & { errors: readonly KlaviyoError[] }) {
    super('klaviyo', details);
    this.endpoint = endpoint;
    this.errors = details.errors;
  }
}

/** Addresses and quoted values in Klaviyo's texts are data of a person: taken out before a text goes anywhere but the row report. */
export const withoutPersonalData = (text: string): string =>
  text.replace(/\S+@\S+/g, '(address)').replace(/\+?\d[\d\s().-]{6,}\d/g, '(number)');

/** Reads an answer into an error: its sentence, Klaviyo's detail without personal data, request id, and whether to try again. */
export const toError = (
  endpoint: EndpointName,
  { status, text, requestId, retryAfterMs }: { status: number; text: string; requestId?: string; retryAfterMs?: number },
): KlaviyoAnswerError => {
  const parsed = KlaviyoErrors.safeParse(parseJson(text));
  const errors = parsed.success ? parsed.data.errors : [];
  const rule = classify(status, parsed.success ? 'json' : 'other', errors[0]?.code);
  const detail = errors[0]?.detail ?? errors[0]?.title ?? '';
  return new KlaviyoAnswerError(endpoint, {
    code: rule.code,
    message: rule.message.replace('{detail}', withoutPersonalData(detail).slice(0, 300)).trim(),
    status,
    requestId,
    retryAfterMs,
    retryable: rule.verdict === 'retry',
    errors,
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
