import { at, type BicepFile, type Resource } from '../bicep-file';
import { walk, type Expression } from '../expression';
import { possibleValues } from '../possible-values';
import type { Product } from '../product';
import type { Finding, Template } from '../template';

/** Azure's built-in roles. */
const ROLES: Readonly<Record<string, string>> = {
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b': 'Storage Blob Data Owner',
  'ba92f5b4-2d11-453d-a403-e96b0029c9fe': 'Storage Blob Data Contributor',
  '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1': 'Storage Blob Data Reader',
  '974c5e8b-45b9-4653-ba55-5f855dd0fb88': 'Storage Queue Data Contributor',
  '19e7f393-937e-4f77-808e-94535e297925': 'Storage Queue Data Reader',
  'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a': 'Storage Queue Data Message Sender',
  '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3': 'Storage Table Data Contributor',
  'b86a8fe4-44ce-4948-aee5-eccb2c155cd7': 'Key Vault Secrets Officer',
  '3913510d-42f4-4e42-8a64-420c390055eb': 'Monitoring Metrics Publisher',
};
/** Who needs what, where; nothing else is given to anybody (azure.md rows 11 and 16). */
const NEEDED = [
  'app on Microsoft.Storage/storageAccounts: Storage Blob Data Owner',
  'app on Microsoft.Storage/storageAccounts: Storage Queue Data Contributor',
  'app on Microsoft.Storage/storageAccounts: Storage Table Data Contributor',
  'app on Microsoft.KeyVault/vaults: Key Vault Secrets Officer',
  'app on Microsoft.Insights/components: Monitoring Metrics Publisher',
  'operator on Microsoft.Storage/storageAccounts: Storage Queue Data Reader',
  'operator on Microsoft.KeyVault/vaults: Key Vault Secrets Officer',
  'app on the source: Storage Blob Data Reader',
  'events on Microsoft.Storage/storageAccounts/queueServices/queues: Storage Queue Data Message Sender',
  'events on Microsoft.Storage/storageAccounts/blobServices/containers: Storage Blob Data Contributor',
];
const WHO: Readonly<Record<string, string>> = {
  'modules/roles.bicep': 'app',
  'modules/operator-roles.bicep': 'operator',
  'modules/source-role.bicep': 'app',
  'modules/event-roles.bicep': 'events',
};

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Role ids that an assignment may have, its loop looked through. */
const roleIdsOf = (file: BicepFile, { object, loop }: Resource): string[] => {
  const id = at(object, 'properties', 'roleDefinitionId');
  const over = loop ? possibleValues(file, loop.over) : [];
  const sources: Expression[] = [...(id ? [id] : []), ...over];
  return sources
    .flatMap((source) => [...walk(source)])
    .flatMap(({ expression }) => possibleValues(file, expression))
    .flatMap((value) => (value.kind === 'text' && GUID.test(value.value) ? [value.value] : []))
    .filter((value, index, values) => values.indexOf(value) === index);
};

const scopeTypeOf = (file: BicepFile, { object }: Resource): string => {
  const scope = at(object, 'scope');
  const name = scope?.kind === 'name' || scope?.kind === 'nested' ? scope.name : '';
  return file.resources.find((resource) => resource.name === name)?.type ?? 'everything';
};

/** Every store has its role assignments, for each identity what it needs and no more. */
export const roleAssignments = ({ files }: Template): Finding[] => {
  const given = files.flatMap((file) =>
    file.resources
      .filter(({ type }) => type === 'Microsoft.Authorization/roleAssignments')
      .flatMap((resource) => {
        const scope = file.name === 'modules/source-role.bicep' ? 'the source' : scopeTypeOf(file, resource);
        const ids = roleIdsOf(file, resource);
        const told = ids.map((id) => `${WHO[file.name] ?? 'somebody'} on ${scope}: ${ROLES[id] ?? `the unknown role ${id}`}`);
        return (told.length > 0 ? told : ['an assignment without a role']).map((text) => ({ file: file.name, line: resource.line, text }));
      }),
  );
  return [
    ...NEEDED.filter((needed) => !given.some(({ text }) => text === needed)).map((text) => ({
      file: 'modules/roles.bicep',
      line: 1,
      text: `missing: ${text}`,
    })),
    ...given.filter(({ text }) => !NEEDED.includes(text)).map((one) => ({ ...one, text: `not needed: ${one.text}` })),
  ];
};

