import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { columns as usualColumns, moreColumns, projectedColumn } from './columns';
import { createQuote, defaultDialect, type Dialect } from './dialect';
import { encodePath, refreshFolder, type SampleEntity, sampleEntity, sampleManifest, type SampleModel, sampleModel } from './model';
import { type Churn, createPopulation, type Member, type SegmentCounts } from './population';
import { hash, hashText } from './random';
import { createRows, maxRowBytes } from './rows';
import type { SampleSink } from './sinks';

/** Folder of the export in the container; `SOURCE_FOLDER` of the local cloud. */
export const sampleFolder = 'CustomerInsights_3f2a7c1e-8d54-4b6f-9a0e-5c1d2e7b4a90/KlaviyoExport';

export interface SampleSegment {
  readonly name: string;
  /** Rows of the first generation. */
  readonly rows: number;
  /** Files; 1 by default. */
  readonly partitions?: number;
  /** The first customer, a multiple of 100; 0 by default, so that segments share people, the smaller lying in the larger. */
  readonly firstPerson?: number;
}

export interface SampleOptions {
  readonly segments: readonly SampleSegment[];
  /** Same seed, same bytes. */
  readonly seed: number | string;
  readonly refreshedAt: Date;
  readonly sink: SampleSink;
  /** Which refresh this is; 0, the first, by default. */
  readonly generation?: number;
  readonly churn?: Churn;
  readonly dialect?: Partial<Dialect>;
  /** Three columns more, as wide as a real profile: about 185 bytes a row in place of 145. */
  readonly wide?: boolean;
  /** A column more, of which a customer has several values: every third customer comes twice or three times. */
  readonly repeated?: boolean;
  /** Files packed with gzip, as `.csv.gz`. */
  readonly gzip?: boolean;
  /** A folder between that of the export and those of its tables. */
  readonly subfolder?: string;
  /** `dfs`: locations name the other endpoint of an account, and a snapshot, as some writers do. */
  readonly locations?: 'own' | 'dfs';
  /** The columns stand in another order in the description than in the files, whose header tells. */
  readonly reordered?: boolean;
  /** A manifest in place of model.json. */
  readonly manifest?: boolean;
  readonly folder?: string;
  /** Beginning of the locations in model.json, container included. */
  readonly containerUrl?: string;
  /** An earlier model.json: its other segments stay in the new one. */
  readonly previousModel?: SampleModel;
}

/** What a sample holds, counted while it was made. */
export interface SampleManifest {
  readonly seed: number | string;
  readonly generation: number;
  readonly refreshedAt: string;
  readonly folder: string;
  readonly segments: Readonly<Record<string, SegmentCounts>>;
}

const chunkBytes = 1024 * 1024;

/** The bytes of one file, in chunks that are not touched again. */
function* fileChunks(header: string, members: Iterable<Member>, putRow: ReturnType<typeof createRows>): Generator<Buffer> {
  let chunk = Buffer.allocUnsafe(chunkBytes);
  let end = chunk.write(header, 'utf8');
  for (const member of members) {
    end = putRow(member, chunk, end);
    if (end + maxRowBytes <= chunkBytes) continue;
    yield chunk.subarray(0, end);
    chunk = Buffer.allocUnsafe(chunkBytes);
    end = 0;
  }
  yield chunk.subarray(0, end);
}

/** Chunks hold whole rows, so each can be written in the other encoding by itself. */
function* toUtf16(chunks: Iterable<Buffer>): Generator<Buffer> {
  yield Buffer.from([0xff, 0xfe]);
  for (const chunk of chunks) yield Buffer.from(chunk.toString('utf8').replace(/^\uFEFF/, ''), 'utf16le');
}

/** How many rows a customer has in a segment that repeats them. */
const repeatsOf = (seed: number, person: number): number => [1, 1, 1, 1, 2, 3][hash(seed, 10, person) % 6]!;

/** The rows of each customer, one after the other; what they add to the counts is added there. */
function* repeated(
  members: Iterable<Member>,
  seed: number,
  more: { rows: number; invalid: number; duplicates: number },
): Generator<Member> {
  for (const member of members) {
    yield member;
    for (let repeat = 1; repeat < repeatsOf(seed, member.person); repeat += 1) {
      more.rows += 1;
      if (member.kind === 'bad') more.invalid += 1;
      else more.duplicates += 1;
      yield { ...member, repeat };
    }
  }
}

