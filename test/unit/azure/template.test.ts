import { readFileSync } from 'node:fs';
import path from 'node:path';
import { checkSchemas, hasSchemas, WITHOUT_SCHEMAS } from '../../support/bicep/arm-schema';
import { openBicep, type ReadBicep } from '../../support/bicep/bicep-file';
import { readProduct, type Product } from '../../support/bicep/product';
import { hardening, openPaths, roleAssignments, runtime } from '../../support/bicep/rules/access';
import { declaredNames, descriptions, syntax, tags, usedNames } from '../../support/bicep/rules/declarations';
import { events } from '../../support/bicep/rules/events';
import {
  conditionalOutputs,
  defaults,
  moduleOutputs,
  moduleParameters,
  parameterValues,
  sameParameters,
  unusedFiles,
} from '../../support/bicep/rules/modules';
import { alertRules, queries } from '../../support/bicep/rules/monitoring';
import { secrets } from '../../support/bicep/rules/secrets';
import { settings, settingValues } from '../../support/bicep/rules/settings';
import { lifecycle, stores } from '../../support/bicep/rules/stores';
import { readWords, type Words } from '../../support/bicep/telemetry-words';
import { createTemplate, readTexts, show, type Finding, type Template, type Texts } from '../../support/bicep/template';
import { describeWhere } from '../../support/skip';

/**
 * No Bicep compiler is at hand, and nothing here has been deployed: the template is held against Azure's published schemas and against
 * what the code needs. Each rule is seen failing, too, on a copy with one thing changed.
 */
const root = path.resolve(__dirname, '../../..');
const texts = readTexts(path.join(root, 'infra/azure'));
if (!hasSchemas) process.stderr.write(`Resources are not held against their schemas: ${WITHOUT_SCHEMAS}\n`);

type Rule = (template: Template, surroundings: { product: Product; words: Words }) => readonly Finding[];

const RULES: Readonly<Record<string, Rule>> = {
  'is Bicep': syntax,
  'declares every name that it uses': declaredNames,
  'uses every name that it declares': usedNames,
  'describes parameters and outputs': descriptions,
  'tags what can have tags': tags,
  'gives modules what they ask for': moduleParameters,
  'has defaults that it allows': defaults,
  'reads outputs that there are': moduleOutputs,
  'reads outputs of what may be left out in a choice': conditionalOutputs,
  'has no file that nobody uses': unusedFiles,
  'asks for the same in a subscription and in a resource group': sameParameters,
  'can be given every value by the environment': parameterValues,
  'tells no secret': secrets,
  'sets what the app reads, and nothing else': (template, { product }) => settings(template, product),
  'sets no value that is for the local cloud': settingValues,
  'makes the tables, queues and containers of the app': (template, { product }) => stores(template, product),
  'clears away staged blobs': lifecycle,
  'gives each identity its roles and no more': roleAssignments,
  'is hardened': hardening,
  'runs Node 24 where Flex Consumption looks for it': (template, { product }) => runtime(template, product),
  'leaves open what must be, and nothing else': (template, { product }) => openPaths(template, product),
  'sends the events that the app takes': (template, { product }) => events(template, product),
  'asks for telemetry that there is': (template, { words }) => queries(template, words),
  'has a rule for each alert': alertRules,
};

/** One thing changed in one file, which one rule must find, with words from what it says. */
type Mutation = readonly [rule: string, file: string, from: string, to: string, finding: string];

