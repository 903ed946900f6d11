import { gunzipSync } from 'node:zlib';
import { edgePage, type Answer } from './answer';
import { invalidAt, Refusal, type ErrorItem } from './errors';

/** Largest body after decompression, in bytes: 5,000,000 and not 5 MiB, the stricter reading (4.7). */
export const MAX_BODY_BYTES = 5_000_000;

const TOO_LARGE: ErrorItem = {
  ...{ status: 413, code: 'payload_too_large', title: 'Payload too large.', source: { pointer: '/data' } },
  detail: `The request body exceeds the limit of ${MAX_BODY_BYTES} bytes.`,
};
const unsupported = (detail: string): Refusal =>
  new Refusal({ status: 415, code: 'unsupported_media_type', title: 'Unsupported media type.', detail, source: { pointer: '/data' } });

/** The 413 of the edge, as HTML (the other reading of 4.7). */
export const tooLargePage = (): Answer => edgePage(413, '413 Request Entity Too Large');

type Headers = Readonly<Record<string, string | undefined>>;
type Read = { readonly json: unknown; readonly encoding: 'identity' | 'gzip' };

/** Reads a request body by 4.5, 4.7 and 4.8, never inflating more than the limit. */
export const readBody = (headers: Headers, raw: Buffer): Read => {
  const type = (headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
  if (type !== 'application/vnd.api+json' && type !== 'application/json') throw unsupported(`Unsupported media type "${type}" in request.`);
  const coding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (coding !== 'gzip' && coding !== 'identity') throw unsupported(`Unsupported content encoding "${coding}".`);
  const text = coding === 'gzip' ? inflate(raw) : raw;
  if (text.length > MAX_BODY_BYTES) throw new Refusal(TOO_LARGE);
  try {
    return { json: JSON.parse(text.toString('utf8')) as unknown, encoding: coding };
  } catch {
    throw new Refusal(invalidAt('/data', 'JSON parse error')); // 4.8, assumed
  }
};

const inflate = (raw: Buffer): Buffer => {
  try {
    return gunzipSync(raw, { maxOutputLength: MAX_BODY_BYTES });
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') throw new Refusal(TOO_LARGE);
    throw new Refusal(invalidAt('/data', 'JSON parse error'));
  }
};
