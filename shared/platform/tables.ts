import { type RestError, odata } from '@azure/data-tables';
import type { TableClient, TransactionAction } from '@azure/data-tables';
import type { z } from 'zod';
import { ConflictError, InvalidInputError, LimitError, NotFoundError, UpstreamError } from '../errors';
import { storageError } from './blobs';
import { errorFields } from './telemetry';
import type { Log } from './telemetry';

/** A parsed row with the ETag that its next change must name. */
export interface Stored<T> {
  readonly value: T;
  readonly etag: string;
}

/** A row that cannot be parsed. `error` may quote it, so it is not for a log as it is. */
export interface UnreadableRow {
  readonly row: string;
  readonly etag: string;
  readonly error: unknown;
}

/** Says of each version of an unreadable row once that there is one, without its content. */
export const createUnreadableLog = ({ log, partition }: { log: Log; partition: string }) => {
  const told = new Map<string, string>();
  return ({ row, etag, error }: UnreadableRow): void => {
    if (told.get(row) === etag) return;
    told.set(row, etag);
    log('row_unreadable', { partition, row, ...errorFields(error) });
  };
};

export interface RowKey {
  readonly partition: string;
  readonly row: string;
}

/** Azure's limit for a string property: 64 KiB of UTF-16; a row holds sixteen times that. */
const MAX_PROPERTY_CHARACTERS = 32_000;
/** What a row may hold as JSON, cut into several properties. */
const MAX_DOCUMENT_CHARACTERS = 448_000;
/** Rows that one transaction may change. */
const MAX_BATCH = 100;

/** A document as properties: document, document1, … */
const inParts = (document: string): { document: string } & Record<string, string> => {
  const parts: Record<string, string> = {};
  for (let part = 1; part * MAX_PROPERTY_CHARACTERS < document.length; part += 1) {
    parts[`document${part}`] = document.slice(part * MAX_PROPERTY_CHARACTERS, (part + 1) * MAX_PROPERTY_CHARACTERS);
  }
  return { ...parts, document: document.slice(0, MAX_PROPERTY_CHARACTERS) };
};

const requireSmall = (document: string, { what, maxCharacters }: { what: string; maxCharacters: number }): string => {
  if (document.length <= maxCharacters) return document;
  throw new LimitError({ code: 'too_large', message: `${what} is too large to be stored; make it smaller.` });
};

export const tableError = (error: unknown, what: string): Error => {
  const rest = error as RestError;
  if (error instanceof Error && (rest.statusCode === 409 || rest.statusCode === 412)) {
    return new ConflictError({ code: 'changed_meanwhile', message: `${what} was changed by somebody else meanwhile.`, cause: error });
  }
  if (error instanceof Error && rest.statusCode === 404) {
    return new NotFoundError({ code: 'not_found', message: `${what} does not exist (any more).`, cause: error });
  }
  return storageError(error, what);
};

/** Which rows of a partition: bounds of the row key, and values that properties beside the document must have. */
export interface RowRange {
  readonly from?: string;
  readonly below?: string;
  /** of `columns`; an undefined value asks for nothing */
  readonly where?: Readonly<Record<string, string | undefined>>;
}

const filterOf = (partition: string, { from, below, where = {} }: RowRange): string => {
  const parts = [odata`PartitionKey eq ${partition}`];
  if (from !== undefined) parts.push(odata`RowKey ge ${from}`);
  if (below !== undefined) parts.push(odata`RowKey lt ${below}`);
  for (const [name, value] of Object.entries(where)) if (value !== undefined) parts.push(`${name}${odata` eq ${value}`}`);
  return parts.join(' and ');
};

const tokenInvalid = (): InvalidInputError =>
  new InvalidInputError({
    code: 'token_invalid',
    message: 'This is not the token of a page; begin again without one, or follow nextLink.',
    pointer: '?token',
  });

/** What the service's library reads without asking: base64 of an object of strings (data-tables 13, continuationToken). */
const isToken = (token: string): boolean => {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64').toString('utf8'));
    return typeof value === 'object' && value !== null && Object.values(value).every((part) => typeof part === 'string');
  } catch {
    return false;
  }
};

/**
 * One kind of row in one table: a document of `schema` in one property, parsed whenever it is read, and replaced by version.
 * @param what how messages call a row, e.g. "The export"
 * @param maxCharacters of the document as JSON; above 32,000 it is cut into several properties (document, document1, …), at most 448,000
 * @param columns properties beside the document, so that the table service can choose by them
 */
