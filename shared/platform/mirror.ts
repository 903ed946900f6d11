import { odata } from '@azure/data-tables';
import type { TableClient } from '@azure/data-tables';
import type { Stored } from './tables';
import { createUnreadableLog, tableError } from './tables';
import type { Log } from './telemetry';

/**
 * A write counts as visible when its answer could have come: Azure ends a table operation after 30 s, and the clocks of its servers
 * differ by less than the rest.
 */
const OVERLAP_MS = 60_000;
/** After such a pause everything is read again; rows that say that something was removed must stay longer than this. */
export const MIRROR_MAX_IDLE_MS = 3_600_000;
/** So often everything is read again in any case, and what was deleted after all is forgotten. */
const WHOLE_EVERY_MS = 6 * MIRROR_MAX_IDLE_MS;
const READ_MS = 30_000;

/** Waits for something shared by several callers, each of whom may stop waiting. */
const untilAborted = async <T>(work: Promise<T>, signal: AbortSignal): Promise<T> => {
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
};

/**
 * A partition held in memory and brought up to date by one query for what has changed since, each time it is asked for. Rows are parsed
 * once per version. Callers who come while a read is under way share the next one, never the running one: so each sees what was written
 * before it asked, and fifty at once cost two reads. A row must not be deleted while somebody may remember it: it is replaced by one
 * that `parse` answers with undefined, for at least twice `MIRROR_MAX_IDLE_MS`.
 * @param log is told of rows that `parse` fails for, which are left out
 * @param monotonicMs a clock that never goes back
 */
export const createMirror = <T>({
  table,
  partition,
  parse,
  what,
  log,
  monotonicMs,
}: {
  table: TableClient;
  partition: string;
  /** a stored document → its value; undefined: there is nothing (any more) */
  parse: (document: unknown, row: string) => T | undefined;
  what: string;
  log: Log;
  monotonicMs: () => number;
}) => {
  type Held = { readonly etag: string; readonly value: T | undefined; readonly isUnreadable?: true };
  const tellUnreadable = createUnreadableLog({ log, partition });
  let held = new Map<string, Held>();
  let present = new Map<string, Stored<T>>();
  /** by the clock of the service */
  let since: Date | undefined;
  let readAtMs = -Infinity;
  let wholeAtMs = -Infinity;

  const heldOf = ({ row, etag, document }: { row: string; etag: string; document: string }): Held => {
    try {
      return { etag, value: parse(JSON.parse(document), row) };
    } catch (error) {
      tellUnreadable({ row, etag, error });
      return { etag, value: undefined, isUnreadable: true };
    }
  };

  const readOnce = async (): Promise<void> => {
    const beganMs = monotonicMs();
    const whole = since === undefined || beganMs - readAtMs > MIRROR_MAX_IDLE_MS || beganMs - wholeAtMs > WHOLE_EVERY_MS;
    const filter = odata`PartitionKey eq ${partition}` + (whole ? '' : ` and ${odata`Timestamp ge ${since}`}`);
    const read = new Map<string, Held>();
    let servedAt: Date | undefined;
    try {
      const pages = table
        .listEntities<{ document: string }>({
          queryOptions: { filter, select: ['RowKey', 'document'] },
          abortSignal: AbortSignal.timeout(READ_MS),
          onResponse: ({ headers }) => {
            const date = headers.get('date');
            servedAt ??= date === undefined ? undefined : new Date(date);
          },
        })
        .byPage();
      for await (const page of pages) {
        for (const { rowKey, etag, document } of page) {
          const row = String(rowKey);
          const known = held.get(row);
          read.set(row, known?.etag === etag ? known : heldOf({ row, etag, document }));
        }
      }
    } catch (error) {
      throw tableError(error, what);
    }
    // nothing is taken over before everything has been read
    if (whole) {
      held = read;
      present = new Map([...present].filter(([row]) => read.has(row)));
      wholeAtMs = beganMs;
    }
    for (const [row, entry] of read) {
      held.set(row, entry);
      if (entry.value === undefined) present.delete(row);
      else if (present.get(row)?.etag !== entry.etag) present.set(row, { value: entry.value, etag: entry.etag });
    }
    since = servedAt && new Date(servedAt.getTime() - OVERLAP_MS);
    readAtMs = beganMs;
  };

  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const begin = (): Promise<void> => {
    const mine = readOnce().finally(() => {
      if (running === mine) running = undefined;
    });
    running = mine;
    // those who wait see the error; if all of them have gone, nobody must
    mine.catch(() => undefined);
    return mine;
  };
  const nextRead = (): Promise<void> => {
    if (next) return next;
    if (!running) return begin();
    next = running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return begin();
      });
    next.catch(() => undefined);
    return next;
  };

  return {
    /**
     * The partition as it is now, by row key. What was read stays the same object until its version changes.
     * @throws UpstreamError when storage does not answer
     */
    read: async ({ signal }: { signal: AbortSignal }): Promise<ReadonlyMap<string, Stored<T>>> => {
      signal.throwIfAborted();
      await untilAborted(nextRead(), signal);
      return present;
    },

    /** Rows that were left out of the last read, as they cannot be parsed. */
    unreadable: (): string[] => [...held].filter(([, { isUnreadable }]) => isUnreadable).map(([row]) => row),
  };
};

export type Mirror<T> = ReturnType<typeof createMirror<T>>;
