import { z } from 'zod';
import { UpstreamError } from '../errors';
import { ROW_POINTER } from './answers';
import type { KlaviyoAnswerError } from './answers';
import type { KlaviyoClient } from './client';
import { parseAnswer, readPages } from './pages';
import { ImportErrorsAnswer, ImportJobAnswer, ImportJobsAnswer } from './schemas';

/** Import jobs: posting, looking after them, collecting what went wrong. @see klaviyo.md §1 rows 6–9, §2 "Import job" */

export interface ImportJob {
  readonly id: string;
  /** queued, processing, complete or cancelled; anything else counts as not ended. There is no "failed" */
  readonly status: string;
  readonly createdAt: string;
  readonly failed: number;
  readonly completed: number;
  readonly total: number;
}

const toJob = ({ id, attributes }: z.infer<typeof ImportJobAnswer>['data']): ImportJob => ({
  id,
  status: attributes.status,
  createdAt: attributes.created_at,
  failed: attributes.failed_count ?? 0,
  completed: attributes.completed_count ?? 0,
  total: attributes.total_count ?? 0,
});

/**
 * Posts one body as it lies. A repeat is harmless, as an import is an upsert (klaviyo.md §2 "Idempotency").
 * @param onAttempt told right before the request goes out: from then on a job may exist
 * @throws KlaviyoAnswerError status 400 (nothing was admitted), 415, 413; UpstreamError no_answer (a job may exist)
 */
export const postImport = async (
  client: KlaviyoClient,
  { body, gzip, signal, onAttempt }: { body: Uint8Array; gzip: boolean; signal: AbortSignal; onAttempt: () => void },
): Promise<{ jobId: string; requestId?: string }> => {
  const answer = await client.send('importJobsCreate', { body, gzip, signal, onAttempt });
  return { jobId: parseAnswer(ImportJobAnswer, answer.body, answer.requestId).data.id, requestId: answer.requestId };
};

/** All jobs of the account, newest first; other systems' jobs are among them. */
export async function* readJobs(client: KlaviyoClient, { signal }: { signal: AbortSignal }): AsyncGenerator<ImportJob> {
  const query = { sort: '-created_at', 'page[size]': '100' };
  for await (const page of readPages(client, 'importJobs', ImportJobsAnswer, { query, signal })) yield* page.data.map(toJob);
}

/** A job, or undefined when Klaviyo does not know it (any more): it keeps jobs for seven days. */
export const findJob = async (client: KlaviyoClient, id: string, { signal }: { signal: AbortSignal }): Promise<ImportJob | undefined> => {
  try {
    const { body, requestId } = await client.send('importJob', { id, signal });
    return toJob(parseAnswer(ImportJobAnswer, body, requestId).data);
  } catch (error) {
    if (error instanceof UpstreamError && error.status === 404) return undefined;
    throw error;
  }
};

export interface ImportRowError {
  /** lower case; absent when Klaviyo did not keep the row's payload */
  readonly email?: string;
  readonly code: string;
  readonly detail: string;
}

const Payload = z.object({ email: z.string() });
const NestedPayload = z.object({ attributes: Payload });

const emailOf = (payload: unknown): string | undefined => {
  const flat = Payload.safeParse(payload);
  if (flat.success) return flat.data.email.toLowerCase();
  const nested = NestedPayload.safeParse(payload);
  return nested.success ? nested.data.attributes.email.toLowerCase() : undefined;
};

/** Why rows of a job failed; asked only where its `failed` is above 0. */
export async function* readImportErrors(
  client: KlaviyoClient,
  jobId: string,
  { signal }: { signal: AbortSignal },
): AsyncGenerator<ImportRowError> {
  const request = { id: jobId, query: { 'page[size]': '100' }, signal };
  for await (const page of readPages(client, 'importErrors', ImportErrorsAnswer, request)) {
    for (const { attributes } of page.data) {
      const email = emailOf(attributes.original_payload);
      yield {
        ...(email === undefined ? {} : { email }),
        code: attributes.code ?? 'refused',
        detail: attributes.detail ?? attributes.title ?? 'Klaviyo gave no reason.',
      };
    }
  }
}

/** Places of the rows that a 400 names, each with Klaviyo's text; the admission is all-or-nothing, so all offenders are listed. */
export const refusedRows = ({ errors }: KlaviyoAnswerError): ReadonlyMap<number, string> => {
  const rows = new Map<number, string>();
  for (const { source, detail, title } of errors) {
    const place = ROW_POINTER.exec(source?.pointer ?? '')?.[1];
    if (place !== undefined && !rows.has(Number(place))) rows.set(Number(place), detail ?? title ?? '');
  }
  return rows;
};

/** Whether an answer is about rows of the body, and not about the list, the envelope or the encoding. */
export const isAboutRows = (error: KlaviyoAnswerError): boolean => error.verdict === 'rows';

const Body = z.object({
  data: z.object({ attributes: z.object({ profiles: z.object({ data: z.array(z.object({ attributes: Payload })) }) }) }),
});

/** The addresses of a staged body, in the order of its rows. */
export const importRows = (body: string): string[] =>
  Body.parse(JSON.parse(body)).data.attributes.profiles.data.map(({ attributes }) => attributes.email);

const Profiles = z.looseObject({
  data: z.looseObject({ attributes: z.looseObject({ profiles: z.looseObject({ data: z.array(z.unknown()) }) }) }),
});

/** A staged body with only some of its rows, in their order. */
export const onlyRows = (body: string, kept: ReadonlySet<number>): string => {
  const parsed = Profiles.parse(JSON.parse(body));
  const { profiles } = parsed.data.attributes;
  profiles.data = profiles.data.filter((_, place) => kept.has(place));
  return JSON.stringify(parsed);
};
