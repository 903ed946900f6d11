import { TableClient, TableServiceClient } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';

/** The activity log keeps what happened, the pace rows speak of accounts only. */
const KEPT = new Set(['activity', 'pacing']);

/** A row that stays for a day to tell others that an export was removed: it may name it by its id, and nothing else of it. */
const saysRemoved = (table: string, { partitionKey, document }: { partitionKey?: string; document?: unknown }): boolean =>
  table === 'exports' && partitionKey === 'export' && 'removedAt' in (JSON.parse(String(document)) as object);

/**
 * Where in a storage account something is named: blobs (name and content), table rows and waiting messages. Looks at everything there is.
 * @param needles ids or addresses, as they would stand there
 * @param except containers that are not looked into, e.g. the source
 */
export const tracesOf = async (
  connectionString: string,
  needles: readonly string[],
  { except = [] }: { except?: readonly string[] } = {},
): Promise<string[]> => {
  const found: string[] = [];
  const look = (where: string, content: string): void => {
    const text = `${where}\n${content}`;
    if (needles.some((needle) => text.includes(needle))) found.push(where);
  };
  const blobs = BlobServiceClient.fromConnectionString(connectionString);
  for await (const { name: container } of blobs.listContainers()) {
    if (except.includes(container)) continue;
    const client = blobs.getContainerClient(container);
    for await (const { name } of client.listBlobsFlat()) {
      look(`blob ${container}/${name}`, (await client.getBlobClient(name).downloadToBuffer()).toString('latin1'));
    }
  }
  const options = { allowInsecureConnection: true };
  for await (const { name = '' } of TableServiceClient.fromConnectionString(connectionString, options).listTables()) {
    if (KEPT.has(name)) continue;
    const entities = TableClient.fromConnectionString(connectionString, name, options).listEntities();
    for await (const entity of entities) {
      const where = `row ${name}/${entity.partitionKey}/${entity.rowKey}`;
      if (saysRemoved(name, entity)) look('row of a removed export', JSON.stringify(entity).replaceAll(String(entity.rowKey), ''));
      else look(where, JSON.stringify(entity));
    }
  }
  const queues = QueueServiceClient.fromConnectionString(connectionString);
  for await (const { name } of queues.listQueues()) {
    const { peekedMessageItems } = await queues.getQueueClient(name).peekMessages({ numberOfMessages: 32 });
    for (const { messageText } of peekedMessageItems) look(`message ${name}`, messageText);
  }
  return found;
};
