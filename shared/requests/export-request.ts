import { z } from 'zod';
import { ExportId } from '../ids';

/** What both kinds of request may carry. */
const common = {
  version: z.literal(1),
  requestId: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('The sender’s own id of this request: sent again, it starts nothing again. Without it, the id of the message counts.'),
  traceparent: z
    .string()
    .regex(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/, 'expected a W3C traceparent')
    .optional()
    .describe('W3C trace context of the sender.'),
};

export const RunOne = z
  .strictObject({
    ...common,
    type: z.literal('run'),
    exportId: ExportId.describe('The export to run; a detached or paused one is refused.'),
    full: z.boolean().default(false).describe('Sends everybody, changed or not.'),
    dryRun: z.boolean().default(false).describe('Prepares and counts, and sends nothing.'),
  })
  .meta({
    id: 'RunOne',
    description: 'Runs one export, whatever its schedule; answered by the active run where one of the same kind is under way.',
  });
export type RunOne = z.infer<typeof RunOne>;

export const RunAll = z
  .strictObject({ ...common, type: z.literal('runAll') })
  .meta({ id: 'RunAll', description: 'Runs all exports with an active schedule; detached, paused and manual ones are left out.' });
export type RunAll = z.infer<typeof RunAll>;

/** The queue `export-requests`: the contract that other systems write to. */
export const ExportRequest = z.discriminatedUnion('type', [RunOne, RunAll]).meta({ id: 'ExportRequest' });
export type ExportRequest = z.infer<typeof ExportRequest>;

/** What storage says of a blob; Event Grid's schema and CloudEvents 1.0 carry the same `data`. */
export const BlobData = z
  .object({
    api: z.string().describe('What wrote it: PutBlob, PutBlockList, CopyBlob and FlushWithClose count, the others are left alone.'),
    eTag: z.string().optional().describe('Version of model.json or of the manifest: each starts an export once.'),
    url: z
      .string()
      .optional()
      .describe('Address of the blob; its path must be that of the source’s model.json, or of a *.manifest.cdm.json beside it.'),
  })
  .meta({ id: 'BlobData' });

/** An event in Event Grid's own schema, as far as it is read. Both come from Azure, so unknown fields are no error. */
export const EventGridEvent = z
  .object({
    eventType: z.string().describe('Microsoft.Storage.BlobCreated; others are left alone.'),
    subject: z.string().describe('/blobServices/default/containers/{container}/blobs/{folder}/model.json, or a *.manifest.cdm.json there'),
    data: z.unknown(),
  })
  .meta({ id: 'EventGridEvent' });

/** A CloudEvent 1.0, as far as it is read. */
export const CloudEvent = z
  .object({
    specversion: z.literal('1.0'),
    type: z.string().describe('Microsoft.Storage.BlobCreated; others are left alone.'),
    subject: z
      .string()
      .optional()
      .describe('/blobServices/default/containers/{container}/blobs/{folder}/model.json, or a *.manifest.cdm.json there'),
    data: z.unknown(),
  })
  .meta({ id: 'CloudEvent' });

/**
 * An event of a storage account: in Event Grid's own schema, or as a CloudEvent.
 * @see azure-docs, event-schema-blob-storage
 */
export const BlobEvent = z.union([
  CloudEvent.transform(({ type, subject, data }) => ({ type, subject, data })),
  EventGridEvent.transform(({ eventType, subject, data }) => ({ type: eventType, subject, data })),
]);
export type BlobEvent = z.infer<typeof BlobEvent>;

/** Calls after which a blob has its content. CreateFile is not among them: Data Lake raises it with nothing written yet. */
const WRITTEN_BY = new Set(['PutBlob', 'PutBlockList', 'CopyBlob', 'FlushWithClose']);

/** Where the source's model.json, or its manifest, lies; undefined for a source without one. */
export interface SourceFolder {
  readonly container: string;
  readonly folder: string;
  /** whether model.json is there: a manifest beside it says nothing, see `createCdmFolderSource` */
  readonly hasModel: (options: { signal: AbortSignal }) => Promise<boolean>;
}

export type ReadEvent =
  | {
      readonly kind: 'refreshed';
      /** version of what was written, without quotes */ readonly eTag: string;
      readonly by: 'model' | 'manifest';
    }
  | { readonly kind: 'ignored'; readonly why: 'type' | 'api' | 'blob' }
  | { readonly kind: 'wrong'; readonly reason: string };

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** What stands in the source's folder itself and says what the folder holds: written last, it means that a refresh is done. */
const DESCRIBES = /^(?:model\.json|[^/]+\.manifest\.cdm\.json)$/;

/** The name of such a file at a place: container and blob of a subject, or the path of an address: its first part may be the account's name (as in Azurite). */
const descriptionAt = (place: string, { container, folder }: Omit<SourceFolder, 'hasModel'>): string | undefined => {
  const root = [container, folder.replace(/^\/+|\/+$/g, '')].filter((part) => part !== '').join('/');
  const inRoot = (path: string): string | undefined => {
    const name = path.startsWith(`${root}/`) ? path.slice(root.length + 1) : '';
    return DESCRIBES.test(name) ? name : undefined;
  };
  const subject = /^\/blobServices\/[^/]+\/containers\/([^/]+)\/blobs\/(.+)$/.exec(place);
  if (subject) return inRoot(`${subject[1]}/${subject[2]}`) ?? inRoot(`${subject[1]}/${decoded(subject[2]!)}`);
  if (!URL.canParse(place)) return undefined;
  const path = decoded(new URL(place).pathname).slice(1);
  return inRoot(path) ?? inRoot(path.replace(/^[^/]+\//, ''));
};

/** Whether a parsed message is an event rather than a request of the contract. */
export const looksLikeEvent = (value: object): boolean => 'specversion' in value || 'eventType' in value;

/** What an event means for us: only a finished write of the source's own model.json, or of a manifest that stands in for it, says that a refresh is done. */
export const readBlobEvent = ({ type, subject, data }: BlobEvent, source: Omit<SourceFolder, 'hasModel'> | undefined): ReadEvent => {
  if (type !== 'Microsoft.Storage.BlobCreated') return { kind: 'ignored', why: 'type' };
  const blob = BlobData.safeParse(data);
  if (!blob.success) return { kind: 'wrong', reason: 'The event has no data.api; expected a BlobCreated event of a storage account.' };
  const { api, eTag, url } = blob.data;
  const places = [subject, url].filter((place) => place !== undefined && place !== '') as string[];
  const [name, ...others] = source ? places.map((place) => descriptionAt(place, source)) : [];
  if (name === undefined || others.some((other) => other !== name)) return { kind: 'ignored', why: 'blob' };
  if (!WRITTEN_BY.has(api)) return { kind: 'ignored', why: 'api' };
  const version = eTag?.replace(/^(W\/)?"|"$/g, '') ?? '';
  return version === ''
    ? { kind: 'wrong', reason: 'The event has no data.eTag.' }
    : { kind: 'refreshed', eTag: version, by: name === 'model.json' ? 'model' : 'manifest' };
};
