import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ContainerClient } from '@azure/storage-blob';
import type { SampleModel } from './sample/model';
import { countSample, sampleFolder, writeSample } from './sample/sample';
import { createContainerSink } from './sample/sinks';

export const SOURCE_CONTAINER = 'customerinsights';

/** A segment of the local cloud and the Klaviyo list that it goes to. */
export interface LocalSegment {
  readonly name: string;
  readonly rows: number;
  readonly listId: string;
  readonly listName: string;
}

/** Lists and their ids are those that the Klaviyo sandbox begins with. */
export const sampleSegments: readonly LocalSegment[] = [
  { name: 'NewsletterReaders', rows: 5_000, listId: 'LIST5K', listName: 'Newsletter' },
  { name: 'HighValueSegment', rows: 25_000, listId: 'LIS25K', listName: 'High value' },
  { name: 'AllCustomers', rows: 100_000, listId: 'LI100K', listName: 'Everybody' },
];

/** The segment of `--rows N`, with a list of its own whose id comes from N: six characters, as Klaviyo's are. */
export const generatedSegment = (rows: number): LocalSegment => ({
  name: `Generated_${rows}`,
  rows,
  listId: `G${rows.toString(36).toUpperCase().padStart(5, '0')}`,
  listName: `Generated ${rows.toLocaleString('en')}`,
});

export interface SegmentManifest {
  readonly rows: number;
  readonly invalid: number;
  readonly duplicates: number;
  readonly distinctValid: number;
}
export interface Manifest {
  readonly segments: Readonly<Record<string, SegmentManifest>>;
}

/** Of all sample data. */
const SEED = 1;
/** Generated segments of earlier starts that the Dataverse stand-in still holds. */
const MAX_GENERATED = 20;

const manifestFile = (dataDir: string) => path.join(dataDir, 'sample', 'manifest.json');

const shown = ({ rows, invalid, duplicates, distinctValid }: SegmentManifest): SegmentManifest => ({
  rows,
  invalid,
  duplicates,
  distinctValid,
});

/** What earlier starts have written into the source. */
export const readManifest = (dataDir: string): Manifest => {
  try {
    return JSON.parse(readFileSync(manifestFile(dataDir), 'utf8')) as Manifest;
  } catch {
    return { segments: {} };
  }
};

const writeManifest = (dataDir: string, manifest: Manifest): void => {
  const file = manifestFile(dataDir);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(manifest, undefined, 2)}\n`);
  renameSync(`${file}.new`, file);
};

/** Generated segments of earlier starts, by the names in the manifest. */
const earlierSegments = (known: readonly string[]): readonly LocalSegment[] =>
  known.flatMap((name) => {
    const size = /^Generated_(\d+)$/.exec(name)?.[1];
    return size === undefined ? [] : [generatedSegment(Number(size))];
  });

/**
 * Chooses what to run: the segment that was named, else the generated one, else the smallest.
 * @throws Error naming the segments there are
 */
export const chooseSegment = (
  { segment, rows }: { segment?: string; rows?: number },
  known: readonly string[],
): { readonly chosen: LocalSegment; readonly wanted: readonly LocalSegment[] } => {
  const earlier = earlierSegments(known);
  const generated = rows === undefined ? [] : [generatedSegment(rows)];
  const all = [...sampleSegments, ...generated, ...earlier];
  const name = segment ?? generated[0]?.name ?? sampleSegments[0]!.name;
  const chosen = all.find((one) => one.name === name);
  if (chosen) return { chosen, wanted: [...sampleSegments, ...generated] };
  const names = [...new Set(all.map((one) => one.name))].join(', ');
  throw new Error(`There is no segment ${name}: choose one of ${names}, or make one with --rows N.`);
};

/** Of all segments that this data folder has had: those of the start before stay beside the ones that are wanted now. */
export const dataverseSegments = (wanted: readonly LocalSegment[], known: readonly string[]): readonly LocalSegment[] => {
  const earlier = earlierSegments(known).slice(-MAX_GENERATED);
  return [...new Map([...sampleSegments, ...earlier, ...wanted].map((segment) => [segment.name, segment])).values()];
};

/** Notes what the Dataverse stand-in holds, beside what the files hold: both come from the same customers. */
export const noteSegments = (segments: readonly LocalSegment[], { dataDir }: { dataDir: string }): void => {
  const { segments: before } = readManifest(dataDir);
  const counted = segments
    .filter(({ name }) => before[name] === undefined)
    .map(({ name, rows }) => [name, shown(countSample({ name, rows, seed: SEED }))]);
  writeManifest(dataDir, { segments: { ...before, ...(Object.fromEntries(counted) as Manifest['segments']) } });
};

/**
 * Writes segments as the Azure Blob export of Customer Insights does; those that an earlier start has written stay as they are.
 * @returns the names of those that were written now
 */
export const seedSegments = async (
  wanted: readonly LocalSegment[],
  { connectionString, dataDir, now, signal }: { connectionString: string; dataDir: string; now: Date; signal: AbortSignal },
): Promise<readonly string[]> => {
  const container = new ContainerClient(connectionString, SOURCE_CONTAINER);
  await container.createIfNotExists({ abortSignal: signal });
  const model = container.getBlockBlobClient(`${sampleFolder}/model.json`);
  const hasModel = await model.exists({ abortSignal: signal });
  const previousModel = hasModel
    ? (JSON.parse((await model.downloadToBuffer(0, undefined, { abortSignal: signal })).toString('utf8')) as SampleModel)
    : undefined;
  const before = readManifest(dataDir);
  const written = new Set(previousModel?.entities.map(({ name }) => name));
  const missing = wanted.filter(({ name }) => !written.has(name) || before.segments[name] === undefined);
  if (missing.length === 0) return [];
  const { manifest } = await writeSample(
    {
      segments: missing.map(({ name, rows }) => ({ name, rows })),
      seed: SEED,
      refreshedAt: now,
      sink: createContainerSink(container),
      containerUrl: container.url,
      previousModel,
    },
    { signal },
  );
  const counted = Object.entries(manifest.segments).map(([name, counts]) => [name, shown(counts)]);
  writeManifest(dataDir, { segments: { ...before.segments, ...(Object.fromEntries(counted) as Manifest['segments']) } });
  return missing.map(({ name }) => name);
};