type Wanted = string | number | boolean;
/** What a security review asks first: type, name where there are several, path, value. */
const HARDENED: readonly {
  readonly type: string;
  readonly named?: string;
  readonly path: string;
  readonly value: Wanted | readonly Wanted[];
}[] = [
  { type: 'Microsoft.Storage/storageAccounts', path: 'properties.allowSharedKeyAccess', value: false },
  { type: 'Microsoft.Storage/storageAccounts', path: 'properties.allowBlobPublicAccess', value: false },
  { type: 'Microsoft.Storage/storageAccounts', path: 'properties.minimumTlsVersion', value: 'TLS1_2' },
  { type: 'Microsoft.Storage/storageAccounts', path: 'properties.supportsHttpsTrafficOnly', value: true },
  { type: 'Microsoft.Storage/storageAccounts', path: 'properties.networkAcls.bypass', value: 'AzureServices' },
  { type: 'Microsoft.Storage/storageAccounts', path: 'properties.networkAcls.defaultAction', value: ['Deny', 'Allow'] },
  { type: 'Microsoft.Storage/storageAccounts/blobServices/containers', path: 'properties.publicAccess', value: 'None' },
  { type: 'Microsoft.KeyVault/vaults', path: 'properties.enableRbacAuthorization', value: true },
  { type: 'Microsoft.KeyVault/vaults', path: 'properties.enablePurgeProtection', value: true },
  { type: 'Microsoft.KeyVault/vaults', path: 'properties.enableSoftDelete', value: true },
  { type: 'Microsoft.KeyVault/vaults', path: 'properties.publicNetworkAccess', value: ['Disabled', 'Enabled'] },
  { type: 'Microsoft.OperationalInsights/workspaces', path: 'properties.features.disableLocalAuth', value: true },
  { type: 'Microsoft.Insights/components', path: 'properties.DisableLocalAuth', value: true },
  { type: 'Microsoft.Web/serverfarms', path: 'sku.name', value: 'FC1' },
  { type: 'Microsoft.Web/serverfarms', path: 'properties.reserved', value: true },
  { type: 'Microsoft.Web/sites', path: 'properties.httpsOnly', value: true },
  { type: 'Microsoft.Web/sites', path: 'properties.siteConfig.minTlsVersion', value: '1.2' },
  { type: 'Microsoft.Web/sites', path: 'properties.siteConfig.scmMinTlsVersion', value: '1.2' },
  { type: 'Microsoft.Web/sites', path: 'identity.type', value: 'UserAssigned' },
  { type: 'Microsoft.Web/sites/basicPublishingCredentialsPolicies', named: 'scm', path: 'properties.allow', value: false },
  { type: 'Microsoft.Web/sites/basicPublishingCredentialsPolicies', named: 'ftp', path: 'properties.allow', value: false },
  { type: 'Microsoft.Web/sites/config', named: 'authsettingsV2', path: 'properties.platform.enabled', value: true },
  { type: 'Microsoft.Web/sites/config', named: 'authsettingsV2', path: 'properties.globalValidation.requireAuthentication', value: true },
  {
    type: 'Microsoft.Web/sites/config',
    named: 'authsettingsV2',
    path: 'properties.globalValidation.unauthenticatedClientAction',
    value: 'Return401',
  },
  { type: 'Microsoft.Web/sites/config', named: 'authsettingsV2', path: 'properties.httpSettings.requireHttps', value: true },
  { type: 'Microsoft.Web/sites/config', named: 'authsettingsV2', path: 'properties.login.tokenStore.enabled', value: false },
  {
    type: 'Microsoft.Web/sites/config',
    named: 'authsettingsV2',
    path: 'properties.identityProviders.azureActiveDirectory.registration.clientSecretSettingName',
    value: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID',
  },
  { type: 'Microsoft.EventGrid/systemTopics', path: 'identity.type', value: 'SystemAssigned' },
];

/** Keys off, newest TLS, https alone, authentication required: each switch stands where it must, in every resource of its type. */
export const hardening = ({ files }: Template): Finding[] =>
  HARDENED.flatMap(({ type, named, path, value: wanted }) => {
    const expected = [wanted].flat();
    const resources = files
      .flatMap((file) => file.resources.map((resource) => ({ file, resource })))
      .filter(({ resource }) => {
        const name = at(resource.object, 'name');
        return resource.type === type && !resource.existing && (named === undefined || (name?.kind === 'text' && name.value === named));
      });
    if (resources.length === 0) return [{ file: 'app.bicep', line: 1, text: `there is no ${type} ${named ?? ''}`.trim() }];
    return resources.flatMap(({ file, resource }) => {
      const set = at(resource.object, ...path.split('.'));
      const values = set ? possibleValues(file, set).map((one) => ('value' in one ? one.value : undefined)) : [];
      const right = values.length === expected.length && expected.every((one, index) => values[index] === one);
      return right
        ? []
        : [{ file: file.name, line: set?.line ?? resource.line, text: `${resource.name}: ${path} must be ${expected.join(' or ')}` }];
    });
  });