const MUTATIONS: readonly Mutation[] = [
  ['is Bicep', 'modules/auth.bicep', 'platform: {', 'platform: [', 'no Bicep'],
  ['is Bicep', 'main.bicepparam', "readEnvironmentVariable('AZURE_ENV_NAME')", "readEnvironmentVariable('AZURE_ENV_NAME'", ''],
  [
    'declares every name that it uses',
    'app.bicep',
    "params: {\n    name: 'id-${appName}'",
    "params: {\n    name: 'id-${apName}'",
    'apName is not declared',
  ],
  [
    'declares every name that it uses',
    'modules/storage.bicep',
    'concat(containerNames',
    'conkat(containerNames',
    'conkat() is no function',
  ],
  [
    'declares every name that it uses',
    'modules/roles.bicep',
    'param keyVaultName string',
    "param keyVaultName string\n@description('x')\nparam principalId string",
    'principalId is declared twice',
  ],
  ['declares every name that it uses', 'modules/roles.bicep', 'resource account ', 'resource guid ', 'hides the function guid()'],
  ['uses every name that it declares', 'modules/auth.bicep', 'concat(openPaths, keyedPaths)', 'openPaths', 'keyedPaths is not used'],
  [
    'uses every name that it declares',
    'modules/function-app.bicep',
    'instanceMemoryMB: instanceMemoryMB',
    'instanceMemoryMB: 2048',
    'instanceMemoryMB is not used',
  ],
  ['describes parameters and outputs', 'modules/identity.bicep', "@description('Azure region.')\n", '', 'location has no description'],
  ['describes parameters and outputs', 'modules/identity.bicep', "'Its client id, for settings.'", "''", 'clientId has no description'],
  ['tags what can have tags', 'modules/key-vault.bicep', '  tags: tags\n', '', 'vault has no tags'],
  ['gives modules what they ask for', 'app.bicep', '    retentionDays: vaultRetentionDays\n', '', 'keyVault: retentionDays is missing'],
  [
    'gives modules what they ask for',
    'app.bicep',
    'retentionDays: vaultRetentionDays',
    'retentionInDays: vaultRetentionDays',
    'has no parameter retentionInDays',
  ],
  [
    'gives modules what they ask for',
    'app.bicep',
    'retentionDays: vaultRetentionDays',
    "retentionDays: '${vaultRetentionDays}'",
    'retentionDays is string, expected int',
  ],
  [
    'gives modules what they ask for',
    'app.bicep',
    'settings: settings.outputs.settings',
    'settings: keyVault.outputs.vaultUrl',
    'settings is string, expected object',
  ],
  [
    'gives modules what they ask for',
    'app.bicep',
    'instanceMemoryMB: instanceMemoryMB',
    'instanceMemoryMB: 512',
    'instanceMemoryMB may not be 512',
  ],
  ['gives modules what they ask for', 'app.bicep', 'retentionDays: logRetentionDays', 'retentionDays: 7', 'retentionDays may not be 7'],
  ['gives modules what they ask for', 'app.bicep', "'modules/auth.bicep'", "'modules/sign-in.bicep'", 'modules/sign-in.bicep is not there'],
  [
    'gives modules what they ask for',
    'app.bicep',
    "targetScope = 'resourceGroup'",
    "targetScope = 'subscription'",
    'is for a resourceGroup',
  ],
  [
    'has defaults that it allows',
    'app.bicep',
    "param storageRedundancy string = 'Standard_ZRS'",
    "param storageRedundancy string = 'Premium_LRS'",
    'may not be Premium_LRS',
  ],
  [
    'has defaults that it allows',
    'app.bicep',
    'param privateNetwork bool = false',
    "param privateNetwork bool = 'no'",
    'privateNetwork is string, expected bool',
  ],
  [
    'reads outputs that there are',
    'app.bicep',
    'keyVault.outputs.vaultUrl',
    'keyVault.outputs.vaultUri',
    'keyVault has no output vaultUri',
  ],
  [
    'reads outputs that there are',
    'app.bicep',
    'network!.outputs.appSubnetId',
    'network!.outputs.subnetId',
    'network has no output subnetId',
  ],
  [
    'reads outputs of what may be left out in a choice',
    'app.bicep',
    "listensToSource ? sourceTopic!.outputs.name : ''",
    'sourceTopic!.outputs.name',
    'sourceTopic may not be deployed',
  ],
  [
    'reads outputs of what may be left out in a choice',
    'modules/network.bicep',
    "fixedOutboundAddress ? address!.properties.ipAddress : ''",
    'address!.properties.ipAddress',
    'address may not be deployed',
  ],
  ['has no file that nobody uses', 'modules/old.bicep', '', "@description('x')\noutput x string = ''", 'nobody uses this file'],
  [
    'asks for the same in a subscription and in a resource group',
    'main.bicep',
    'param logDailyCapGb int = 2',
    'param logDailyCapGb int = 3',
    'logDailyCapGb differs',
  ],
  [
    'asks for the same in a subscription and in a resource group',
    'main.bicep',
    '@maxValue(730)',
    '@maxValue(30)',
    'logRetentionDays differs',
  ],
  [
    'can be given every value by the environment',
    'main.bicepparam',
    'param networkPrefix = ',
    'param prefix = ',
    'main.bicep has no parameter prefix',
  ],
  [
    'can be given every value by the environment',
    'main.bicepparam',
    "int(readEnvironmentVariable('LOG_RETENTION_DAYS', '90'))",
    "readEnvironmentVariable('LOG_RETENTION_DAYS', '90')",
    'logRetentionDays is string',
  ],
  [
    'can be given every value by the environment',
    'main.bicepparam',
    "'LOG_DAILY_CAP_GB', '2'",
    "'LOG_DAILY_CAP_GB', '20'",
    '2 in main.bicep',
  ],
  [
    'can be given every value by the environment',
    'main.bicepparam',
    "readEnvironmentVariable('AUTH_CLIENT_ID')",
    "readEnvironmentVariable('AUTH_CLIENT_ID', '')",
    'a default exactly where',
  ],
  [
    'tells no secret',
    'modules/storage.bicep',
    'output accountName string = account.name',
    'output accountName string = account.listKeys().keys[0].value',
    'listKeys() reads a key',
  ],
  [
    'tells no secret',
    'modules/identity.bicep',
    'param name string',
    "param clientSecret string = ''\n@description('x')\nparam name string",
    'is not @secure()',
  ],
  [
    'tells no secret',
    'modules/identity.bicep',
    'output id string = identity.id',
    'output accessToken string = identity.id',
    'accessToken would tell a secret',
  ],
  [
    'sets what the app reads, and nothing else',
    'modules/settings.bicep',
    "  RUN_LEASE_SECONDS: '30'\n",
    '',
    'RUN_LEASE_SECONDS is read by the app and not set',
  ],
  [
    'sets what the app reads, and nothing else',
    'modules/settings.bicep',
    'KLAVIYO_BASE_URL:',
    'KLAVIYO_URL:',
    'KLAVIYO_URL is set and read by nobody',
  ],
  [
    'sets what the app reads, and nothing else',
    'modules/settings.bicep',
    "  RUN_LEASE_SECONDS: '30'\n",
    "  RUN_LEASE_SECONDS: '30'\n  WEBSITE_RUN_FROM_PACKAGE: '1'\n",
    'WEBSITE_RUN_FROM_PACKAGE must not be set',
  ],
  [
    'sets what the app reads, and nothing else',
    'modules/settings.bicep',
    "  RUN_LEASE_SECONDS: '30'\n",
    "  RUN_LEASE_SECONDS: '30'\n  WEBSITE_AUTH_ENABLED: 'true'\n",
    'WEBSITE_AUTH_ENABLED must not be set',
  ],
  [
    'sets what the app reads, and nothing else',
    'modules/settings.bicep',
    '  AZURE_CLIENT_ID: identityClientId\n',
    '',
    'AZURE_CLIENT_ID is read by the app and not set',
  ],
  [
    'sets what the app reads, and nothing else',
    'modules/settings.bicep',
    "  AzureWebJobsDisableHomepage: 'true'\n",
    '',
    'AzureWebJobsDisableHomepage is needed by the platform',
  ],
  [
    'sets what the app reads, and nothing else',
    'modules/settings.bicep',
    '? dataverseClientSettings : {}',
    '? {} : {}',
    'DATAVERSE_CLIENT_ID is read by the app',
  ],
  [
    'sets no value that is for the local cloud',
    'modules/settings.bicep',
    "NOTIFICATION_PRIVATE_HOSTS: 'false'",
    "NOTIFICATION_PRIVATE_HOSTS: 'true'",
    'NOTIFICATION_PRIVATE_HOSTS',
  ],
  [
    'sets no value that is for the local cloud',
    'modules/settings.bicep',
    "KEY_VAULT_VERIFY_CHALLENGE: 'true'",
    "KEY_VAULT_VERIFY_CHALLENGE: 'false'",
    'KEY_VAULT_VERIFY_CHALLENGE',
  ],
  [
    'makes the tables, queues and containers of the app',
    'modules/storage.bicep',
    "  'occurrences'\n",
    '',
    'the table occurrences is not made',
  ],
  [
    'makes the tables, queues and containers of the app',
    'modules/storage.bicep',
    "  'export-starts'\n",
    "  'export-start'\n",
    'the queue export-starts is not made',
  ],
  [
    'makes the tables, queues and containers of the app',
    'modules/storage.bicep',
    "  'figures'\n",
    "  'figures'\n  'reports'\n",
    'the container reports is used by nobody',
  ],
  [
    'clears away staged blobs',
    'modules/storage.bicep',
    'daysAfterModificationGreaterThan: 3 ',
    'daysAfterModificationGreaterThan: 300 ',
    'not removed after 3 days',
  ],
  ['clears away staged blobs', 'modules/storage.bicep', "['staged/']", "['stage/']", 'not removed after 3 days'],
  [
    'gives each identity its roles and no more',
    'modules/roles.bicep',
    "  tableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'\n",
    '',
    'missing: app on Microsoft.Storage/storageAccounts: Storage Table Data Contributor',
  ],
  [
    'gives each identity its roles and no more',
    'modules/operator-roles.bicep',
    '19e7f393-937e-4f77-808e-94535e297925',
    '974c5e8b-45b9-4653-ba55-5f855dd0fb88',
    'not needed: operator on Microsoft.Storage/storageAccounts: Storage Queue Data Contributor',
  ],
  [
    'gives each identity its roles and no more',
    'modules/source-role.bicep',
    '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1',
    'ba92f5b4-2d11-453d-a403-e96b0029c9fe',
    'not needed: app on the source: Storage Blob Data Contributor',
  ],
  [
    'gives each identity its roles and no more',
    'modules/roles.bicep',
    'scope: vault',
    'scope: account',
    'missing: app on Microsoft.KeyVault/vaults',
  ],
  [
    'gives each identity its roles and no more',
    'modules/roles.bicep',
    "'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'",
    "'8e3af657-a8ff-443c-a75c-2fe8c4bcb635'",
    'the unknown role',
  ],
  [
    'is hardened',
    'modules/storage.bicep',
    'allowSharedKeyAccess: false',
    'allowSharedKeyAccess: true',
    'allowSharedKeyAccess must be false',
  ],
  ['is hardened', 'modules/key-vault.bicep', '    enablePurgeProtection: true\n', '', 'enablePurgeProtection must be true'],
  [
    'is hardened',
    'modules/function-app.bicep',
    "name: 'ftp'\n    properties: { allow: false }",
    "name: 'ftp'\n    properties: { allow: true }",
    'ftpPassword: properties.allow must be false',
  ],
  ['is hardened', 'modules/auth.bicep', "'Return401'", "'AllowAnonymous'", 'unauthenticatedClientAction must be Return401'],
  ['is hardened', 'modules/monitoring.bicep', 'DisableLocalAuth: true', 'DisableLocalAuth: false', 'DisableLocalAuth must be true'],
  ['is hardened', 'modules/source-topic.bicep', "type: 'SystemAssigned'", "type: 'UserAssigned'", 'identity.type must be SystemAssigned'],
  ['runs Node 24 where Flex Consumption looks for it', 'modules/function-app.bicep', "version: '24'", "version: '20'", 'must be Node 24'],
  [
    'runs Node 24 where Flex Consumption looks for it',
    'modules/function-app.bicep',
    'remoteDebuggingEnabled: false',
    "remoteDebuggingEnabled: false\n      linuxFxVersion: 'NODE|24'",
    'linuxFxVersion',
  ],
  [
    'runs Node 24 where Flex Consumption looks for it',
    'modules/function-app.bicep',
    'function:advance-run',
    'function:advance',
    'there is no function advance',
  ],
  ['leaves open what must be, and nothing else', 'modules/auth.bicep', "  '/api/health'\n", '', '/api/health must be open'],
  [
    'leaves open what must be, and nothing else',
    'modules/auth.bicep',
    "  '/api/health'\n",
    "  '/api/health'\n  '/api/exports'\n",
    '/api/exports must not be open',
  ],
  ['leaves open what must be, and nothing else', 'modules/auth.bicep', "  '/portal'\n", "  '/portal'\n  '/'\n", '/ must not be open'],
  [
    'leaves open what must be, and nothing else',
    'modules/auth.bicep',
    "  '/portal'\n",
    "  '/portal'\n  '/portal/'\n",
    '/portal/ must not be open',
  ],
  [
    'leaves open what must be, and nothing else',
    'modules/auth.bicep',
    "  '/api/system/*'\n",
    "  '/api/*'\n",
    '/api/* must not be open to keys',
  ],
  [
    'leaves open what must be, and nothing else',
    'modules/auth.bicep',
    'allowFunctionKeys ? concat',
    '!allowFunctionKeys ? concat',
    'only where function keys are allowed',
  ],
  ['sends the events that the app takes', 'modules/events.bicep', "'CopyBlob', 'FlushWithClose'", "'CopyBlob'", 'data.api must be one of'],
  ['sends the events that the app takes', 'modules/events.bicep', "'/model.json', ", '', 'the subject must end with'],
  ['sends the events that the app takes', 'modules/events.bicep', "'export-requests'", "'export-runs'", 'must go to export-requests'],
  [
    'sends the events that the app takes',
    'modules/events.bicep',
    'queueMessageTimeToLiveInSeconds: -1',
    'queueMessageTimeToLiveInSeconds: 604800',
    'live for ever',
  ],
  ['asks for telemetry that there is', 'queries/silence.kql', '"tick"', '"tock"', 'there is no event tock'],
  ['asks for telemetry that there is', 'queries/poison.kql', '"message_buried"', '"message_burned"', 'there is no event message_burned'],
  [
    'asks for telemetry that there is',
    'queries/throttled.kql',
    'Name in ("klaviyo.calls"',
    'Name in ("klaviyo.call"',
    'there is no metric klaviyo.call',
  ],
  [
    'asks for telemetry that there is',
    'queries/waiting.kql',
    'Properties.queue',
    'Properties.queueName',
    'nothing has a property queueName',
  ],
  ['asks for telemetry that there is', 'workbook.json', 'between (400 .. 499)', '== 404', 'refusals (400 to 499) count as errors'],
  ['asks for telemetry that there is', 'queries/crashing.kql', '(400 .. 499)', '(400 .. 404)', 'refusals (400 to 499) count as errors'],
  ['asks for telemetry that there is', 'workbook.json', 'runs.ended', 'runs.over', 'there is no metric runs.over'],
  ['has a rule for each alert', 'modules/alerts.bicep', 'queries/waiting.kql', 'queries/poison.kql', 'no alert uses this query'],
  ['has a rule for each alert', 'queries/waiting.kql', 'found = age', 'age', 'no column found'],
  ['has a rule for each alert', 'queries/poison.kql', 'by event, queue', 'by event', 'no column queue'],
  ['has a rule for each alert', 'queries/crashing.kql', 'AppRequests\n', 'union AppRequests, AppTraces\n', 'an alert asks one table'],
  ['has a rule for each alert', 'queries/failing.kql', 'AppTraces\n', 'let told = AppTraces;\ntold\n', 'an alert asks one table'],
  ['has a rule for each alert', 'queries/notification.kql', 'by Kind, Stage', 'by Kind', 'no column Stage'],
  ['has a rule for each alert', 'queries/notification.kql', 'extend Kind =', 'extend kind =', 'a word of the language'],
];