export const createRows = <S extends z.ZodType>({
  table,
  schema,
  what,
  maxCharacters = MAX_PROPERTY_CHARACTERS,
  columns = () => ({}),
}: {
  table: TableClient;
  schema: S;
  what: string;
  maxCharacters?: number;
  columns?: (value: z.output<S>) => Readonly<Record<string, string>>;
}) => {
  type T = z.output<S>;
  const parse = (entity: { document?: unknown; etag?: unknown }): Stored<T> => {
    let document = String(entity.document);
    for (let part = 1; `document${part}` in entity; part += 1) document += String((entity as Record<string, unknown>)[`document${part}`]);
    return { value: schema.parse(JSON.parse(document)), etag: String(entity.etag) };
  };
  const entity = ({ partition, row }: RowKey, value: T) => {
    const document = requireSmall(JSON.stringify(value), { what, maxCharacters });
    return { ...columns(value), partitionKey: partition, rowKey: row, ...inParts(document) };
  };

  return {
    find: async ({ partition, row }: RowKey, { signal }: { signal: AbortSignal }): Promise<Stored<T> | undefined> => {
      try {
        return parse(await table.getEntity(partition, row, { abortSignal: signal }));
      } catch (error) {
        const known = tableError(error, what);
        if (known instanceof NotFoundError) return undefined;
        throw known;
      }
    },

    /** The same with the instant of its last change, by the clock of the table service. */
    findDated: async (
      { partition, row }: RowKey,
      { signal }: { signal: AbortSignal },
    ): Promise<(Stored<T> & { readonly writtenAt: Date }) | undefined> => {
      try {
        const found = await table.getEntity(partition, row, { abortSignal: signal });
        return { ...parse(found), writtenAt: new Date(found.timestamp ?? NaN) };
      } catch (error) {
        const known = tableError(error, what);
        if (known instanceof NotFoundError) return undefined;
        throw known;
      }
    },

    /** @throws ConflictError when there is one already */
    insert: async (key: RowKey, value: T, { signal }: { signal: AbortSignal }): Promise<Stored<T>> => {
      try {
        const answer = await table.createEntity(entity(key, value), { abortSignal: signal });
        return { value, etag: answer.etag ?? '' };
      } catch (error) {
        throw tableError(error, what);
      }
    },

    /** All of them or none, in one call; they must lie in one partition, at most 100. @throws ConflictError when one is there already */
    insertAll: async (
      entries: readonly { readonly key: RowKey; readonly value: T }[],
      { signal }: { signal: AbortSignal },
    ): Promise<void> => {
      try {
        await table.submitTransaction(
          entries.map(({ key, value }) => ['create', entity(key, value)]),
          { abortSignal: signal },
        );
      } catch (error) {
        throw tableError(error, what);
      }
    },

    /** @throws ConflictError when it is no longer the version of `ifMatch`; NotFoundError when it is gone */
    replace: async (key: RowKey, value: T, { ifMatch, signal }: { ifMatch: string; signal: AbortSignal }): Promise<Stored<T>> => {
      try {
        const answer = await table.updateEntity(entity(key, value), 'Replace', { etag: ifMatch, abortSignal: signal });
        return { value, etag: answer.etag ?? '' };
      } catch (error) {
        throw tableError(error, what);
      }
    },

    /**
     * Replaces several rows of one partition in one call: all or none. At most 100 rows and 4 MB.
     * @throws ConflictError when one is no longer the version of its `ifMatch`; NotFoundError when one is gone
     */
    replaceAll: async (
      changes: readonly { readonly key: RowKey; readonly value: T; readonly ifMatch: string }[],
      { signal }: { signal: AbortSignal },
    ): Promise<void> => {
      try {
        await table.submitTransaction(
          changes.map(({ key, value, ifMatch }) => ['update', entity(key, value), 'Replace', { etag: ifMatch }]),
          { abortSignal: signal },
        );
      } catch (error) {
        throw tableError(error, what);
      }
    },

    /** Writes whatever is there: only for projections, whose truth lies elsewhere. @returns its version */
    put: async (key: RowKey, value: T, { signal }: { signal: AbortSignal }): Promise<string> => {
      try {
        const answer = await table.upsertEntity(entity(key, value), 'Replace', { abortSignal: signal });
        return answer.etag ?? '';
      } catch (error) {
        throw tableError(error, what);
      }
    },

    /** Removes a row; one that is gone already is no error. @throws ConflictError when it is no longer the version of `ifMatch` */
    remove: async ({ partition, row }: RowKey, { ifMatch = '*', signal }: { ifMatch?: string; signal: AbortSignal }): Promise<void> => {
      try {
        await table.deleteEntity(partition, row, { etag: ifMatch, abortSignal: signal });
      } catch (error) {
        const known = tableError(error, what);
        if (!(known instanceof NotFoundError)) throw known;
      }
    },

    /**
     * Removes rows that nobody has written since an instant, by the clock of the table service, a hundred at a time.
     * @param batches at most so many hundreds
     * @returns how many went; another instance that clears the same ones ends this quietly
     */
    removeUntouchedSince: async (
      partition: string,
      instant: Date,
      { batches, signal }: { batches: number; signal: AbortSignal },
    ): Promise<number> => {
      const filter = odata`PartitionKey eq ${partition} and Timestamp lt ${instant}`;
      let removed = 0;
      try {
        const pages = table
          .listEntities({ queryOptions: { filter, select: ['PartitionKey', 'RowKey'] }, abortSignal: signal })
          .byPage({ maxPageSize: MAX_BATCH });
        for await (const page of pages) {
          if (page.length > 0) {
            const rows = page.map(({ partitionKey, rowKey }) => ({ partitionKey: partitionKey!, rowKey: rowKey! }));
            await table.submitTransaction(
              rows.map((row) => ['delete', row]),
              { abortSignal: signal },
            );
            removed += rows.length;
          }
          if ((batches -= 1) <= 0) break;
        }
      } catch (error) {
        const known = tableError(error, what);
        if (!(known instanceof NotFoundError)) throw known;
      }
      return removed;
    },

    /** All of them or none, in one call; they must lie in one partition, at most 100. @throws NotFoundError when one is gone already */
    removeAll: async (keys: readonly RowKey[], { signal }: { signal: AbortSignal }): Promise<void> => {
      try {
        await table.submitTransaction(
          keys.map(({ partition, row }) => ['delete', { partitionKey: partition, rowKey: row }]),
          { abortSignal: signal },
        );
      } catch (error) {
        throw tableError(error, what);
      }
    },

    /**
     * All rows of a partition in ascending order of row key, page by page.
     * @param unreadable leaves out a row that cannot be parsed, e.g. one of a newer version of the app, and says so; without it such a
     * row ends the list with an error
     */
    list: async function* (
      partition: string,
      { signal, unreadable, ...range }: { signal: AbortSignal; unreadable?: ((row: UnreadableRow) => void) | undefined } & RowRange,
    ): AsyncGenerator<Stored<T> & { row: string }> {
      try {
        const rows = table.listEntities<{ document: string }>({
          queryOptions: { filter: filterOf(partition, range) },
          abortSignal: signal,
        });
        for await (const row of rows) {
          let stored: Stored<T>;
          try {
            stored = parse(row);
          } catch (error) {
            if (unreadable === undefined) throw error;
            unreadable({ row: String(row.rowKey), etag: String(row.etag), error });
            continue;
          }
          yield { ...stored, row: String(row.rowKey) };
        }
      } catch (error) {
        throw tableError(error, what);
      }
    },

    /**
     * One page of a partition: at most `size` rows, also fewer where the service chose by columns, and the token that brings the next.
     * @throws InvalidInputError token_invalid, as tokens come back from outside
     */
    page: async (
      partition: string,
      { signal, size, token, ...range }: { signal: AbortSignal; size: number; token?: string } & RowRange,
    ): Promise<{ rows: readonly (Stored<T> & { row: string })[]; token?: string }> => {
      if (token !== undefined && !isToken(token)) throw tokenInvalid();
      try {
        const pages = table
          .listEntities<{ document: string }>({ queryOptions: { filter: filterOf(partition, range) }, abortSignal: signal })
          .byPage({ maxPageSize: size, ...(token === undefined ? {} : { continuationToken: token }) });
        for await (const page of pages) {
          const rows = page.map((row) => ({ ...parse(row), row: String(row.rowKey) }));
          return { rows, ...(page.continuationToken ? { token: page.continuationToken } : {}) };
        }
        return { rows: [] };
      } catch (error) {
        const known = tableError(error, what);
        throw token !== undefined && known instanceof UpstreamError && known.status === 400 ? tokenInvalid() : known;
      }
    },
  };
};

