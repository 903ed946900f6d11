import { z } from 'zod';
import { BlobData, CloudEvent, EventGridEvent, RunAll, RunOne } from './export-request';

const exportId = 'exp_4koowcz86a7utnqt';
const subject = '/blobServices/default/containers/lake/blobs/customerinsights/model.json';
const data = {
  api: 'FlushWithClose',
  eTag: '0x8DE2BE1F3C5A7B0',
  url: 'https://lake.blob.core.windows.net/lake/customerinsights/model.json',
};

/** Messages as others write them, one of each kind. */
export const examples = [
  { version: 1, type: 'run', exportId, requestId: 'order-4711', full: false, dryRun: false },
  { version: 1, type: 'runAll', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
  { eventType: 'Microsoft.Storage.BlobCreated', subject, data },
  { specversion: '1.0', type: 'Microsoft.Storage.BlobCreated', subject, data },
] as const;

/**
 * The JSON Schema of the messages that other systems put into the queue `export-requests`, made from the schemas that read them. The copy
 * in the repository, export-request.schema.json, is what others build on.
 */
export const contractSchema = () => {
  const registry = z.registry<{ id?: string | undefined }>();
  const parts = { RunOne, RunAll, EventGridEvent, CloudEvent, BlobData };
  for (const [id, schema] of Object.entries(parts)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { io: 'input', uri: (id) => `#/$defs/${id}` });
  const definitions = Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _, $id: _id, id: _name, ...schema }]) => [name, schema as Record<string, unknown>]),
  );
  // `data` is read once the event is known to be one of ours; what others send must fit it all the same
  for (const name of ['EventGridEvent', 'CloudEvent']) {
    const definition = definitions[name] as { properties: Record<string, unknown> };
    definition.properties = { ...definition.properties, data: { $ref: '#/$defs/BlobData' } };
  }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Messages of the queue export-requests',
    description:
      'One JSON object a message, as UTF-8 text or as base64 of it. Version 1: a request, or an event of the storage account that holds ' +
      'the source. What does not fit is moved to export-requests-poison with the reason.',
    anyOf: ['RunOne', 'RunAll', 'EventGridEvent', 'CloudEvent'].map((name) => ({ $ref: `#/$defs/${name}` })),
    examples,
    $defs: definitions,
  };
};
