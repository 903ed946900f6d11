import path from 'node:path';
import { parseEnv } from '../../../shared/env';
import { at, openBicep } from '../../support/bicep/bicep-file';
import { evaluate, type Value } from '../../support/bicep/evaluate';
import { createTemplate, readTexts, type Template } from '../../support/bicep/template';

/** What the template's expressions come to, worked out as a deployment would. */
let template: Template;
beforeAll(async () => {
  template = createTemplate(readTexts(path.resolve(__dirname, '../../../infra/azure')), await openBicep());
});

const IDENTITY = 'dddddddd-0000-4000-8000-000000000003';
const common = {
  identityClientId: IDENTITY,
  insightsConnectionString:
    'InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://we.in.applicationinsights.azure.com/',
  blobEndpoint: 'https://stx.blob.core.windows.net/',
  storageAccountName: 'stx',
  queueEndpoint: 'https://stx.queue.core.windows.net/',
  tableEndpoint: 'https://stx.table.core.windows.net/',
  keyVaultUrl: 'https://kv-x.vault.azure.net/',
  serviceName: 'ci-klaviyo-x',
  traceSamplingPercent: 10,
  sourceKind: 'cdm-folder',
  sourceAccountName: 'mylake',
  sourceContainer: 'customerinsights',
  sourceFolder: 'CustomerInsights_env/KlaviyoExport',
  dataverseUrl: '',
  dataverseClientId: '',
  dataverseSecretName: '',
  maxProfilesPerExport: 1_000_000,
  klaviyoGzip: true,
  allowFunctionKeys: false,
};
const dataverse = {
  sourceKind: 'dataverse',
  sourceAccountName: '',
  sourceContainer: '',
  sourceFolder: '',
  dataverseUrl: 'https://contoso.crm4.dynamics.com',
};

const settingsWith = (change: Partial<typeof common>): Record<string, string> => {
  const file = template.file('modules/settings.bicep');
  const value = evaluate(file, file.outputs.find(({ name }) => name === 'settings')!.value, { ...common, ...change });
  return value as Record<string, string>;
};

describe('the app settings', () => {
  it('are an environment that the app takes, for a folder', () => {
    const settings = settingsWith({});
    expect(Object.values(settings).filter((value) => typeof value !== 'string')).toEqual([]);
    expect(parseEnv(settings)).toMatchObject({
      AZURE_CLIENT_ID: IDENTITY,
      AzureWebJobsStorage__blobServiceUri: 'https://stx.blob.core.windows.net/',
      KEY_VAULT_URL: 'https://kv-x.vault.azure.net/',
      KEY_VAULT_VERIFY_CHALLENGE: true,
      SOURCE_KIND: 'cdm-folder',
      SOURCE_BLOB_URL: 'https://mylake.blob.core.windows.net',
      KLAVIYO_GZIP: true,
      ALLOW_FUNCTION_KEYS: false,
      MAX_PROFILES_PER_EXPORT: 1_000_000,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: 0.1,
      NOTIFICATION_PRIVATE_HOSTS: false,
      WEBSITE_AUTH_ENABLED: false,
    });
    expect(settings).not.toHaveProperty('DATAVERSE_URL');
  });

  it('are one for Dataverse, read by the app’s identity or by a registration of its own', () => {
    const own = settingsWith(dataverse);
    expect(parseEnv(own)).toMatchObject({ SOURCE_KIND: 'dataverse', DATAVERSE_URL: 'https://contoso.crm4.dynamics.com' });
    expect(Object.keys(own).filter((name) => /^(SOURCE_(?!KIND)|DATAVERSE_CLIENT|AZURE_AUTHORITY)/.test(name))).toEqual([]);

    const registered = settingsWith({ ...dataverse, dataverseClientId: IDENTITY, dataverseSecretName: 'dataverse' });
    expect(parseEnv(registered)).toMatchObject({
      DATAVERSE_CLIENT_ID: IDENTITY,
      DATAVERSE_SECRET_NAME: 'dataverse',
      AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/',
    });
  });

  it.each([
    [0, 0],
    [1, 0.01],
    [25, 0.25],
    [100, 1],
  ])('keep %d percent of traces', (traceSamplingPercent, ratio) => {
    expect(parseEnv(settingsWith({ traceSamplingPercent })).OTEL_TRACES_SAMPLER_ARG).toBe(ratio);
  });
});

