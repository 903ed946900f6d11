import type { z } from 'zod';
import { UpstreamError } from '../errors';
import type { KlaviyoClient, KlaviyoRequest } from './client';
import type { EndpointName } from './endpoints';

/** A bound, so that a cursor that runs in a circle ends. */
const MAX_PAGES = 100_000;

/**
 * Reads a collection page by page. Only the cursor is taken from `links.next`, never its address: the key goes nowhere else.
 * @throws UpstreamError code answer_unexpected when an answer does not look as published
 */
export async function* readPages<S extends z.ZodType<{ data: readonly unknown[]; links?: { next?: string | null } | null }>>(
  client: KlaviyoClient,
  endpoint: EndpointName,
  schema: S,
  request: KlaviyoRequest,
): AsyncGenerator<z.output<S>> {
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { body, requestId } = await client.send(endpoint, {
      ...request,
      query: { ...request.query, ...(cursor === undefined ? {} : { 'page[cursor]': cursor }) },
    });
    const answer = parseAnswer(schema, body, requestId);
    yield answer;
    const next = answer.links?.next;
    if (!next) return;
    const following = new URL(next, 'https://a.klaviyo.com').searchParams.get('page[cursor]');
    if (following === null || following === cursor) return;
    cursor = following;
  }
}

export const parseAnswer = <S extends z.ZodType>(schema: S, body: unknown, requestId: string | undefined): z.output<S> => {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new UpstreamError('klaviyo', {
    code: 'answer_unexpected',
    message: `Klaviyo’s answer does not look as published (at ${parsed.error.issues[0]?.path.join('/') ?? 'its root'}); see whether this app has a newer version.`,
    requestId,
    retryable: false,
  });
};
