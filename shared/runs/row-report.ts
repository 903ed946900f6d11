import { z } from 'zod';
import { RunId } from '../ids';
import type { Blobs } from '../platform/blobs';
import { csvLine } from '../streams/csv';
import { reasonOf } from './row-reasons';

/**
 * invalid = we refused the row, duplicates = another row of the same address was taken, rejected = Klaviyo refused it, held = its removal
 * waits for approval.
 */
export const RowStage = z.enum(['invalid', 'duplicates', 'rejected', 'held']);
export type RowStage = z.infer<typeof RowStage>;
/** What prepare leaves out is written once per attempt to prepare; of several attempts the last counts. */
const leftOut = ['invalid', 'duplicates'] as const;
type LeftOut = (typeof leftOut)[number];
const isLeftOut = (stage: RowStage): stage is LeftOut => (leftOut as readonly RowStage[]).includes(stage);

/** A row that did not get there, as the report shows it. */
export interface ReportedRow {
  readonly customerId: string;
  readonly email: string;
  readonly segment: string;
  readonly code: string;
  /** Klaviyo's own words, where there are any; of a duplicate, whose row was taken */
  readonly detail?: string;
  /** 0-based place in its batch, for rows that were sent */
  readonly row?: number;
}

const FLUSH_CHARACTERS = 256 * 1024;

/**
 * Reports of rows that prepare leaves out are append blobs, and a blob's kind cannot be counted on to change in place: they are written anew beside their
 * name, then removed, then given it back. The names of the spare ones are found like all others, so that whoever comes next completes it.
 */
const isAppended = (name: string): boolean => leftOut.some((stage) => name.includes(`/rows/${stage}-`));
const isSpare = (name: string): boolean => name.includes('/rows/~');
const spareOf = (name: string): string => name.replace('/rows/', '/rows/~');
const nameOf = (spare: string): string => spare.replace('/rows/~', '/rows/');

const parseRow = (line: string): ReportedRow | undefined => {
  try {
    return JSON.parse(line) as ReportedRow;
  } catch {
    return undefined;
  }
};

/** A text as it stands inside a line of NDJSON, in lower case. */
const wantedIn = (text: string): string => JSON.stringify(text).slice(1, -1).toLowerCase();

/** NDJSON in parts of a fair size. */
async function* ndjsonParts(rows: AsyncIterable<ReportedRow>): AsyncGenerator<Uint8Array> {
  let text = '';
  for await (const row of rows) {
    text += `${JSON.stringify(row)}\n`;
    if (text.length > FLUSH_CHARACTERS) {
      yield Buffer.from(text);
      text = '';
    }
  }
  if (text !== '') yield Buffer.from(text);
}