/** The same for the schemas. */
const SCHEMA_MUTATIONS: readonly (readonly [file: string, from: string, to: string, finding: string])[] = [
  ['modules/storage.bicep', 'allowSharedKeyAccess:', 'allowSharedKeyAcces:', 'has no such property'],
  ['modules/storage.bicep', 'isVersioningEnabled: false', "isVersioningEnabled: 'no'", 'isVersioningEnabled is string, expected boolean'],
  ['modules/storage.bicep', '  sku: { name: redundancy }\n', '', 'sku is missing'],
  ['modules/storage.bicep', "accessTier: 'Hot'", "accessTier: 'Warm'", 'cannot be "Warm"'],
  [
    'modules/storage.bicep',
    'storageAccounts/queueServices/queues@2025-08-01',
    'storageAccounts/queueServices/queues@2020-01-01',
    'has no schema here',
  ],
  [
    'modules/storage.bicep',
    'storageAccounts/tableServices/tables@',
    'storageAccounts/tableServices/table@',
    'is no type that the schemas know',
  ],
  ['modules/key-vault.bicep', '    tenantId: tenant().tenantId\n', '', 'properties.tenantId is missing'],
  [
    'modules/function-app.bicep',
    '{ siteUpdateStrategy: { type: updateStrategy } }',
    '{ siteUpdateStrategies: { type: updateStrategy } }',
    'siteUpdateStrategies: Microsoft.Web/sites has no such property',
  ],
  ['modules/function-app.bicep', "'RollingUpdate'])\nparam", "'Rolling'])\nparam", 'cannot be "Rolling"'],
  [
    'modules/function-app.bicep',
    'instanceCount: alwaysReadyRunners',
    'instanceCount: string(alwaysReadyRunners)',
    'instanceCount is string, expected integer',
  ],
  ['modules/function-app.bicep', 'value: setting.value }', 'val: setting.value }', 'appSettings.val'],
  ['modules/key-vault.bicep', "? 'recover'", "? 'revive'", 'cannot be "revive"'],
  ['modules/auth.bicep', "name: 'authsettingsV2'", "name: 'authsettingsV3'", 'of no kind that the schema knows'],
  ['modules/auth.bicep', 'tokenStore: {', 'tokenStorage: {', 'properties.login.tokenStorage'],
  ['modules/events.bicep', "endpointType: 'StorageQueue'", "endpointType: 'Queue'", 'of no kind that the schema knows'],
  ['modules/events.bicep', "queueName: 'export-requests'", "queue: 'export-requests'", 'destination.properties.queue:'],
  ['modules/alerts.bicep', "operator: 'LessThan'", "operator: 'Less'", 'cannot be "Less"'],
  ['modules/alerts.bicep', "operator: 'Include', values: ['*'] })", "operator: 'In', values: ['*'] })", 'cannot be "In"'],
  ['modules/alerts.bicep', 'emailAddress: email', 'address: email', 'emailAddress is missing'],
  ['modules/roles.bicep', '    principalId: principalId\n', '', 'properties.principalId is missing'],
  ['modules/private-endpoints.bicep', 'privateDnsZones@2024-06-01', 'privateDnsZones@2030-01-01', 'a version that nobody has looked at'],
];

