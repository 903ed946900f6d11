import { createHash } from 'node:crypto';
import { z } from 'zod';
import { InvalidInputError, NotFoundError, UpstreamError } from '../../errors';
import { releasePart } from '../../platform/blob-bytes';
import type { BlobProperties, Blobs } from '../../platform/blobs';
import { mapConcurrent } from '../../streams/map-concurrent';
import { fieldText, isFieldEmpty } from '../row-chunks';
import type {
  PartitionSnapshot,
  RowChunk,
  SegmentDescription,
  SegmentInfo,
  SegmentSnapshot,
  SegmentSource,
  SlowPart,
  SourceSnapshot,
} from '../segment-source';
import { createCsvScanner } from './csv-scanner';
import { readManifest } from './manifest';
import { MAX_MODEL_BYTES, type Model, type ModelEntity, modelMalformed, parseModel, partitionFormat } from './model-json';
import { isPacked, openPartition, partitionBytes } from './partition-bytes';
import { partitionPath } from './partition-path';

/** Calls for properties at a time: a large segment has some hundred files. */
const PROPERTIES_AT_ONCE = 8;
/** Files read at a time: one connection brings less than rows are handled (Azure's target for one blob is 60 MB a second). */
const FILES_AT_ONCE = 4;
const SAMPLE_CHARACTERS = 200;
/** Names looked at for a manifest; those of the folder itself come among those of its data. */
const MAX_NAMES = 20_000;
const NAMES_IN_ERROR = 10;

/** A partition as it lies in a snapshot; parsed again, as a run document may have been written by another version. */
const FilePartition = z.object({
  name: z.string(),
  etag: z.string(),
  bytes: z.number(),
  blob: z.string(),
  format: z.object({
    delimiter: z.string(),
    quoted: z.boolean(),
    quoteAnywhere: z.boolean(),
    header: z.boolean(),
    encoding: z.enum(['utf-8', 'utf-16le']),
  }),
});
type FilePartition = z.infer<typeof FilePartition>;

/** Where a file is read on: by its number, and whether its text had to be transcoded. */
const FilePlace = z.object({
  file: z.int().min(0),
  offset: z.int().min(0),
  row: z.int().min(0),
  blankRow: z.int().min(0).default(0),
  columns: z.array(z.string()),
  transcoded: z.boolean(),
});
type FilePlace = z.infer<typeof FilePlace>;
/** Where the files of a segment are read on: those that are open, and how many of all have been opened. */
const FilePlaces = z.object({ begun: z.int().min(0), open: z.array(FilePlace) });
type FilePlaces = z.infer<typeof FilePlaces>;
const Resume = z.object({ snapshotId: z.string(), segment: z.int().min(0), files: FilePlaces.optional() });

/** A file that describes the segments, as it was when it was read. */
interface SourceDocument {
  readonly name: string;
  readonly etag: string;
  readonly modifiedAt: string;
}
interface Described {
  readonly model: Model;
  /** the file that was read first, for messages */
  readonly file: string;
  readonly documents: readonly SourceDocument[];
}

const rootOf = (folder: string): string => folder.replaceAll(/^\/+|\/+$/g, '');

/** The blob that describes a folder, where it is there. */
export const modelJsonOf = (folder: string): string => [rootOf(folder), 'model.json'].filter((part) => part !== '').join('/');

export interface CdmFolderOptions {
  readonly blobs: Blobs;
  /** address of that container, without a signature: tells which locations in model.json are ours */
  readonly containerUrl: string;
  /** folder with model.json inside the container; '' = its root */
  readonly folder: string;
  /** how long nothing may have changed before a snapshot counts as whole */
  readonly quietSeconds: number;
  readonly now: () => Date;
}

/** A signature stands in the query. */
const withoutQuery = (url: string): string => new URL(url).origin + new URL(url).pathname;

/**
 * Segments as Customer Insights exports them to Blob Storage or Data Lake Storage Gen2: a folder with model.json and the CSV files it
 * names (customer-insights, section 3.1).
 */
