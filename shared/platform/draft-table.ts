import { RestError } from '@azure/data-tables';
import type { TableClient, TransactionAction } from '@azure/data-tables';

interface Row {
  readonly partitionKey: string;
  readonly rowKey: string;
  readonly etag: string;
}
type Entity = Omit<Row, 'etag'>;
interface CallOptions {
  readonly etag?: string;
  readonly abortSignal?: AbortSignal;
}
type ListOptions = Parameters<TableClient['listEntities']>[0];

const keyOf = (partition: string, row: string): string => `${partition}\n${row}`;
const refused = (statusCode: number): RestError => new RestError(`the draft of a table answers ${statusCode}`, { statusCode });
/** What a query asks for: a partition, and a range of row keys; each of this app's queries names a partition. */
const wantedBy = (options: ListOptions): ((row: Row) => boolean) => {
  const filter = options?.queryOptions?.filter ?? '';
  const literal = (name: string, operator: string): string | undefined =>
    new RegExp(`${name} ${operator} '((?:[^']|'')*)'`).exec(filter)?.[1]?.replaceAll("''", "'");
  const partition = literal('PartitionKey', 'eq');
  const [from, above, to, below] = ['ge', 'gt', 'le', 'lt'].map((operator) => literal('RowKey', operator));
  return ({ partitionKey, rowKey }) =>
    (partition === undefined || partitionKey === partition) &&
    (from === undefined || rowKey >= from) &&
    (above === undefined || rowKey > above) &&
    (to === undefined || rowKey <= to) &&
    (below === undefined || rowKey < below);
};
const byKey = (one: Row, other: Row): number => (keyOf(one.partitionKey, one.rowKey) < keyOf(other.partitionKey, other.rowKey) ? -1 : 1);

/**
 * A table as it would be: reads see what is stored and, over it, what was written here; nothing written here is stored. Whoever does
 * something to a draft first learns from the same rules, in the same order, whether it could be done. A query answers with everything
 * at once, however small a page is asked for; conditions on other columns than the keys do not reach what was written here.
 */
export const createDraftTable = (table: TableClient): TableClient => {
  /** undefined: removed here */
  const written = new Map<string, (Row & Record<string, unknown>) | undefined>();
  let count = 0;

  const write = (entity: Entity): { etag: string } => {
    const etag = `W/"draft-${(count += 1)}"`;
    written.set(keyOf(entity.partitionKey, entity.rowKey), { ...entity, etag });
    return { etag };
  };
  const get = async (partition: string, row: string, options?: Parameters<TableClient['getEntity']>[2]) => {
    const key = keyOf(partition, row);
    if (!written.has(key)) return table.getEntity(partition, row, options);
    const found = written.get(key);
    if (found === undefined) throw refused(404);
    return found;
  };
  const require = async (partition: string, row: string, options: CallOptions): Promise<void> => {
    const { etag } = (await get(partition, row, { abortSignal: options.abortSignal })) as { etag?: string };
    if (options.etag !== undefined && options.etag !== '*' && options.etag !== etag) throw refused(412);
  };
  const exists = async (entity: Entity, options: { abortSignal?: AbortSignal }): Promise<boolean> => {
    try {
      await get(entity.partitionKey, entity.rowKey, options);
      return true;
    } catch (error) {
      if ((error as RestError).statusCode === 404) return false;
      throw error;
    }
  };

  const create = async (entity: Entity, options: CallOptions = {}) => {
    if (await exists(entity, options)) throw refused(409);
    return write(entity);
  };
  const replace = async (entity: Entity, _mode: unknown, options: CallOptions = {}) => {
    await require(entity.partitionKey, entity.rowKey, options);
    return write(entity);
  };
  const remove = async (partition: string, row: string, options: CallOptions = {}) => {
    await require(partition, row, options);
    written.set(keyOf(partition, row), undefined);
    return {};
  };

  async function* rows(options: ListOptions): AsyncGenerator<Row> {
    const all: Row[] = [];
    // what was written here takes the place of what is stored: by its whole key, which a query need not ask for
    const select = options?.queryOptions?.select;
    const asked = select ? { ...options, queryOptions: { ...options.queryOptions, select: [...select, 'PartitionKey'] } } : options;
    for await (const row of table.listEntities<Row>(asked)) {
      if (!written.has(keyOf(row.partitionKey, row.rowKey))) all.push(row);
    }
    const wanted = wantedBy(options);
    for (const row of written.values()) if (row !== undefined && wanted(row)) all.push(row);
    yield* all.sort(byKey);
  }
  async function* pages(options: ListOptions) {
    const page: Row[] = [];
    for await (const row of rows(options)) page.push(row);
    yield Object.assign(page, { continuationToken: undefined });
  }
  /** All or none, as the service does it. */
  const submit = async (actions: readonly TransactionAction[], options: { abortSignal?: AbortSignal } = {}) => {
    const before = actions.map(([, { partitionKey, rowKey }]) => {
      const key = keyOf(partitionKey, rowKey);
      return { key, known: written.has(key), row: written.get(key) };
    });
    try {
      const subResponses: { etag?: string }[] = [];
      for (const [kind, entity, third, fourth] of actions) {
        if (kind === 'create') subResponses.push(await create(entity, options));
        else if (kind === 'delete') subResponses.push(await remove(entity.partitionKey, entity.rowKey, options));
        else if (kind === 'upsert') subResponses.push(write(entity));
        else {
          const { etag } = (typeof third === 'object' ? third : (fourth ?? {})) as { etag?: string };
          subResponses.push(await replace(entity, undefined, { ...options, etag }));
        }
      }
      return { subResponses };
    } catch (error) {
      for (const { key, known, row } of before) {
        if (known) written.set(key, row);
        else written.delete(key);
      }
      throw error;
    }
  };

  const changed: Partial<Record<keyof TableClient, unknown>> = {
    getEntity: get,
    createEntity: create,
    updateEntity: replace,
    upsertEntity: async (entity: Entity) => write(entity),
    deleteEntity: remove,
    submitTransaction: submit,
    listEntities: (options?: ListOptions) => Object.assign(rows(options), { byPage: () => pages(options) }),
  };
  return new Proxy(table, {
    get: (_target, name) => {
      if (name in changed) return changed[name as keyof TableClient];
      throw new Error(`A draft of a table has no ${String(name)}.`);
    },
  });
};