export type Rows<S extends z.ZodType> = ReturnType<typeof createRows<S>>;

/** One change of a transaction; a removal takes the row whatever its version, and needs it to be there. */
export type RowChange =
  | { readonly kind: 'insert'; readonly row: string; readonly value: unknown }
  | { readonly kind: 'replace'; readonly row: string; readonly value: unknown; readonly ifMatch: string }
  | { readonly kind: 'remove'; readonly row: string };

/**
 * Changes several rows of one partition at once: all of it, or nothing, by one call. Values are written as they are; whoever reads them
 * parses them.
 * @returns the new versions, in the order of the changes; '' for a row that is removed
 * @throws ConflictError already_exists when a row to insert is there, changed_meanwhile when one to replace has another version;
 * NotFoundError when one to replace or remove is not there
 */
export const createTransaction =
  ({ table, what }: { table: TableClient; what: string }) =>
  async (partition: string, changes: readonly RowChange[], { signal }: { signal: AbortSignal }): Promise<readonly string[]> => {
    const actions = changes.map((change): TransactionAction => {
      const key = { partitionKey: partition, rowKey: change.row };
      if (change.kind === 'remove') return ['delete', key];
      const document = requireSmall(JSON.stringify(change.value), { what, maxCharacters: MAX_DOCUMENT_CHARACTERS });
      const entity = { ...key, ...inParts(document) };
      return change.kind === 'insert' ? ['create', entity] : ['update', entity, 'Replace', { etag: change.ifMatch }];
    });
    try {
      const { subResponses } = await table.submitTransaction(actions, { abortSignal: signal });
      return subResponses.map(({ etag }) => etag ?? '');
    } catch (error) {
      if (error instanceof Error && (error as RestError).statusCode === 409)
        throw new ConflictError({ code: 'already_exists', message: `${what} exists already.`, cause: error });
      throw tableError(error, what);
    }
  };
