import { existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const PROBE_BYTES = 256 * 1024;

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: make room',
  EDQUOT: 'your share of the disk is used up: make room',
  EFBIG: 'files may not become that big: raise the limit',
  EROFS: 'the disk is read-only: make it writable',
  EACCES: 'you may not write there: change its rights',
  EPERM: 'you may not write there: change its rights',
  ENOTDIR: 'a part of its path is a file',
};

const codeOf = (error: unknown): string | undefined => (error as { code?: string } | null)?.code;

/** Why nothing can be written into a folder, or where it does not exist into the one above it, or undefined where something can: tried with a file that is deleted again. */
const whyNotWritable = (folder: string): string | undefined => {
  let existing = folder;
  while (!existsSync(existing) && path.dirname(existing) !== existing) existing = path.dirname(existing);
  const file = path.join(existing, '.probe');
  try {
    writeFileSync(file, Buffer.alloc(PROBE_BYTES));
    return undefined;
  } catch (error) {
    return REASONS[codeOf(error) ?? ''] ?? (error as Error).message;
  } finally {
    try {
      rmSync(file, { force: true });
    } catch {
      // it was never made
    }
  }
};

/** An error's own words, those of its parts where it has none: many connections that were all refused, for instance. */
const wordsOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(wordsOf).join('; ');
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  return error.cause === undefined ? error.name : wordsOf(error.cause);
};

/**
 * What to tell somebody whose local cloud has ended: what failed, and first the reason where it is the data folder, which makes every part
 * fail in words of its own.
 */
export const troubleOf = (error: unknown, { dataDir }: { dataDir: string }): string => {
  const why = whyNotWritable(dataDir);
  const words = wordsOf(error);
  return why === undefined
    ? words
    : `The data folder ${dataDir} cannot be written, ${why}, or choose another one with --data DIR.\n${words}`;
};
