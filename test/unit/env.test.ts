import { parseEnv } from '../../shared/env';
import { createStorageClients } from '../../shared/platform/azure-clients';

const rest = {
  KEY_VAULT_URL: 'https://v.vault.azure.net',
  TENANT_ID: 't',
  SOURCE_KIND: 'dataverse',
  DATAVERSE_URL: 'https://x.crm.dynamics.com',
};
const addresses = {
  AzureWebJobsStorage__blobServiceUri: 'https://st.blob.core.chinacloudapi.cn/',
  AzureWebJobsStorage__queueServiceUri: 'https://st.queue.core.chinacloudapi.cn/',
  AzureWebJobsStorage__tableServiceUri: 'https://st.table.core.chinacloudapi.cn/',
};

it('takes the storage as the addresses of its services, as its name, or as a connection string', () => {
  for (const storage of [addresses, { AzureWebJobsStorage__accountName: 'st' }, { AzureWebJobsStorage: 'UseDevelopmentStorage=true' }]) {
    expect(() => parseEnv({ ...rest, ...storage })).not.toThrow();
  }
  expect(() => parseEnv(rest)).toThrow('AzureWebJobsStorage: expected a connection string here');
});

it('names the address that is missing beside the others', () => {
  const { AzureWebJobsStorage__queueServiceUri: _, ...some } = addresses;
  expect(() => parseEnv({ ...rest, ...some })).toThrow('AzureWebJobsStorage__queueServiceUri: expected the address of this service');
});

it('reaches the storage where its addresses say, in whichever cloud', () => {
  const env = parseEnv({ ...rest, ...addresses });
  const credential = { getToken: () => Promise.resolve(null) };
  const clients = createStorageClients(
    {
      blobUrl: env.AzureWebJobsStorage__blobServiceUri,
      queueUrl: env.AzureWebJobsStorage__queueServiceUri,
      tableUrl: env.AzureWebJobsStorage__tableServiceUri,
    },
    credential,
  );
  expect([clients.container('runs').url, clients.queue('export-runs').url, clients.table('exports').url]).toEqual([
    'https://st.blob.core.chinacloudapi.cn/runs',
    'https://st.queue.core.chinacloudapi.cn/export-runs',
    'https://st.table.core.chinacloudapi.cn',
  ]);
  const named = createStorageClients({ accountName: 'st' }, credential);
  expect(named.queue('export-runs').url).toBe('https://st.queue.core.windows.net/export-runs');
});

it('takes a connection string of Application Insights, and names one that is none', () => {
  const storage = { AzureWebJobsStorage__accountName: 'st' };
  const connectionString =
    'InstrumentationKey=00000000-0000-4000-8000-000000000000;IngestionEndpoint=https://x.in.applicationinsights.azure.com/';
  expect(parseEnv({ ...rest, ...storage, APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString })).toMatchObject({
    APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString,
    OTEL_SERVICE_NAME: 'customer-insights-to-klaviyo',
    OTEL_TRACES_SAMPLER: 'parentbased_always_on',
    OTEL_TRACES_SAMPLER_ARG: 1,
  });
  const wrong = { APPLICATIONINSIGHTS_CONNECTION_STRING: 'x', OTEL_TRACES_SAMPLER: 'some', OTEL_TRACES_SAMPLER_ARG: '7' };
  for (const name of Object.keys(wrong)) expect(() => parseEnv({ ...rest, ...storage, ...wrong })).toThrow(`${name}: `);
});