/**
 * Properties of siteConfig that Flex Consumption refuses in newer regions, with error 51021.
 * @see Azure/terraform-azurerm-avm-res-web-site pull request 345, microsoft/azure-pipelines-tasks issue 21032
 */
const REFUSED =
  /^(linuxFxVersion|windowsFxVersion|netFrameworkVersion|phpVersion|pythonVersion|nodeVersion|javaVersion|javaContainer|javaContainerVersion|powerShellVersion|alwaysOn|ftpsState|use32BitWorkerProcess|preWarmedInstanceCount|minimumElasticInstanceCount|functionsRuntimeScaleMonitoringEnabled|functionAppScaleLimit)$/;

/** Node 24 on Flex Consumption, set where that plan looks for it, nothing that it refuses, and only functions that exist are kept warm. */
export const runtime = (template: Template, product: Product): Finding[] => {
  const file = template.file('modules/function-app.bicep');
  const app = file.resources.find(({ type }) => type === 'Microsoft.Web/sites');
  const all = app ? [...walk(app.object)].flatMap(({ expression }) => (expression.kind === 'object' ? expression.properties : [])) : [];
  const runtimes = all.filter(({ name }) => name === 'runtime').map(({ value }) => value);
  const literalOf = (value: Expression | undefined): unknown => (value && 'value' in value ? value.value : undefined);
  const fits = runtimes.some(
    (value) => value.kind === 'object' && literalOf(at(value, 'name')) === 'node' && literalOf(at(value, 'version')) === '24',
  );
  const warm = all.flatMap(({ value, line }) =>
    value.kind === 'text' && value.value.startsWith('function:') ? [{ name: value.value.slice(9), line }] : [],
  );
  return [
    ...(fits ? [] : [{ file: file.name, line: app?.line ?? 1, text: 'functionAppConfig.runtime must be Node 24' }]),
    ...all
      .filter(({ name }) => REFUSED.test(name ?? ''))
      .map(({ name, line }) => ({ file: file.name, line, text: `Flex Consumption refuses ${name}` })),
    ...warm
      .filter(({ name }) => !product.functions.includes(name))
      .map(({ name, line }) => ({ file: file.name, line, text: `there is no function ${name}` })),
  ];
};

const texts = (value: Expression | undefined): string[] =>
  value?.kind === 'array' ? value.items.flatMap((item) => (item.kind === 'text' ? [item.value] : [])) : [];
const covers = (pattern: string, wanted: string): boolean =>
  pattern === wanted || (pattern.endsWith('/*') && wanted.startsWith(pattern.slice(0, -1)));

/** Out of required authentication: the portal's pages, the open routes of the API, and keyed ones where they are allowed; nothing else. */
export const openPaths = (template: Template, product: Product): Finding[] => {
  const file = template.file('modules/auth.bicep');
  const variable = (name: string) => file.variables.find((one) => one.name === name);
  const open = texts(variable('openPaths')?.value);
  const keyed = texts(variable('keyedPaths')?.value);
  const line = variable('openPaths')?.line ?? 1;
  const wanted = ['/portal', '/portal/index', ...product.openPaths];
  const settings = file.resources.find(({ type }) => type === 'Microsoft.Web/sites/config');
  const excluded = settings && at(settings.object, 'properties', 'globalValidation', 'excludedPaths');
  const conditional = excluded?.kind === 'choice' && excluded.condition.kind === 'name' && excluded.condition.name === 'allowFunctionKeys';
  return [
    ...wanted
      .filter((one) => !open.some((pattern) => covers(pattern, one)))
      .map((one) => ({ file: file.name, line, text: `${one} must be open` })),
    ...open
      // one that ends in a slash may stand for all below it
      .filter((pattern) => pattern.endsWith('/') || !(pattern.startsWith('/portal') || product.openPaths.includes(pattern)))
      .map((pattern) => ({ file: file.name, line, text: `${pattern} must not be open` })),
    ...keyed
      .filter((pattern) => !pattern.startsWith('/api/system/'))
      .map((pattern) => ({ file: file.name, line, text: `${pattern} must not be open to keys` })),
    ...(conditional ? [] : [{ file: file.name, line, text: 'keyed paths must be open only where function keys are allowed' }]),
  ];
};