const changed = (file: string, from: string, to: string): Texts => {
  const text = texts[file] ?? '';
  if (!text.includes(from)) throw new Error(`${file} no longer holds ${JSON.stringify(from)}`);
  return { ...texts, [file]: text.replace(from, to) };
};

let read: ReadBicep;
let template: Template;
let surroundings: { product: Product; words: Words };
beforeAll(async () => {
  read = await openBicep();
  template = createTemplate(texts, read);
  surroundings = { product: readProduct(), words: readWords() };
});

describe('the template', () => {
  it.each(Object.entries(RULES))('%s', (_name, rule) => {
    expect(rule(template, surroundings).map(show)).toEqual([]);
  });

  it('knows what the code needs', () => {
    const { settings: names, tables, queues, containers, openPaths: open, functions } = surroundings.product;
    expect([names.length > 20, tables.length >= 8, queues.length >= 6, containers.length >= 5]).toEqual([true, true, true, true]);
    expect(open).toContain('/api/health');
    expect(functions).toContain('advance-run');
  });

  it('is deployed with a package that has just been made, by azd up and by azd deploy', () => {
    const yaml = readFileSync(path.join(root, 'infra/azure.yaml'), 'utf8');
    const hooks = [
      ...yaml.matchAll(/^ {2}(\w+):\n {4}posix: \{ shell: sh, run: (.+) \}\n {4}windows: \{ shell: pwsh, run: (.+) \}$/gm),
    ].map(([, name, posix, windows]) => ({ name, posix, windows }));
    expect(hooks.filter(({ posix, windows }) => posix !== windows)).toEqual([]);
    // azd up reads main.bicepparam after preup and before preprovision; azd provision has preprovision alone
    expect(hooks.filter(({ posix }) => posix!.endsWith(' && node azure/entra.mjs --azd')).map(({ name }) => name)).toEqual([
      'preup',
      'preprovision',
    ]);
    const packages = hooks.filter(({ posix }) => posix === 'npm run package').map(({ name }) => name);
    expect(packages).toEqual(['prepackage', 'predeploy']);
    expect(hooks.map(({ name }) => name)).toEqual(expect.arrayContaining(['preup', 'preprovision', 'postprovision', 'postdeploy']));
  });

  it('is what azd deploys, from the folder of the package', () => {
    const yaml = readFileSync(path.join(root, 'infra/azure.yaml'), 'utf8');
    expect(yaml).toMatch(/path: azure\n\s+module: main\n/);
    expect(yaml).toMatch(/project: \.\.\/dist\/package\/app\n/);
    const service = /\nservices:\n {2}(\w+):/.exec(yaml)?.[1];
    expect(texts['modules/function-app.bicep']).toContain(`'azd-service-name': '${service}'`);
    const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
    for (const [, script] of yaml.matchAll(/npm run (\w+)/g)) expect(Object.keys(scripts)).toContain(script);
    for (const [, script] of yaml.matchAll(/node azure\/([\w-]+\.mjs)/g)) expect(Object.keys(texts)).toContain(script);
  });
});

