import type { z } from 'zod';
import { looksLikeEvent } from './export-request';

/** A JSON object, or the sentence that says why it is none. Sentences never quote the message: it may hold personal data. */
export type Decoded = { readonly value: Readonly<Record<string, unknown>> } | { readonly reason: string };

/** A sender may wrap JSON in base64, a string in JSON, or both. */
const MAX_LAYERS = 3;

const utf8 = new TextDecoder('utf-8', { fatal: true }); // drops a byte order mark

const fromJson = (text: string): { value: unknown } | undefined => {
  try {
    return { value: JSON.parse(text.replace(/^\uFEFF/, '')) as unknown };
  } catch {
    return undefined; // its error quotes the text
  }
};

/** Both alphabets of base64, with or without padding. */
const fromBase64 = (text: string): string | undefined => {
  const letters = text.replace(/\s+/g, '');
  if (letters.length < 2 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(letters)) return undefined;
  try {
    return utf8.decode(Buffer.from(letters, 'base64'));
  } catch {
    return undefined;
  }
};

const nameOf = (value: unknown): string =>
  value === null || value === undefined ? String(value) : Array.isArray(value) ? 'an array' : `a ${typeof value}`;

/**
 * Event Grid sends one event a message to a queue, but an array to a webhook: a forwarder that passes that on unchanged means the event
 * in it. Several in one message cannot be given back one by one.
 */
const onlyEventIn = (value: unknown): unknown => {
  if (!Array.isArray(value) || value.length !== 1) return value;
  const [only] = value as unknown[];
  return typeof only === 'object' && only !== null && looksLikeEvent(only) ? only : value;
};

/**
 * Reads a queue message as it reaches a handler: the Functions library parses text that is JSON (so `35732122e2` comes as a number)
 * and leaves the rest, among it base64, as text.
 * @see Azure/azure-functions-nodejs-library, fromRpcTypedData.ts and issue 90
 */
export const decodeMessage = (message: unknown): Decoded => {
  let value = message;
  for (let layer = 0; layer < MAX_LAYERS; layer++) {
    if (value instanceof Uint8Array) value = Buffer.from(value).toString('utf8');
    if (typeof value !== 'string') break;
    const text = value.trim();
    if (text === '') return { reason: 'The message is empty.' };
    const json = fromJson(text);
    const decoded = json ? undefined : fromBase64(text);
    if (json) value = json.value;
    else if (decoded !== undefined) value = decoded;
    else return { reason: 'The message is neither JSON nor base64 of JSON.' };
  }
  if (typeof value === 'string') return { reason: 'The message is neither JSON nor base64 of JSON.' };
  value = onlyEventIn(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { reason: `The message is ${nameOf(value)}; expected one JSON object.` };
  }
  return { value: value as Record<string, unknown> };
};

/** Field names are written by others: only what looks like one is repeated. */
const fieldName = (name: PropertyKey): string => (/^[A-Za-z_$][\w.$-]{0,39}$/.test(String(name)) ? String(name) : '(a name not shown)');

/** One sentence that names every field that is wrong, and no value. */
export const reasonOf = (error: z.ZodError): string => {
  const parts = error.issues.map((issue) => {
    const path = issue.path.map((part) => (typeof part === 'number' ? String(part) : fieldName(part))).join('.');
    if (issue.code === 'unrecognized_keys') {
      return `${issue.keys.length > 1 ? 'unknown fields' : 'unknown field'} ${issue.keys.slice(0, 5).map(fieldName).join(', ')}`;
    }
    return path === '' ? issue.message : `${path}: ${issue.message}`;
  });
  return `The message does not fit the contract: ${parts.slice(0, 10).join('; ')}.`;
};
