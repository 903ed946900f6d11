import type { Expression } from '../expression';
import { possibleValues } from '../possible-values';
import type { Product } from '../product';
import type { Finding, Template } from '../template';

/** Settings that the host, the identity library or the platform reads; env.ts may know some of them, too. */
const OF_THE_PLATFORM = new Set([
  'AZURE_CLIENT_ID',
  'AzureWebJobsStorage__credential',
  'AzureWebJobsStorage__clientId',
  'AzureWebJobsStorage__accountName',
  'AzureWebJobsStorage__blobServiceUri',
  'AzureWebJobsStorage__queueServiceUri',
  'AzureWebJobsStorage__tableServiceUri',
  'AzureWebJobsDisableHomepage',
  'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID',
  'WEBSITE_AUTH_AAD_ALLOWED_TENANTS',
  'NODE_OPTIONS',
  'APPLICATIONINSIGHTS_CONNECTION_STRING',
  'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
  'OTEL_SERVICE_NAME',
  'OTEL_TRACES_SAMPLER',
  'OTEL_TRACES_SAMPLER_ARG',
]);
/** Settings of env.ts that have no place on Azure, each with its reason. */
const NOT_ON_AZURE: Readonly<Record<string, string>> = {
  AzureWebJobsStorage: 'a connection string holds a key: for the local cloud',
  SOURCE_CONNECTION_STRING: 'a connection string holds a key: for the local cloud',
  WEBSITE_HOSTNAME: 'the platform sets it',
  WEBSITE_SITE_NAME: 'the platform sets it',
  WEBSITE_AUTH_ENABLED: 'the platform sets it where its authentication is on; set by anybody else it would prove nothing',
};
/** Deprecated on Flex Consumption, or set by the platform itself (azure.md C). */
const FORBIDDEN =
  /^(FUNCTIONS_WORKER_RUNTIME|FUNCTIONS_EXTENSION_VERSION|WEBSITE_RUN_FROM_PACKAGE|WEBSITE_NODE_DEFAULT_VERSION|WEBSITE_CONTENT.*|WEBSITE_TIME_ZONE|TZ|SCM_DO_BUILD_DURING_DEPLOYMENT|ENABLE_ORYX_BUILD|WEBSITE_AUTH_ENABLED|AzureWebJobsStorage)$/;

interface Setting {
  readonly name: string;
  readonly line: number;
  readonly value: Expression;
}

const settingsOf = (template: Template): Setting[] => {
  const file = template.file('modules/settings.bicep');
  const output = file.outputs.find(({ name }) => name === 'settings')?.value;
  const parts = output?.kind === 'call' && output.name === 'union' ? output.args : output ? [output] : [];
  return parts
    .flatMap((part) => possibleValues(file, part))
    .flatMap((part) => (part.kind === 'object' ? part.properties : []))
    .map(({ name = '', line, value }) => ({ name, line, value }));
};

/** Every app setting that the code reads is set by the template, and the other way round. */
export const settings = (template: Template, product: Product): Finding[] => {
  const file = 'modules/settings.bicep';
  const set = settingsOf(template);
  const names = new Set(set.map(({ name }) => name));
  const known = new Set([...product.settings, ...OF_THE_PLATFORM]);
  return [
    ...product.settings
      .filter((name) => !names.has(name) && !(name in NOT_ON_AZURE))
      .map((name) => ({ file, line: 1, text: `${name} is read by the app and not set` })),
    ...[...OF_THE_PLATFORM]
      .filter((name) => !names.has(name))
      .map((name) => ({ file, line: 1, text: `${name} is needed by the platform and not set` })),
    ...set.filter(({ name }) => !known.has(name)).map(({ name, line }) => ({ file, line, text: `${name} is set and read by nobody` })),
    ...set.filter(({ name }) => FORBIDDEN.test(name)).map(({ name, line }) => ({ file, line, text: `${name} must not be set` })),
    ...set
      .filter(({ name }, index) => set.findIndex((other) => other.name === name) !== index)
      .map(({ name, line }) => ({ file, line, text: `${name} is set twice` })),
  ];
};

/** Fixed values are ones that the app takes: text, and none that belongs to the local cloud. */
export const settingValues = (template: Template): Finding[] =>
  settingsOf(template)
    .filter(({ name, value }) => {
      if (value.kind !== 'text') return ['number', 'boolean'].includes(value.kind);
      return (
        (name === 'KEY_VAULT_VERIFY_CHALLENGE' && value.value !== 'true') ||
        (name === 'NOTIFICATION_PRIVATE_HOSTS' && value.value !== 'false')
      );
    })
    .map(({ name, line }) => ({ file: 'modules/settings.bicep', line, text: `${name} has a value that the app must not have on Azure` }));