/**
 * Writes segments as the Azure Blob export of Customer Insights does: the files of each table, then model.json.
 * @returns the manifest, and the model for the next refresh
 */
export const writeSample = async (
  {
    segments,
    seed,
    refreshedAt,
    sink,
    generation = 0,
    churn = { joiners: 0.05, changed: 0.02, leavers: 0.05 },
    dialect: wanted = {},
    wide = false,
    repeated: repeats = false,
    gzip = false,
    subfolder,
    locations = 'own',
    reordered = false,
    manifest: asManifest = false,
    folder = sampleFolder,
    containerUrl = 'https://contosodata.blob.core.windows.net/customerinsights',
    previousModel,
  }: SampleOptions,
  { signal }: { signal: AbortSignal },
): Promise<{ manifest: SampleManifest; model: SampleModel }> => {
  const dialect = { ...defaultDialect, ...wanted };
  const seedNumber = typeof seed === 'number' ? hash(seed) : hashText(seed);
  const quote = createQuote(dialect);
  const columns = [...usualColumns, ...(wide ? moreColumns : []), ...(repeats ? [projectedColumn] : [])];
  const names = columns.map(({ name }) => quote(name)).join(dialect.delimiter) + dialect.lineEnd;
  const header = (dialect.byteOrderMark ? '\uFEFF' : '') + (dialect.columnHeaders ? names : '');
  const entities: SampleEntity[] = [];
  const written: { entity: SampleEntity; paths: readonly string[] }[] = [];
  const counted: Record<string, SegmentCounts> = {};

  for (const { name, rows, partitions = 1, firstPerson = 0 } of segments) {
    const population = createPopulation(seedNumber, { name, rows, generation, churn, firstPerson });
    const putRow = createRows(seedNumber, dialect, { wide, projected: repeats });
    const paths = Array.from({ length: partitions }, (_, index) =>
      [folder, subfolder, refreshFolder(name, refreshedAt), `${name}_${index + 1}.csv${gzip ? '.gz' : ''}`]
        .filter((part) => part !== undefined)
        .join('/'),
    );
    const border = (index: number) => Math.floor((population.slots * index) / partitions);
    const more = { rows: 0, invalid: 0, duplicates: 0 };
    for (const [index, path] of paths.entries()) {
      const members = population.members(border(index), border(index + 1));
      const rowsOfFile = repeats ? repeated(members, seedNumber, more) : members;
      const plain = fileChunks(header, rowsOfFile, putRow);
      const text = dialect.encoding === 'utf-16le' ? toUtf16(plain) : plain;
      await sink.write(path, gzip ? Readable.from(text).pipe(createGzip({ level: 1 })) : text, { signal });
    }
    const locationOf =
      locations === 'dfs'
        ? (path: string) =>
            `https://contosodata.dfs.core.windows.net/${new URL(containerUrl).pathname.split('/').at(-1)}/${encodePath(path)}?snapshot=2026-08-18T02:33:00.0000000Z`
        : undefined;
    const described = reordered ? [...columns].reverse() : columns;
    const entity = sampleEntity(name, paths, dialect, containerUrl, refreshedAt, described, locationOf);
    entities.push(entity);
    written.push({ entity, paths });
    const counts = population.counts();
    counted[name] = {
      ...counts,
      rows: counts.rows + more.rows,
      invalid: counts.invalid + more.invalid,
      duplicates: counts.duplicates + more.duplicates,
    };
  }

  const model = sampleModel(entities, previousModel?.entities ?? [], refreshedAt);
  const documents = asManifest
    ? sampleManifest(written, { folder, dialect, refreshedAt })
    : [{ name: `${folder}/model.json`, content: model }];
  for (const { name, content } of documents) await sink.write(name, [Buffer.from(JSON.stringify(content, undefined, 2))], { signal });
  return { manifest: { seed, generation, refreshedAt: refreshedAt.toISOString(), folder, segments: counted }, model };
};

/** What a sample of this seed would hold, without writing it. */
export const countSample = ({ name, rows, seed }: { name: string; rows: number; seed: number }): SegmentCounts => {
  const plan = { name, rows, generation: 0, churn: { joiners: 0, changed: 0, leavers: 0 }, firstPerson: 0 };
  const population = createPopulation(hash(seed), plan);
  for (const _ of population.members(0, population.slots)); // walking counts
  return population.counts();
};
