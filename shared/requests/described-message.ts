import { z } from 'zod';
import { ExportId, RunId } from '../ids';
import { decodeMessage } from './message';

/** What is kept of a message that nobody could handle: enough for its sender to know it again. */
export const DescribedMessage = z.object({
  /** of the body as it reached us */
  bytes: z.int().min(0),
  /** fields that the contract knows, of one JSON object */
  fields: z.array(z.string()).optional(),
  otherFields: z.int().min(0).optional(),
  type: z.enum(['run', 'runAll']).optional(),
  exportId: ExportId.optional(),
  runId: RunId.optional(),
});
export type DescribedMessage = z.infer<typeof DescribedMessage>;

/** Names of the queues' own messages and of events; others are not repeated, as anything may stand for a name. */
const KNOWN = new Set(
  'version type exportId exportIds full dryRun requestId requestKey traceparent trigger runId turn eventType specversion subject data'.split(
    ' ',
  ),
);

const sizeOf = (body: unknown): number =>
  body instanceof Uint8Array ? body.length : Buffer.byteLength(typeof body === 'string' ? body : (JSON.stringify(body) ?? ''));

/**
 * A message without what stands in it: the contract has no data of people, but what does not fit the contract may hold anything, and none
 * of it may stay in a queue (design §4). Ids of ours are repeated, a sender's own id is not: the activity log finds it by its digest.
 */
export const describeMessage = (body: unknown): DescribedMessage => {
  const decoded = decodeMessage(body);
  const size = { bytes: sizeOf(body) };
  if (!('value' in decoded)) return size;
  const names = Object.keys(decoded.value);
  const ids = { type: DescribedMessage.shape.type, exportId: DescribedMessage.shape.exportId, runId: DescribedMessage.shape.runId };
  const known = Object.entries(ids).flatMap(([name, schema]) => {
    const { data } = schema.safeParse(decoded.value[name]);
    return data === undefined ? [] : [[name, data] as const];
  });
  return DescribedMessage.parse({
    ...size,
    fields: names.filter((name) => KNOWN.has(name)),
    otherFields: names.filter((name) => !KNOWN.has(name)).length,
    ...Object.fromEntries(known),
  });
};