export const createCdmFolderSource = ({ blobs, containerUrl, folder, quietSeconds, now }: CdmFolderOptions): SegmentSource => {
  const root = rootOf(folder);
  const inRoot = (name: string): string => (root === '' ? name : `${root}/${name}`);

  /** @throws NotFoundError when it is not there */
  const readWhole = async (
    file: string,
    { signal }: { signal: AbortSignal },
  ): Promise<{ content: Uint8Array; document: SourceDocument }> => {
    const opened = await blobs.openBytes(file, { signal });
    const { etag, bytes, modifiedAt } = opened;
    if (bytes > MAX_MODEL_BYTES) {
      opened.close();
      throw modelMalformed(file, `it is larger than ${MAX_MODEL_BYTES.toLocaleString('en')} bytes`);
    }
    const parts: Uint8Array[] = [];
    for await (const part of partitionBytes(blobs, opened, { blob: file, etag, bytes, encoding: 'utf-8' }, { signal })) parts.push(part);
    return { content: Buffer.concat(parts), document: { name: file, etag, modifiedAt } };
  };

  /** What the folder says of itself: model.json, or where there is none a manifest. */
  const readModel = async ({ signal }: { signal: AbortSignal }): Promise<Described> => {
    const file = modelJsonOf(folder);
    try {
      const { content, document } = await readWhole(file, { signal });
      return { model: parseModel(content, file), file, documents: [document] };
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
    const manifest = await findManifest({ signal });
    const documents: SourceDocument[] = [];
    const read = async (name: string): Promise<Uint8Array> => {
      try {
        const { content, document } = await readWhole(name, { signal });
        documents.push(document);
        return content;
      } catch (error) {
        if (!(error instanceof NotFoundError)) throw error;
        throw modelMalformed(manifest, `it names ${name}, which does not exist`);
      }
    };
    return { model: await readManifest(manifest, { containerUrl, root, read }), file: manifest, documents };
  };

  /** @throws UpstreamError folder_missing, model_missing */
  const findManifest = async ({ signal }: { signal: AbortSignal }): Promise<string> => {
    const missing = (code: string, message: string) => new UpstreamError('source', { code, message, retryable: false });
    const usual = inRoot('default.manifest.cdm.json');
    const found: string[] = [];
    let names = 0;
    try {
      if (await blobs.findProperties(usual, { signal })) return usual;
      for await (const { name } of blobs.list(inRoot(''), { signal })) {
        names += 1;
        const inFolder = name.slice(inRoot('').length);
        if (!inFolder.includes('/') && inFolder.endsWith('.manifest.cdm.json')) found.push(name);
        if (names === MAX_NAMES) break;
      }
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      throw missing('folder_missing', 'The container of the source does not exist; check the settings of the source.');
    }
    const [only] = found;
    if (only !== undefined && found.length === 1) return only;
    const folderName = root || 'of the source';
    if (found.length > 1) {
      throw missing(
        'model_missing',
        `The folder ${folderName} holds several manifests and neither model.json nor default.manifest.cdm.json; name one of them so.`,
      );
    }
    if (names > 0)
      throw missing('model_missing', `The folder ${folderName} holds no model.json; check that the export of Customer Insights has run.`);
    throw missing('folder_missing', `The folder ${folderName} does not exist or is empty; check the settings of the source.`);
  };

  const findEntity = (model: Model, name: string): ModelEntity => {
    const segments = model.entities.filter(isSegment);
    const entity = segments.find((candidate) => candidate.name === name);
    if (entity) return entity;
    const names = segments.slice(0, NAMES_IN_ERROR).map((segment) => segment.name);
    const more = segments.length > names.length ? ` and ${segments.length - names.length} more` : '';
    throw new NotFoundError({
      code: 'segment_unknown',
      message: `The source has no segment ${name}; ${names.length === 0 ? 'it has none at all' : `it has ${names.join(', ')}${more}`}.`,
    });
  };

  /** The files of an entity, with their properties where they exist. A partition without a location is only a schema. */
  const findFiles = async (entity: ModelEntity, file: string, { signal }: { signal: AbortSignal }) => {
    const named = entity.partitions.flatMap((partition) => {
      if (!partition.location) return [];
      const blob = partitionPath(partition.location, { containerUrl, pointer: partition.pointer, file });
      return [{ name: partition.name, blob, format: partitionFormat(partition, file) }];
    });
    const files: ((typeof named)[number] & { properties?: BlobProperties })[] = [];
    const look = mapConcurrent(named, async (one, options) => ({ ...one, properties: await blobs.findProperties(one.blob, options) }), {
      concurrency: PROPERTIES_AT_ONCE,
      signal,
    });
    for await (const one of look) files.push(one);
    return files;
  };

  /** Begins to read a file, or goes on with it: it is opened at once, its rows come when they are asked for. */
  const beginFile = (
    partition: FilePartition,
    number: number,
    { columns, fields, signal }: { columns: readonly string[]; fields: readonly string[]; signal: AbortSignal },
    from?: FilePlace,
  ) => {
    const file = { ...partition, encoding: partition.format.encoding };
    let transcoded = from?.transcoded ?? file.encoding !== 'utf-8';
    const isPlain = !transcoded && !isPacked(file);
    const openedAt = isPlain ? (from?.offset ?? 0) : 0;
    const skipBytes = isPlain ? 0 : (from?.offset ?? 0);
    const opening = openedAt > 0 && openedAt >= file.bytes ? undefined : openPartition(blobs, file, { offset: openedAt, signal });
    opening?.catch(() => undefined); // reported when its turn comes
    const scanner = createCsvScanner({ file: partition.blob, dialect: partition.format, columns, fields, ...(from ? { from } : {}) });
    const read = async function* (): AsyncGenerator<RowChunk, void> {
      if (opening) {
        const onTranscoded = (): void => void (transcoded = true);
        for await (const part of partitionBytes(blobs, await opening, file, { openedAt, skipBytes, onTranscoded, signal })) {
          yield* scanner.push(part);
          releasePart(part); // the scanner has copied it
        }
      }
      signal.throwIfAborted();
      yield* scanner.end();
    };
    const chunks = read();
    return {
      next: () => chunks.next(),
      place: (): FilePlace => {
        const { columns: order, ...place } = scanner.place();
        // nothing read yet: its header is still to come
        return { file: number, ...place, columns: [...order], transcoded };
      },
      /** Whoever reads may stop in the middle, or before the first row; the connection would stay. */
      close: async (): Promise<void> => {
        await chunks.return();
        opening?.then(
          (opened) => opened.close(),
          () => undefined,
        );
      },
    };
  };

  /**
   * Rows of several files, a chunk of each in turn. A chunk ends where its file says, not where the network does, so the order is the same
   * each time. The others are opened once somebody wants more than the first file's first rows.
   * @param from where an earlier reading stopped
   * @param onChunk told before each chunk how to find out where to go on behind it
   */
  const readFiles = async function* (
    files: readonly FilePartition[],
    options: { columns: readonly string[]; fields: readonly string[]; signal: AbortSignal },
    { from, onChunk }: { from?: FilePlaces | undefined; onChunk?: (places: () => FilePlaces) => void } = {},
  ): AsyncGenerator<RowChunk, void> {
    let begun = from?.begun ?? 0;
    const begin = (): ReturnType<typeof beginFile>[] => {
      const [number, file] = [begun, files[begun]];
      if (!file) return [];
      begun += 1;
      return [beginFile(file, number, options)];
    };
    const goOn = (place: FilePlace) => {
      const isBegun = place.offset > 0 || place.row > 0;
      return beginFile(files[place.file]!, place.file, options, isBegun ? place : undefined);
    };
    const open: ReturnType<typeof beginFile>[] = [];
    const places = (): FilePlaces => ({ begun, open: open.map((file) => file.place()) });
    try {
      open.push(...(from ? from.open.map(goOn) : begin()));
      if (open.length === 0) open.push(...begin());
      while (open.length > 0) {
        for (let turn = 0; turn < open.length;) {
          const chunk = await open[turn]!.next();
          if (chunk.done) {
            // the next one's first rows are asked for when its turn comes again
            const following = begin();
            open.splice(turn, 1, ...following);
            turn += following.length;
            continue;
          }
          onChunk?.(places);
          yield chunk.value;
          turn += 1;
          while (open.length < FILES_AT_ONCE && begun < files.length) open.push(...begin());
        }
      }
    } finally {
      await Promise.all(open.map((file) => file.close()));
    }
  };

  /** The files of a segment of a snapshot, and how their rows are found. @throws NotFoundError, InvalidInputError, UpstreamError */
  const toRead = (snapshot: SourceSnapshot, name: string, fields: readonly string[]) => {
    const segment = snapshot.segments.find((candidate) => candidate.name === name);
    if (!segment) throw new NotFoundError({ code: 'segment_unknown', message: `The snapshot does not hold the segment ${name}.` });
    const columns = segment.fields.map((field) => field.name);
    const unknown = fields.find((field) => !columns.includes(field));
    if (unknown !== undefined) {
      const some = columns.slice(0, NAMES_IN_ERROR).join(', ') + (columns.length > NAMES_IN_ERROR ? ' …' : '');
      throw new InvalidInputError({ code: 'field_unknown', message: `The segment ${name} has no field ${unknown}; it has ${some}.` });
    }
    const files = segment.partitions.map((partition) => FilePartition.parse(partition));
    const absent = files.find(({ etag }) => etag === '');
    if (absent) {
      throw new UpstreamError('source', {
        code: 'partition_missing',
        message: `The file ${absent.blob} of the segment ${name} does not exist.`,
        retryable: true,
      });
    }
    return { files, columns };
  };

  const source: SegmentSource = {
    kind: 'cdm-folder',
    location: [withoutQuery(containerUrl), root].filter((part) => part !== '').join('/'),

    listSegments: async ({ signal }) => {
      const { model } = await readModel({ signal });
      return model.entities.filter(isSegment).map(toInfo);
    },

    describeSegment: async (name, { samples: wanted = true, signal }): Promise<SegmentDescription> => {
      const { model, file } = await readModel({ signal });
      const entity = findEntity(model, name);
      const files = await findFiles(entity, file, { signal });
      const present = files.flatMap((one) => (one.properties ? [toFilePartition(one, one.properties)] : []));
      const samples = wanted ? await readSamples(entity, present, { signal }) : [];
      return {
        ...toInfo(entity),
        bytes: sum(present.map(({ bytes }) => bytes)),
        fields: entity.attributes.map(({ name: field, dataType }, index) => ({
          name: field,
          dataType,
          ...(samples[index] === undefined ? {} : { sample: samples[index] }),
        })),
      };
    },

    snapshot: async (names, { signal }) => {
      const { model, file, documents } = await readModel({ signal });
      const reasons: string[] = [];
      const changes = documents.map(({ modifiedAt }) => modifiedAt);
      const missing: { blob: string; partition: string; segment: string }[] = [];
      const segments: SegmentSnapshot[] = [];
      for (const name of new Set(names)) {
        const entity = findEntity(model, name);
        const files = await findFiles(entity, file, { signal });
        for (const one of files) {
          if (one.properties) changes.push(one.properties.modifiedAt);
          else missing.push({ blob: one.blob, partition: one.name, segment: name });
        }
        if (new Set(files.flatMap(({ blob }) => refreshFolderOf(blob) ?? [])).size > 1) {
          reasons.push(`The files of ${name} lie in the folders of several refreshes.`);
        }
        const partitions = files.map((one) => toFilePartition(one, one.properties));
        segments.push({
          name,
          ...refreshedAtOf(entity),
          bytes: sum(partitions.map(({ bytes }) => bytes)),
          fields: entity.attributes,
          partitions,
        });
      }

      const quietFor = (now().getTime() - Date.parse(changes.reduce((newest, one) => (one > newest ? one : newest)))) / 1000;
      const isQuiet = quietSeconds === 0 || quietFor >= quietSeconds;
      const [absent] = missing;
      if (absent && isQuiet) {
        throw new UpstreamError('source', {
          code: 'partition_missing',
          message: `${file} names the file ${absent.blob} (partition ${absent.partition} of ${absent.segment}), which does not exist; run the export of Customer Insights again.`,
          retryable: false,
        });
      }
      if (absent) reasons.push(`The file ${absent.blob} is named but not there yet.`);
      for (const { name, etag } of documents) {
        const after = await blobs.findProperties(name, { signal });
        if (after?.etag !== etag) reasons.push(`${name.split('/').at(-1)} was written again while it was read.`);
      }
      if (!isQuiet) {
        reasons.push(
          `The last file was written ${Math.max(0, Math.round(quietFor))} seconds ago; the export counts as finished when nothing has changed for ${quietSeconds} seconds.`,
        );
      }

      const refreshes = segments.flatMap(({ refreshedAt }) => refreshedAt ?? []).sort();
      const refreshedAt = refreshes.at(-1) ?? model.modifiedAt;
      return {
        id: snapshotId(segments),
        ...(refreshedAt === undefined ? {} : { refreshedAt }),
        complete: reasons.length === 0,
        ...(reasons.length === 0 ? {} : { reason: reasons[0]! }),
        segments,
      };
    },

    readRows: async function* ({ snapshot, segment, fields, signal }) {
      const { files, columns } = toRead(snapshot, segment, fields);
      yield* readFiles(files, { columns, fields, signal });
    },

    readSlowly: async function* ({ names, fieldsOf, from, signal }): AsyncGenerator<SlowPart, SourceSnapshot> {
      const snapshot = await source.snapshot(names, { signal });
      const at = from && Resume.parse(from.resume);
      if (at === undefined && !snapshot.complete) return snapshot;
      if (at !== undefined && at.snapshotId !== snapshot.id) {
        throw new UpstreamError('source', {
          code: 'source_changed',
          message: 'The segments were written again while they were read; they are read from the beginning.',
          retryable: true,
        });
      }
      for (const [index, { name, fields: known }] of snapshot.segments.entries()) {
        if (at !== undefined && index < at.segment) continue;
        const fields = fieldsOf(known);
        const { files, columns } = toRead(snapshot, name, fields);
        let places = (): FilePlaces | undefined => undefined;
        const onChunk = (told: () => FilePlaces): void => void (places = told);
        const went = index === at?.segment ? at.files : undefined;
        for await (const chunk of readFiles(files, { columns, fields, signal }, { from: went, onChunk }))
          yield { kind: 'rows', segment: name, chunk, resume: { snapshotId: snapshot.id, segment: index, files: places() } };
      }
      return { ...snapshot, complete: true };
    },
  };

  /** The first value that is not empty of each attribute, among the first rows. A file that cannot be read has no samples: a run says why. */
  const readSamples = async (
    entity: ModelEntity,
    files: readonly FilePartition[],
    { signal }: { signal: AbortSignal },
  ): Promise<(string | undefined)[]> => {
    const columns = entity.attributes.map(({ name }) => name);
    const samples: (string | undefined)[] = columns.map(() => undefined);
    try {
      for await (const chunk of readFiles(
        files.filter(({ bytes }) => bytes > 0),
        { columns, fields: columns, signal },
      )) {
        for (let row = 0; row < chunk.rowCount && samples.includes(undefined); row += 1) {
          for (const [field, sample] of samples.entries()) {
            if (sample === undefined && !isFieldEmpty(chunk, row, field)) {
              samples[field] = [...fieldText(chunk, row, field)].slice(0, SAMPLE_CHARACTERS).join('');
            }
          }
        }
        break;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof UpstreamError && error.service === 'source')) throw error;
    }
    return samples;
  };

  return source;
};

