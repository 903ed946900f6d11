import { RestError } from '@azure/data-tables';
import type { TableClient } from '@azure/data-tables';
import type { Blobs } from './blobs';
import { storageError } from './blobs';
import type { Queue } from './queues';

/**
 * Makes the tables, queues and containers that are missing. On Azure the template has made them all; the local cloud and a
 * storage account set up by hand have not. One after the other: a dozen small calls, once per start.
 */
export const ensureStorage = async (
  {
    tables,
    queues,
    containers,
  }: {
    tables: Readonly<Record<string, TableClient>>;
    queues: Readonly<Record<string, Pick<Queue<unknown>, 'ensure'>>>;
    containers: Readonly<Record<string, Blobs>>;
  },
  { signal }: { signal: AbortSignal },
): Promise<void> => {
  for (const table of Object.values(tables)) {
    try {
      await table.createTable({ abortSignal: signal });
    } catch (error) {
      // TableAlreadyExists; the SDK swallows it in most versions
      if (!(error instanceof RestError && error.statusCode === 409)) throw storageError(error, 'The table');
    }
  }
  for (const queue of Object.values(queues)) await queue.ensure({ signal });
  for (const container of Object.values(containers)) await container.ensure({ signal });
};
