import { columns as usualColumns, moreColumns } from './columns';
import { createQuote, defaultDialect, type Dialect } from './dialect';
import { refreshFolder, type SampleEntity, sampleEntity, type SampleModel, sampleModel } from './model';
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
    folder = sampleFolder,
    containerUrl = 'https://contosodata.blob.core.windows.net/customerinsights',
    previousModel,
  }: SampleOptions,
  { signal }: { signal: AbortSignal },
): Promise<{ manifest: SampleManifest; model: SampleModel }> => {
  const dialect = { ...defaultDialect, ...wanted };
  const seedNumber = typeof seed === 'number' ? hash(seed) : hashText(seed);
  const quote = createQuote(dialect);
  const columns = wide ? [...usualColumns, ...moreColumns] : usualColumns;
  const names = columns.map(({ name }) => quote(name)).join(dialect.delimiter) + dialect.lineEnd;
  const header = (dialect.byteOrderMark ? '\uFEFF' : '') + (dialect.columnHeaders ? names : '');
  const entities: SampleEntity[] = [];
  const counted: Record<string, SegmentCounts> = {};

  for (const { name, rows, partitions = 1, firstPerson = 0 } of segments) {
    const population = createPopulation(seedNumber, { name, rows, generation, churn, firstPerson });
    const putRow = createRows(seedNumber, dialect, { wide });
    const paths = Array.from(
      { length: partitions },
      (_, index) => `${folder}/${refreshFolder(name, refreshedAt)}/${name}_${index + 1}.csv`,
    );
    const border = (index: number) => Math.floor((population.slots * index) / partitions);
    for (const [index, path] of paths.entries()) {
      const members = population.members(border(index), border(index + 1));
      await sink.write(path, fileChunks(header, members, putRow), { signal });
    }
    entities.push(sampleEntity(name, paths, dialect, containerUrl, refreshedAt, columns));
    counted[name] = population.counts();
  }

  const model = sampleModel(entities, previousModel?.entities ?? [], refreshedAt);
  await sink.write(`${folder}/model.json`, [Buffer.from(JSON.stringify(model, undefined, 2))], { signal });
  return { manifest: { seed, generation, refreshedAt: refreshedAt.toISOString(), folder, segments: counted }, model };
};

/** What a sample of this seed would hold, without writing it. */
export const countSample = ({ name, rows, seed }: { name: string; rows: number; seed: number }): SegmentCounts => {
  const plan = { name, rows, generation: 0, churn: { joiners: 0, changed: 0, leavers: 0 }, firstPerson: 0 };
  const population = createPopulation(hash(seed), plan);
  for (const _ of population.members(0, population.slots)); // walking counts
  return population.counts();
};
