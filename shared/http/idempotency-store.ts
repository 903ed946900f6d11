import type { TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { ConflictError, LimitError, NotFoundError } from '../errors';
import { createRows } from '../platform/tables';
import type { Stored } from '../platform/tables';

/** An answer as it was given, to be given again. */
const KeptAnswer = z.object({
  status: z.int(),
  headers: z.record(z.string(), z.string()),
  /** JSON */
  body: z.unknown().optional(),
});
export type KeptAnswer = z.infer<typeof KeptAnswer>;

const Row = z.object({
  /** keyed digest of caller and key */
  id: z.string(),
  /** names what is done, through all attempts of this one request, so that it can be found; absent in rows of earlier versions */
  workId: z.string().optional(),
  /** of the one call that holds the key */
  attempt: z.string(),
  /** of the request, to tell another one under the same key */
  fingerprint: z.string(),
  startedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  /** absent while the first call is at work */
  answer: KeptAnswer.optional(),
  /** it was done, but what it answered is too large to be kept */
  answerLeftOut: z.boolean().default(false),
  /** the last attempt was refused or failed: the key is free */
  failed: z.boolean().default(false),
});
export type KeyRow = z.infer<typeof Row> & { readonly etag: string };

const PARTITION = 'key';
/** An answer above this, about a thousand runs, cannot be kept. */
const MAX_CHARACTERS = 440_000;
/** Hundreds of expired rows that go at a time. */
const BATCHES = 5;

const keyOf = (id: string) => ({ partition: PARTITION, row: id });
const asRow = ({ value, etag }: Stored<z.infer<typeof Row>>): KeyRow => ({ ...value, etag });

/** One row per Idempotency-Key of the last day, all in one partition: read by key, cleared away by age. */
export const createIdempotencyStore = ({ table }: { table: TableClient }) => {
  const rows = createRows({ table, schema: Row, what: 'The idempotency key', maxCharacters: MAX_CHARACTERS });
  type Options = { signal: AbortSignal };
  /** Undefined where another call was quicker. */
  const orLost = async (write: Promise<Stored<z.infer<typeof Row>>>): Promise<KeyRow | undefined> => {
    try {
      return asRow(await write);
    } catch (error) {
      if (error instanceof ConflictError || error instanceof NotFoundError) return undefined;
      throw error;
    }
  };
  return {
    insert: (row: z.infer<typeof Row>, { signal }: Options) => orLost(rows.insert(keyOf(row.id), row, { signal })),
    find: async (id: string, { signal }: Options): Promise<KeyRow | undefined> => {
      const found = await rows.find(keyOf(id), { signal });
      return found && asRow(found);
    },
    /** Replaces the version that `etag` names. An answer that is too large is left out, with a note. */
    replace: async ({ etag, ...row }: KeyRow, { signal }: Options): Promise<KeyRow | undefined> => {
      const write = (value: z.infer<typeof Row>) => orLost(rows.replace(keyOf(row.id), value, { ifMatch: etag, signal }));
      try {
        return await write(row);
      } catch (error) {
        if (!(error instanceof LimitError)) throw error;
        return write({ ...row, answer: undefined, answerLeftOut: true });
      }
    },
    /** @returns how many rows went that nobody has written since `instant` */
    removeExpired: (instant: Date, { signal }: Options) => rows.removeUntouchedSince(PARTITION, instant, { batches: BATCHES, signal }),
  };
};

export type IdempotencyStore = ReturnType<typeof createIdempotencyStore>;
