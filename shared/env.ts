import { z } from 'zod';
import { SAMPLERS } from './platform/samplers';

const flag = (fallback: boolean) =>
  z
    .string()
    .regex(/^(true|false)$/i, 'expected true or false')
    .default(String(fallback))
    .transform((text) => text.toLowerCase() === 'true');
const whole = (fallback: number, min: number, max: number) => z.coerce.number().int().min(min).max(max).default(fallback);
const text = z.string().trim().min(1);
const webAddress = z.url({ protocol: /^https?$/ });

/** Every setting the app reads, with its unit and default. A change here changes local.settings.sample.json, README and the template. */
const Settings = z
  .object({
    /** connection string of the app's own storage: tables, queues, blobs (local cloud) … */
    AzureWebJobsStorage: text.optional(),
    /** … or where its three services are, in whichever cloud, read with the managed identity (Azure) … */
    AzureWebJobsStorage__blobServiceUri: webAddress.optional(),
    AzureWebJobsStorage__queueServiceUri: webAddress.optional(),
    AzureWebJobsStorage__tableServiceUri: webAddress.optional(),
    /** … or the account's name alone, in the public cloud */
    AzureWebJobsStorage__accountName: text.optional(),
    AzureWebJobsStorage__credential: text.optional(),
    AzureWebJobsStorage__clientId: text.optional(),
    /** client id of the user-assigned identity; DefaultAzureCredential does not find it otherwise */
    AZURE_CLIENT_ID: text.optional(),
    /** vault that holds the Klaviyo keys, e.g. https://my-vault.vault.azure.net */
    KEY_VAULT_URL: webAddress,
    /** false in the local cloud only: its vault does not lie under vault.azure.net */
    KEY_VAULT_VERIFY_CHALLENGE: flag(true),
    /** Entra tenant whose callers are ours */
    TENANT_ID: text,
    /** where segments are read from: the files of an export of Customer Insights, or its tables in Dataverse */
    SOURCE_KIND: z.enum(['cdm-folder', 'dataverse']).default('cdm-folder'),
    /** environment of the Dataverse source, e.g. https://contoso.crm4.dynamics.com */
    DATAVERSE_URL: webAddress.optional(),
    /** client id of an app registration that reads Dataverse; without it the app's own identity does … */
    DATAVERSE_CLIENT_ID: text.optional(),
    /** … and the name of the Key Vault secret with its client secret */
    DATAVERSE_SECRET_NAME: text.optional(),
    /** where tokens of that app registration come from, other than Entra ID's public address; the name is the Azure SDK's own */
    AZURE_AUTHORITY_HOST: webAddress.optional(),
    /** blob endpoint of the account that holds the segments, e.g. https://lake.blob.core.windows.net … */
    SOURCE_BLOB_URL: webAddress.optional(),
    /** … or its connection string */
    SOURCE_CONNECTION_STRING: text.optional(),
    SOURCE_CONTAINER: text.optional(),
    /** folder with model.json, inside the container */
    SOURCE_FOLDER: text.optional(),
    /** seconds without a change after which a snapshot counts as whole */
    SOURCE_QUIET_SECONDS: whole(300, 0, 86_400),
    KLAVIYO_BASE_URL: webAddress.default('https://a.klaviyo.com'),
    KLAVIYO_GZIP: flag(true),
    /** upper bound of every export's cap */
    MAX_PROFILES_PER_EXPORT: whole(1_000_000, 1, 100_000_000),
    /** seconds of work after which a slice hands over */
    RUN_SLICE_SECONDS: whole(240, 1, 500),
    /** seconds a runner holds its run without a sign of life; Azure's bounds */
    RUN_LEASE_SECONDS: whole(30, 15, 60),
    /** seconds after which a dead runner is followed by the next */
    RUN_GUARD_SECONDS: whole(45, 20, 600),
    /** NCRONTAB of the minute timer; read by the host as %TICK_SCHEDULE% */
    TICK_SCHEDULE: text.default('0 * * * * *'),
    /** where logs, traces and metrics go: Application Insights; without it they stay on standard output and nowhere */
    APPLICATIONINSIGHTS_CONNECTION_STRING: text
      .regex(
        /(?:^|;)\s*InstrumentationKey=[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i,
        'expected a connection string of Application Insights',
      )
      .optional(),
    /** who may write there, where it takes no keys: ClientId=…;Authorization=AAD (the host reads it, too) */
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: text.optional(),
    /** what telemetry calls the app; this and the next two are OpenTelemetry's own names, and the host reads them, too */
    OTEL_SERVICE_NAME: text.default('customer-insights-to-klaviyo'),
    /** which traces are kept; metrics and logs always are */
    OTEL_TRACES_SAMPLER: z.enum(SAMPLERS).default('parentbased_always_on'),
    /** share of the traces, for the samplers by ratio */
    OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1),
    /** set by the platform, never by us: where it is there, the host exports what is written to standard output */
    WEBSITE_SITE_NAME: z.string().optional(),
    /** whether system callers may use function keys */
    ALLOW_FUNCTION_KEYS: flag(false),
    /** whether notifications may go to receivers in private networks, and without https; in the local cloud only */
    NOTIFICATION_PRIVATE_HOSTS: flag(false),
    /** host name of this app, set by the platform: links in notifications lead to its portal */
    WEBSITE_HOSTNAME: text.optional(),
    /** set by the platform where its authentication is on, never by us */
    WEBSITE_AUTH_ENABLED: z
      .string()
      .default('')
      .transform((value) => value.toLowerCase() === 'true'),
  })
  .superRefine((settings, context) => {
    const need = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    const services = ['blob', 'queue', 'table'].map((service) => `AzureWebJobsStorage__${service}ServiceUri` as keyof typeof settings);
    const missing = services.filter((name) => !settings[name]);
    if (!settings.AzureWebJobsStorage && !settings.AzureWebJobsStorage__accountName && missing.length > 0) {
      if (missing.length < services.length)
        for (const name of missing) need(name, 'expected the address of this service, like those of the others');
      else
        need('AzureWebJobsStorage', 'expected a connection string here, service addresses, or a name in AzureWebJobsStorage__accountName');
    }
    if (settings.SOURCE_KIND === 'dataverse') {
      if (!settings.DATAVERSE_URL) need('DATAVERSE_URL', 'expected the address of the Dataverse environment');
      if (!settings.DATAVERSE_CLIENT_ID !== !settings.DATAVERSE_SECRET_NAME) {
        const missing = settings.DATAVERSE_CLIENT_ID ? 'DATAVERSE_SECRET_NAME' : 'DATAVERSE_CLIENT_ID';
        need(missing, 'expected DATAVERSE_CLIENT_ID and DATAVERSE_SECRET_NAME together, or neither for the identity of the app');
      }
    } else {
      if (!settings.SOURCE_BLOB_URL && !settings.SOURCE_CONNECTION_STRING) {
        need('SOURCE_BLOB_URL', 'expected the blob endpoint here or a connection string in SOURCE_CONNECTION_STRING');
      }
      if (!settings.SOURCE_CONTAINER) need('SOURCE_CONTAINER', 'expected the container that holds the segments');
      if (!settings.SOURCE_FOLDER) need('SOURCE_FOLDER', 'expected the folder that holds model.json');
    }
    if (settings.RUN_GUARD_SECONDS < settings.RUN_LEASE_SECONDS + 5) {
      need('RUN_GUARD_SECONDS', 'expected at least RUN_LEASE_SECONDS + 5');
    }
  });

export type Env = z.infer<typeof Settings>;

/** Names of all settings that the app reads. */
export const SETTING_NAMES: readonly string[] = Object.keys(Settings.shape);

/**
 * Parses the environment once, at start-up.
 * @throws Error whose message names every missing or wrong setting, one a line; values are never shown, as some are secrets
 */
export const parseEnv = (environment: Record<string, string | undefined>): Env => {
  const parsed = Settings.safeParse(environment);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0] ?? 'settings');
    const missing = issue.code === 'invalid_type' && environment[name] === undefined;
    return `  ${name}: ${missing ? 'missing' : issue.message}`;
  });
  throw new Error(`The app cannot start, as these settings are missing or wrong:\n${lines.join('\n')}`);
};