describe('sign-in', () => {
  const excluded = (allowFunctionKeys: boolean): Value => {
    const file = template.file('modules/auth.bicep');
    const settings = file.resources.find(({ type }) => type === 'Microsoft.Web/sites/config')!;
    return evaluate(file, at(settings.object, 'properties', 'globalValidation', 'excludedPaths')!, { allowFunctionKeys });
  };

  it('is not asked for on health and the portal’s pages; for function keys only where they are allowed', () => {
    const open = excluded(false) as string[];
    expect(open).toEqual(expect.arrayContaining(['/portal', '/portal/*', '/api/health']));
    expect(open).not.toContain('/');
    expect(open.filter((pattern) => pattern.startsWith('/api/'))).toEqual(['/api/health']);
    const keyed = excluded(true) as string[];
    expect(keyed.filter((pattern) => !open.includes(pattern))).toEqual(['/api/system/*', '/api/system/*/*', '/api/system/*/*/*']);
  });

  it('is for one tenant, without a secret', () => {
    const file = template.file('modules/auth.bicep');
    const { object } = file.resources.find(({ type }) => type === 'Microsoft.Web/sites/config')!;
    const provider = evaluate(file, at(object, 'properties', 'identityProviders')!, { clientId: IDENTITY, allowedClientIds: [] });
    expect(provider).toMatchObject({
      azureActiveDirectory: {
        registration: {
          openIdIssuer: 'https://login.microsoftonline.com/aaaaaaaa-0000-4000-8000-000000000001/v2.0',
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID',
        },
        validation: { allowedAudiences: [`api://${IDENTITY}`, IDENTITY] },
      },
    });
  });
});

it.each([
  [[], []],
  [['another'], [IDENTITY, 'another']],
])('of the applications %j these may call: %j', (allowedClientIds, expected) => {
  const file = template.file('modules/auth.bicep');
  const { object } = file.resources.find(({ type }) => type === 'Microsoft.Web/sites/config')!;
  const provider = at(object, 'properties', 'identityProviders', 'azureActiveDirectory', 'validation', 'defaultAuthorizationPolicy')!;
  expect(evaluate(file, provider, { clientId: IDENTITY, allowedClientIds })).toEqual({
    allowedApplications: expected,
    allowedPrincipals: {},
  });
});

it.each([true, false])('the owner of the source is asked to approve its endpoint where nobody has rights there: %j', (asksForSource) => {
  const file = template.file('modules/private-endpoints.bicep');
  const given = { asksForSource, storageAccountId: '/st', vaultId: '/kv', sourceAccountId: '/source' };
  const endpoints = evaluate(file, { kind: 'name', name: 'endpoints', line: 0 }, given) as { name: string; asks: boolean }[];
  expect(endpoints.filter(({ asks }) => asks).map(({ name }) => name)).toEqual(asksForSource ? ['source'] : []);
  const { object } = file.resources.find(({ type }) => type === 'Microsoft.Network/privateEndpoints')!;
  for (const endpoint of endpoints) {
    const properties = evaluate(file, at(object, 'properties')!, { ...given, subnetId: '/subnet', endpoint }) as Record<string, object[]>;
    const { privateLinkServiceConnections: plain, manualPrivateLinkServiceConnections: manual } = properties;
    expect([endpoint.name, plain!.length, manual!.length]).toEqual([endpoint.name, endpoint.asks ? 0 : 1, endpoint.asks ? 1 : 0]);
  }
});

it('the site leaves out the update strategy where it is the default', () => {
  const file = template.file('modules/function-app.bicep');
  const { object } = file.resources.find(({ type }) => type === 'Microsoft.Web/sites')!;
  const given = {
    deploymentContainerUrl: 'https://stx.blob.core.windows.net/deployment',
    identityId: '/id',
    instanceMemoryMB: 2048,
    maximumInstanceCount: 40,
  };
  const config = (change: Record<string, Value>) => evaluate(file, at(object, 'properties', 'functionAppConfig')!, { ...given, ...change });
  const plain = config({ updateStrategy: 'Recreate', alwaysReadyRunners: 0 });
  expect(plain).toMatchObject({
    runtime: { name: 'node', version: '24' },
    scaleAndConcurrency: { instanceMemoryMB: 2048, alwaysReady: [] },
  });
  expect(plain).not.toHaveProperty('siteUpdateStrategy');
  expect(config({ updateStrategy: 'RollingUpdate', alwaysReadyRunners: 1 })).toMatchObject({
    siteUpdateStrategy: { type: 'RollingUpdate' },
    scaleAndConcurrency: { alwaysReady: [{ name: 'function:advance-run', instanceCount: 1 }] },
  });
});

it.each([
  [0, 1],
  [10, 1],
  [39, 1],
  [40, 2],
  [100, 5],
])('with %d percent of traces crashes are told from %d seen on', (traceSamplingPercent, seen) => {
  const file = template.file('modules/alerts.bicep');
  expect(evaluate(file, { kind: 'name', name: 'crashesSeen', line: 0 }, { traceSamplingPercent })).toBe(seen);
});

it('the zones of private endpoints are those of Azure', () => {
  const file = template.file('modules/private-endpoints.bicep');
  expect(evaluate(file, { kind: 'name', name: 'zoneNames', line: 0 }, {})).toEqual([
    'privatelink.blob.core.windows.net',
    'privatelink.queue.core.windows.net',
    'privatelink.table.core.windows.net',
    'privatelink.vaultcore.azure.net',
  ]);
});
