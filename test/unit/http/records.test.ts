import { registerHttp } from '../../../functions/http/register-all';
import { ActivityKind } from '../../../shared/activity/kinds';
import { parseEnv } from '../../../shared/env';
import { createServices } from '../../../shared/services';

const storage =
  'DefaultEndpointsProtocol=http;AccountName=none;AccountKey=bm9uZQ==;TableEndpoint=http://127.0.0.1:1/none;BlobEndpoint=http://127.0.0.1:1/none;QueueEndpoint=http://127.0.0.1:1/none;';
const services = createServices(
  parseEnv({
    AzureWebJobsStorage: storage,
    KEY_VAULT_URL: 'https://vault.example',
    TENANT_ID: 'tenant',
    SOURCE_CONNECTION_STRING: storage,
    SOURCE_CONTAINER: 'lake',
    SOURCE_FOLDER: 'folder',
  }),
);
afterAll(() => services.klaviyo.close());
const definitions = registerHttp({ http: () => undefined }, services);

/** They look like changes, but store nothing and tell nothing that reading would not. */
const SILENT = ['duplicateExport', 'nextRuns', 'overlapSegments', 'testConnection'];

it('every route that changes something says how the activity log calls it', () => {
  const silent = definitions.filter(({ method, records }) => method !== 'GET' && !records).map(({ operation }) => operation);
  expect(silent.filter((operation) => !SILENT.includes(operation))).toEqual([]);
});

it('every download is recorded', () => {
  const downloads = definitions.filter(({ answers }) => Object.values(answers).some(({ stream }) => stream?.startsWith('text/csv')));
  expect(downloads.map(({ operation }) => operation)).toContain('readRunRows');
  expect(downloads.filter(({ records }) => !records)).toEqual([]);
});

it('every kind that a route records is one of the log’s', () => {
  for (const { records } of definitions) if (records) expect(ActivityKind.options).toContain(records);
});

it('nothing is recorded for callers that nobody knows', () => {
  expect(definitions.filter(({ who, records }) => who === 'open' && records)).toEqual([]);
});