/**
 * What counts as a segment: everything with files, and everything with a CustomerId even when no file has been written yet. The file
 * says nothing better, so the Customer table counts, too: exporting all customers is a fair wish.
 */
const isSegment = ({ partitions, attributes }: ModelEntity): boolean =>
  partitions.some(({ location }) => location) || attributes.some(({ name }) => name.toLowerCase() === 'customerid');

const refreshedAtOf = ({ partitions }: ModelEntity): { refreshedAt?: string } => {
  const newest = partitions
    .flatMap(({ refreshTime }) => refreshTime ?? [])
    .sort()
    .at(-1);
  return newest === undefined ? {} : { refreshedAt: newest };
};

const toInfo = (entity: ModelEntity): SegmentInfo => ({
  name: entity.name,
  ...refreshedAtOf(entity),
  partitions: entity.partitions.filter(({ location }) => location).length,
});

const toFilePartition = (
  { name, blob, format }: Pick<FilePartition, 'name' | 'blob' | 'format'>,
  properties: BlobProperties | undefined,
): FilePartition & PartitionSnapshot => ({ name, etag: properties?.etag ?? '', bytes: properties?.bytes ?? 0, blob, format });

/** …/{yyyy}/{MM}/{dd}/{HHMM}/file: where files of one refresh lie together. */
const refreshFolderOf = (blob: string): string | undefined => /^(.*\/\d{4}\/\d{2}\/\d{2}\/\d{4})\/[^/]+$/.exec(blob)?.[1];

/** Equal data, equal id: files and how they are read; neither model.json's own ETag nor the order in which segments were asked for. */
const snapshotId = (segments: readonly SegmentSnapshot[]): string => {
  const sorted = [...segments].sort((one, other) => (one.name < other.name ? -1 : 1));
  const content = sorted.map(({ name, fields, partitions }) => [
    name,
    fields.map((field) => field.name),
    partitions.map((partition) => [partition.name, partition.etag, partition.blob, partition.format]),
  ]);
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
};

const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