/** Rows that did not get there, per run and stage, as NDJSON in the container `runs`; read back as CSV of any size. */
export const createRowReports = ({ blobs }: { blobs: Blobs }) => {
  const leftOutName = (runId: RunId, stage: LeftOut, attempt: number) =>
    `${runId}/rows/${stage}-${String(attempt).padStart(4, '0')}.ndjson`;
  const rejectedName = (runId: RunId, batch: number, how: 'stripped' | 'failed') =>
    `${runId}/rows/rejected-${String(batch).padStart(5, '0')}-${how}.ndjson`;
  const heldName = (runId: RunId) => `${runId}/rows/held-0001.ndjson`;

  /** Whole lines, some at a time. */
  async function* readLines(name: string, { signal }: { signal: AbortSignal }): AsyncGenerator<readonly string[]> {
    if (!(await blobs.findProperties(name, { signal }))) return;
    const { stream } = await blobs.readOn(name, { signal });
    let rest = '';
    stream.setEncoding('utf8');
    for await (const part of stream as AsyncIterable<string>) {
      const lines = (rest + part).split('\n');
      rest = lines.pop() ?? '';
      yield lines;
    }
  }

  /** Gives a rewritten report its name, unless the old one is still there: then whoever wrote the spare one died before it counted. */
  const putBack = async (spare: string, { signal }: { signal: AbortSignal }): Promise<void> => {
    const name = nameOf(spare);
    const properties = await blobs.findProperties(spare, { signal });
    if (properties && !(await blobs.findProperties(name, { signal }))) {
      const parts = async function* (): AsyncGenerator<Uint8Array> {
        yield* (await blobs.read(spare, { signal })).stream as AsyncIterable<Uint8Array>;
      };
      await blobs.writeStream(name, parts, properties.bytes, { signal, ifNoneMatch: '*' });
    }
    await blobs.remove(spare, { signal });
  };

  /** The reports of a stage: of several attempts to prepare only the last counts. */
  const countingNames = async (runId: RunId, stage: RowStage, { signal }: { signal: AbortSignal }): Promise<readonly string[]> => {
    const names: string[] = [];
    for await (const { name } of blobs.list(`${runId}/rows/${stage}-`, { signal })) names.push(name);
    return isLeftOut(stage) ? names.slice(-1) : names;
  };

  async function* readNdjson(name: string, options: { signal: AbortSignal }): AsyncGenerator<ReportedRow> {
    for await (const lines of readLines(name, options)) for (const line of lines) yield JSON.parse(line) as ReportedRow;
  }

  return {
    /** Collects the rows that prepare leaves out; `room` must be awaited between chunks, `end` at the end. */
    leftOutWriter: (runId: RunId, stage: LeftOut, attempt: number, { signal }: { signal: AbortSignal }) => {
      let text = '';
      let at = 0;
      const flush = async (): Promise<void> => {
        if (text === '') return;
        const body = Buffer.from(text);
        text = '';
        await blobs.append(leftOutName(runId, stage, attempt), body, { at, signal });
        at += body.length;
      };
      return {
        add: (row: ReportedRow): void => {
          text += `${JSON.stringify(row)}\n`;
        },
        room: (): Promise<void> | undefined => (text.length > FLUSH_CHARACTERS ? flush() : undefined),
        end: flush,
      };
    },

    /** Writes (again) which rows of a batch Klaviyo refused: at the admission (stripped) or while it processed the job (failed). */
    writeRejected: (
      runId: RunId,
      batch: number,
      how: 'stripped' | 'failed',
      rows: readonly ReportedRow[],
      { signal }: { signal: AbortSignal },
    ) => blobs.write(rejectedName(runId, batch, how), rows.map((row) => `${JSON.stringify(row)}\n`).join(''), { signal }),

    readRejected: async function* (runId: RunId, batch: number, options: { signal: AbortSignal }): AsyncGenerator<ReportedRow> {
      yield* readNdjson(rejectedName(runId, batch, 'stripped'), options);
      yield* readNdjson(rejectedName(runId, batch, 'failed'), options);
    },

    /** Every rejected row of a run. */
    readAllRejected: async function* (runId: RunId, { signal }: { signal: AbortSignal }): AsyncGenerator<ReportedRow> {
      for await (const { name } of blobs.list(`${runId}/rows/rejected-`, { signal })) yield* readNdjson(name, { signal });
    },

    /** Writes the people whose removal is held. */
    writeHeld: (runId: RunId, rows: AsyncIterable<ReportedRow>, { signal }: { signal: AbortSignal }) =>
      blobs.writeParts(heldName(runId), ndjsonParts(rows), { signal }),

    /**
     * Rows of all reports of a run in whose text something stands, case aside. Only lines that may hold it are parsed, as a report can
     * have a million; a row may hold it in another field than the one that is meant.
     */
    find: async function* (
      runId: RunId,
      text: string,
      { signal }: { signal: AbortSignal },
    ): AsyncGenerator<{ stage: RowStage; row: ReportedRow }> {
      const wanted = wantedIn(text);
      const names: string[] = [];
      for await (const { name } of blobs.list(`${runId}/rows/`, { signal })) names.push(name);
      // of several attempts to prepare only the last counts
      const isLast = (stage: RowStage, name: string): boolean =>
        name === names.findLast((other) => other.startsWith(`${runId}/rows/${stage}-`));
      for (const name of names) {
        const stage = RowStage.options.find((one) => name.startsWith(`${runId}/rows/${one}-`));
        if (stage === undefined || (isLeftOut(stage) && !isLast(stage, name))) continue;
        for await (const lines of readLines(name, { signal })) {
          if (!lines.join('\n').toLowerCase().includes(wanted)) continue;
          for (const line of lines) if (line.toLowerCase().includes(wanted)) yield { stage, row: JSON.parse(line) as ReportedRow };
        }
      }
    },

    /**
     * The first rows of a stage, or of those the ones of one address or reason. Reads no further than it must, and parses only lines that
     * may be meant, as a report can have a million.
     * @param size at most so many
     * @returns `more`: there are others
     */
    look: async (
      runId: RunId,
      stage: RowStage,
      { email, code, size, signal }: { email?: string | undefined; code?: string | undefined; size: number; signal: AbortSignal },
    ): Promise<{ rows: ReportedRow[]; more: boolean }> => {
      const address = email?.trim().toLowerCase();
      const wanted = address === undefined ? undefined : wantedIn(address);
      const wantedCode = code === undefined ? undefined : JSON.stringify(code);
      const rows: ReportedRow[] = [];
      for (const name of await countingNames(runId, stage, { signal })) {
        for await (const lines of readLines(name, { signal })) {
          for (const line of lines) {
            if (wanted !== undefined && !line.toLowerCase().includes(wanted)) continue;
            if (wantedCode !== undefined && !line.includes(wantedCode)) continue;
            const row = parseRow(line);
            if (row === undefined || (address !== undefined && row.email.trim().toLowerCase() !== address)) continue;
            if (code !== undefined && row.code !== code) continue;
            if (rows.length === size) return { rows, more: true };
            rows.push(row);
          }
        }
      }
      return { rows, more: false };
    },

    /** Names of the reports of all runs in ascending order, those after `after` only. */
    readNames: async function* ({ after, signal }: { after: string; signal: AbortSignal }): AsyncGenerator<{ name: string; runId: RunId }> {
      for await (const { name } of blobs.list('', { signal })) {
        const [runId, folder] = name.split('/');
        if (folder === 'rows' && name > after) yield { name, runId: RunId.parse(runId) };
      }
    },

    /**
     * Writes a report anew where something stands in it, case aside; else leaves it as it is. Read twice and never held whole.
     * @param change what a row is to become; undefined takes it out, and so goes a line that cannot be read
     * @returns how many rows were changed or taken out
     * @throws ConflictError when somebody wrote the report meanwhile
     */
    rewrite: async (
      name: string,
      text: string,
      change: (row: ReportedRow) => ReportedRow | undefined,
      { signal }: { signal: AbortSignal },
    ): Promise<number> => {
      const properties = await blobs.findProperties(name, { signal });
      if (!properties) return 0;
      if (isSpare(name)) {
        await putBack(name, { signal });
        return 0;
      }
      const wanted = wantedIn(text);
      let changed = 0;
      const parts = async function* (): AsyncGenerator<Uint8Array> {
        changed = 0;
        for await (const lines of readLines(name, { signal })) {
          if (lines.length === 0) continue;
          if (!lines.join('\n').toLowerCase().includes(wanted)) {
            yield Buffer.from(`${lines.join('\n')}\n`);
            continue;
          }
          const left = lines.flatMap((line) => {
            if (!line.toLowerCase().includes(wanted)) return [line];
            const row = parseRow(line);
            const next = row && change(row);
            if (row === undefined || next !== row) changed += 1;
            return next === undefined ? [] : [next === row ? line : JSON.stringify(next)];
          });
          if (left.length > 0) yield Buffer.from(`${left.join('\n')}\n`);
        }
      };
      let bytes = 0;
      for await (const part of parts()) bytes += part.byteLength;
      const found = changed;
      if (found === 0) return 0;
      if (!isAppended(name)) {
        await blobs.writeStream(name, parts, bytes, { signal, ifMatch: properties.etag });
        return found;
      }
      await blobs.writeStream(spareOf(name), parts, bytes, { signal });
      await blobs.remove(name, { signal, ifMatch: properties.etag });
      await putBack(spareOf(name), { signal });
      return found;
    },

    /** @returns how many files there were */
    removeAll: (runId: RunId, { signal }: { signal: AbortSignal }) => blobs.removeAll(`${runId}/rows/`, { signal }),

    /** Whether anything of a stage is there. */
    has: async (runId: RunId, stage: RowStage, { signal }: { signal: AbortSignal }): Promise<boolean> => {
      for await (const _ of blobs.list(`${runId}/rows/${stage}-`, { signal })) return true;
      return false;
    },

    /** The report as CSV with a header line. */
    readCsv: async function* (runId: RunId, stage: RowStage, { signal }: { signal: AbortSignal }): AsyncGenerator<string> {
      yield csvLine(['CustomerId', 'Email', 'Segment', 'Stage', 'Code', 'Detail', 'WhatToDo']);
      for (const name of await countingNames(runId, stage, { signal })) {
        let text = '';
        for await (const row of readNdjson(name, { signal })) {
          text += csvLine([row.customerId, row.email, row.segment, stage, row.code, row.detail ?? '', reasonOf(row.code)]);
          if (text.length > FLUSH_CHARACTERS) {
            yield text;
            text = '';
          }
        }
        if (text !== '') yield text;
      }
    },
  };
};

export type RowReports = ReturnType<typeof createRowReports>;