describe('the page beside it', () => {
  const page = texts['README.md']!;

  it('names every parameter with the variable that sets it', () => {
    const values = texts['main.bicepparam']!;
    const missing = template.file('main.bicep').parameters.flatMap(({ name }) => {
      const variable = new RegExp(`^param ${name} =.*?readEnvironmentVariable\\('(\\w+)'`, 'm').exec(values)?.[1];
      const row = page.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${name}\``));
      return row !== undefined && (variable === undefined || row.includes(`\`${variable}\``)) ? [] : [name];
    });
    expect(missing).toEqual([]);
  });

  it('names every file', () => {
    const files = Object.keys(texts).filter((name) => /\.(bicep|mjs|json)$/.test(name));
    expect(files.filter((name) => !page.includes(`\`${path.posix.basename(name)}`))).toEqual([]);
  });
});

describe('host.json', () => {
  it('says what Azure needs', () => {
    const host = JSON.parse(readFileSync(path.join(root, 'host.json'), 'utf8'));
    expect(host).toMatchObject({
      extensionBundle: { id: 'Microsoft.Azure.Functions.ExtensionBundle', version: '[4.*, 5.0.0)' },
      functionTimeout: '00:10:00',
      telemetryMode: 'OpenTelemetry',
      logging: { logLevel: { default: 'Warning' } },
      extensions: {
        http: { routePrefix: '' },
        queues: { batchSize: 1, newBatchThreshold: 0, maxPollingInterval: '00:00:02', messageEncoding: 'none' },
      },
    });
  });
});

describe('a broken copy of the template', () => {
  it.each(MUTATIONS)('"%s" finds it: %s, %j', (name, file, from, to, finding) => {
    const broken = createTemplate(changed(file, from, to), read);
    expect(RULES[name]!(broken, surroundings).map(show).join('\n')).toContain(finding);
    expect(RULES[name]!(broken, surroundings)).not.toEqual([]);
  });

  it('is found by every rule once at least', () => {
    const seen = new Set(MUTATIONS.map(([name]) => name));
    expect(Object.keys(RULES).filter((name) => !seen.has(name))).toEqual([]);
  });
});

describeWhere(hasSchemas, WITHOUT_SCHEMAS)('against Azure’s schemas', () => {
  it('every resource has the properties, types and values that Azure knows', () => {
    expect(checkSchemas(template).map(show)).toEqual([]);
  });

  it.each(SCHEMA_MUTATIONS)('a broken copy is found: %s, %j', (file, from, to, finding) => {
    const findings = checkSchemas(createTemplate(changed(file, from, to), read)).map(show);
    expect(findings.join('\n')).toContain(finding);
  });
});
