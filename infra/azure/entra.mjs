// The app registration that people and systems sign in to: node infra/azure/entra.mjs --help
//
// App roles and federated credentials live in Entra ID, which a template of Azure resources does not reach. The Graph extension of Bicep
// would, but it comes from a registry and its rights are asked for at deployment; `az` is there already, asks for its rights when it
// signs in, and shows what it sends. Run twice it changes nothing the second time: before the deployment it makes what needs no address,
// after it what does.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HELP = `Makes or updates the app registration of this app with az, and says what it changed.

  --name NAME            display name; default: the one that it has, or "Customer Insights to Klaviyo", with the name of the azd environment
                         where there is one
  --client-id ID         the registration to update, where several have that name
  --url URL              address of the app, once it is known: its redirect address
  --principal-id ID      object id of the app's identity, once it is known: the federated credential in place of a client secret
  --administrator ID     object id of a person or group who becomes Administrator; default: whoever is signed in, while nobody is
  --allow-az             lets az get tokens for this app: az account get-access-token --scope api://CLIENT_ID/.default
  --tenant ID            stops unless az is signed in to this tenant; with --azd it must be the one of the azd subscription
  --azd                  takes what is not given from the variables of the azd environment, and keeps AUTH_CLIENT_ID there
  --dry-run              only reads, and prints the az lines that would change something

You need the role Application Administrator or Cloud Application Administrator in Entra ID: it consents for the tenant, too, to what sign-in
asks for (openid, profile, email), as nobody can consent alone to an application that needs assignment.
In the lines of a dry run, <object id>, <client id> and <service principal id> stand for what the lines before them answer as id or appId.
The last line is one JSON object: {"clientId","tenantId","changes"}.`;

/** Fixed, so that a role keeps its assignments whatever happens to its name. */
const ROLES = [
  {
    id: '6b3f4d0e-5a0c-4d0f-9f0a-2f1c7a9d3e01',
    value: 'Administrator',
    description: 'Connections, keys, settings, people, activity, and all that contributors may do.',
  },
  {
    id: '6b3f4d0e-5a0c-4d0f-9f0a-2f1c7a9d3e02',
    value: 'Contributor',
    description: 'Makes, changes and runs exports on the connections that are shared with contributors.',
  },
  { id: '6b3f4d0e-5a0c-4d0f-9f0a-2f1c7a9d3e03', value: 'Viewer', description: 'Sees exports, runs and settings, and changes nothing.' },
];
const SCOPE_ID = '6b3f4d0e-5a0c-4d0f-9f0a-2f1c7a9d3e10';
/** Client id of the Azure CLI, the same in every tenant. */
const AZURE_CLI = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';
/** Client id of Microsoft Graph, the same in every tenant. */
const MICROSOFT_GRAPH = '00000003-0000-0000-c000-000000000000';
/** What App Service Authentication asks for when somebody signs in. */
const SIGN_IN_SCOPES = ['openid', 'profile', 'email'];
const DEFAULT_NAME = 'Customer Insights to Klaviyo';
const CALLBACK_PATH = '/.auth/login/aad/callback';
const CREDENTIAL_NAME = 'app-service-authentication';
/** The tag by which the portal lists a service principal among the enterprise applications. */
const ENTERPRISE_TAG = 'WindowsAzureActiveDirectoryIntegratedApp';

class EntraError extends Error {}
const say = (text) => process.stderr.write(`${text}\n`);

// ---- az ---------------------------------------------------------------------------------------------------------------------------------

const isWindows = process.platform === 'win32';
/** For the lines of a dry run, which a POSIX shell is to take. */
const quoteForShell = (arg) => (/^[\w=:/.-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`);
const quote = (arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `"${arg.replaceAll('"', '\\"')}"`);
/** Ten tries with pauses that grow by so much each: 90 s in all. */
const MAX_TRIES = 10;
const retryMs = Number(process.env.ENTRA_RETRY_MS ?? 2_000);
/**
 * What Graph answers about something that was made a moment ago and is not known everywhere yet.
 * @see openshift/openshift-azure issue 1534, hashicorp/terraform-provider-azuread issue 504, microsoftgraph/microsoft-graph-docs issue 12675
 */
const NOT_YET =
  /does not exist|not found|ResourceNotFound|NoBackingApplicationObject|valid application object|must (be )?in the local tenant|delegatedPermissionIds|invalid object identifier/i;

/** On Windows az and azd are batch files, which only a shell can start. */
const run = (command, args) => {
  const options = { encoding: 'utf8', maxBuffer: 32 * 1024 * 1024 };
  const ended = isWindows
    ? spawnSync([command, ...args.map(quote)].join(' '), { ...options, shell: true })
    : spawnSync(command, args, options);
  if (ended.error) throw new EntraError(`${command} could not be started (${ended.error.message}). Install it and sign in: az login`);
  if (ended.status !== 0) {
    throw new EntraError(`${command} ${args.slice(0, 6).join(' ')} failed:\n${(ended.stderr || ended.stdout).trim()}`);
  }
  return ended.stdout;
};
const az = (...args) => JSON.parse(run('az', [...args, '--output', 'json']) || 'null');

/** @param graph address of Microsoft Graph in this cloud */
const createGraph = (graph, { dryRun, folder }) => {
  const address = (place) => `${graph.replace(/\/+$/, '')}/v1.0/${place}`;
  let files = 0;
  let changes = 0;
  const call = (method, place, body) => {
    const args = ['rest', '--method', method, '--url', address(place)];
    if (body !== undefined) {
      const file = path.join(folder, `body-${++files}.json`);
      fs.writeFileSync(file, JSON.stringify(body));
      args.push('--headers', 'Content-Type=application/json', '--body', `@${file}`);
    }
    return az(...args);
  };
  return {
    changes: () => changes,
    get: (place) => call('get', place),
    list: (place) => call('get', place).value ?? [],
    /**
     * Sends a change, or prints it. What was made a moment ago may not be known everywhere yet: a refusal is tried again for a while.
     * @param what in words, for whoever watches
     */
    change: async (what, method, place, body) => {
      changes++;
      say(`${dryRun ? 'would change' : 'changes'}: ${what}`);
      if (dryRun) {
        const line = ['az', 'rest', '--method', method, '--url', address(place), '--headers', 'Content-Type=application/json', '--body'];
        process.stdout.write(`${[...line, JSON.stringify(body)].map(quoteForShell).join(' ')}\n`);
        return {};
      }
      for (let tries = 1; ; tries++) {
        try {
          return call(method, place, body) ?? {};
        } catch (error) {
          if (tries === MAX_TRIES || !NOT_YET.test(error.message)) throw error;
          await sleep(retryMs * tries);
        }
      }
    },
  };
};

// ---- What there should be ---------------------------------------------------------------------------------------------------------------

const byId = (wanted, present = []) => [...present.filter(({ id }) => !wanted.some((one) => one.id === id)), ...wanted];

/** The registration as it should be; what others have added to it stays. */
const wantedApplication = (present, { name: given, defaultName, url, allowAz }) => {
  const name = given ?? present.displayName ?? defaultName;
  const callback = url && `${url.replace(/\/+$/, '')}${CALLBACK_PATH}`;
  const redirectUris = [...new Set([...(present.web?.redirectUris ?? []), ...(callback ? [callback] : [])])];
  const scope = {
    id: SCOPE_ID,
    value: 'user_impersonation',
    type: 'User',
    isEnabled: true,
    adminConsentDisplayName: `Access ${name}`,
    adminConsentDescription: 'Lets an application call the API as the person who is signed in.',
    userConsentDisplayName: `Access ${name}`,
    userConsentDescription: 'Lets an application call the API as you.',
  };
  const preAuthorized = present.api?.preAuthorizedApplications ?? [];
  const addsAz = allowAz && !preAuthorized.some(({ appId }) => appId === AZURE_CLI);
  const preAuthorizedApplications = [...preAuthorized, ...(addsAz ? [{ appId: AZURE_CLI, delegatedPermissionIds: [SCOPE_ID] }] : [])];
  return {
    displayName: name,
    signInAudience: 'AzureADMyOrg',
    appRoles: byId(
      ROLES.map((role) => ({ ...role, displayName: role.value, isEnabled: true, allowedMemberTypes: ['User', 'Application'] })),
      present.appRoles,
    ),
    web: { redirectUris, implicitGrantSettings: { enableIdTokenIssuance: true, enableAccessTokenIssuance: false } },
    api: {
      requestedAccessTokenVersion: 2,
      oauth2PermissionScopes: byId([scope], present.api?.oauth2PermissionScopes),
      preAuthorizedApplications,
    },
  };
};

/** Whether all of what is wanted is there already; order and what is there beside it do not count. */
const holds = (wanted, present) => {
  if (Array.isArray(wanted)) {
    return Array.isArray(present) && wanted.length === present.length && wanted.every((one) => present.some((other) => holds(one, other)));
  }
  if (typeof wanted === 'object' && wanted !== null) {
    return typeof present === 'object' && present !== null && Object.keys(wanted).every((key) => holds(wanted[key], present[key]));
  }
  return wanted === present;
};

// ---- Steps ------------------------------------------------------------------------------------------------------------------------------

const findApplication = (graph, { name: given, defaultName, clientId }) => {
  const name = given ?? defaultName;
  const filter = clientId ? `appId eq '${clientId}'` : `displayName eq '${name.replaceAll("'", "''")}'`;
  const found = graph.list(`applications?$filter=${encodeURIComponent(filter)}`);
  if (found.length > 1) {
    throw new EntraError(
      `There are ${found.length} app registrations called "${name}"; say which with --client-id:\n  ${found.map(({ appId }) => appId).join('\n  ')}`,
    );
  }
  if (clientId && found.length === 0) throw new EntraError(`There is no app registration with the client id ${clientId} in this tenant.`);
  return found[0];
};

/** @returns the registration; `isNew` where it was made just now, or would be */
const ensureApplication = async (graph, settings) => {
  const present = findApplication(graph, settings);
  const wanted = wantedApplication(present ?? {}, settings);
  let application = present;
  if (!present) {
    // scopes and whom they are open to cannot come in one go
    const { api, ...rest } = wanted;
    const made = await graph.change(`app registration "${wanted.displayName}"`, 'post', 'applications', {
      ...rest,
      api: { ...api, preAuthorizedApplications: [] },
    });
    application = {
      id: '<object id>',
      appId: '<client id>',
      ...rest,
      api: { ...api, preAuthorizedApplications: [] },
      identifierUris: [],
      ...made,
    };
  }
  const whole = { ...wanted, identifierUris: [...new Set([...(application.identifierUris ?? []), `api://${application.appId}`])] };
  if (!holds(whole, application)) {
    await graph.change('its roles, addresses and scope', 'patch', `applications/${application.id}`, whole);
  }
  return { ...application, isNew: !present, hasAddress: whole.web.redirectUris.some((uri) => uri.endsWith(CALLBACK_PATH)) };
};

const hasCredential = (graph, { id, isNew }) =>
  !isNew && graph.list(`applications/${id}/federatedIdentityCredentials`).some(({ name }) => name === CREDENTIAL_NAME);

const ensureCredential = async (graph, application, { principalId, login, tenantId }) => {
  const place = `applications/${application.id}/federatedIdentityCredentials`;
  const wanted = {
    name: CREDENTIAL_NAME,
    issuer: `${login.replace(/\/+$/, '')}/${tenantId}/v2.0`,
    subject: principalId,
    audiences: ['api://AzureADTokenExchange'],
    description: 'The identity of the function app, in place of a client secret',
  };
  const present = application.isNew ? undefined : graph.list(place).find(({ name }) => name === CREDENTIAL_NAME);
  if (!present) await graph.change('federated credential of the app’s identity', 'post', place, wanted);
  else if (!holds(wanted, present)) {
    // a credential keeps its name
    const { issuer, subject, audiences, description } = wanted;
    await graph.change('federated credential of the app’s identity', 'patch', `${place}/${present.id}`, {
      issuer,
      subject,
      audiences,
      description,
    });
  }
};

const ensureServicePrincipal = async (graph, { appId, isNew }) => {
  const present = isNew ? undefined : graph.list(`servicePrincipals?$filter=${encodeURIComponent(`appId eq '${appId}'`)}`)[0];
  if (present === undefined) {
    const wanted = { appId, appRoleAssignmentRequired: true, tags: [ENTERPRISE_TAG] };
    const made = await graph.change(
      'enterprise application, for assigned people and applications only',
      'post',
      'servicePrincipals',
      wanted,
    );
    return { id: '<service principal id>', isNew: true, ...made };
  }
  if (!present.appRoleAssignmentRequired) {
    await graph.change('only those who are assigned may sign in', 'patch', `servicePrincipals/${present.id}`, {
      appRoleAssignmentRequired: true,
    });
  }
  return present;
};

/**
 * Consents for everybody to what sign-in asks for: where assignment is required, nobody can do that alone (AADSTS90094).
 * @see MicrosoftDocs/azure-docs issues 59982, 58453
 */
const ensureConsent = async (graph, { id: clientId, isNew }) => {
  const [microsoftGraph] = graph.list(`servicePrincipals?$filter=${encodeURIComponent(`appId eq '${MICROSOFT_GRAPH}'`)}`);
  if (!microsoftGraph)
    throw new EntraError(`This tenant has no enterprise application Microsoft Graph: az ad sp create --id ${MICROSOFT_GRAPH}`);
  const resourceId = microsoftGraph.id;
  const grants = isNew ? [] : graph.list(`servicePrincipals/${clientId}/oauth2PermissionGrants`);
  const present = grants.find((grant) => grant.consentType === 'AllPrincipals' && grant.resourceId === resourceId);
  const granted = (present?.scope ?? '').split(' ').filter(Boolean);
  const scope = [...new Set([...granted, ...SIGN_IN_SCOPES])].join(' ');
  const what = 'consent of the tenant to what sign-in asks for';
  if (!present) await graph.change(what, 'post', 'oauth2PermissionGrants', { clientId, consentType: 'AllPrincipals', resourceId, scope });
  else if (SIGN_IN_SCOPES.some((one) => !granted.includes(one)))
    await graph.change(what, 'patch', `oauth2PermissionGrants/${present.id}`, { scope });
};

/** Without being asked for somebody, only while nobody is Administrator: whoever deploys later does not become one by that. */
const ensureAdministrator = async (graph, servicePrincipal, { administrator }) => {
  const [{ id: appRoleId }] = ROLES;
  const assigned = servicePrincipal.isNew ? [] : graph.list(`servicePrincipals/${servicePrincipal.id}/appRoleAssignedTo?$top=999`);
  const administrators = assigned.filter((assignment) => assignment.appRoleId === appRoleId);
  if (!administrator && administrators.length > 0) return;
  let principalId = administrator;
  if (!principalId) {
    try {
      principalId = graph.get('me?$select=id').id;
    } catch {
      say('Nobody is Administrator yet: whoever is signed in to az is no person. Name somebody with --administrator.');
      return;
    }
  }
  if (administrators.some((assignment) => assignment.principalId === principalId)) return;
  await graph.change(
    `role Administrator for ${administrator ?? 'you'}`,
    'post',
    `servicePrincipals/${servicePrincipal.id}/appRoleAssignedTo`,
    {
      principalId,
      resourceId: servicePrincipal.id,
      appRoleId,
    },
  );
};

// ---- The whole --------------------------------------------------------------------------------------------------------------------------

const readSettings = () => {
  const flag = { type: 'boolean', default: false };
  const text = { type: 'string' };
  const { values } = parseArgs({
    options: {
      ...{ name: text, 'client-id': text, url: text, 'principal-id': text, administrator: text, tenant: text },
      ...{ 'allow-az': flag, azd: flag, 'dry-run': flag, help: flag },
    },
  });
  const env = values.azd ? process.env : {};
  return {
    help: values.help,
    azd: values.azd,
    dryRun: values['dry-run'],
    name: values.name,
    defaultName: env.AZURE_ENV_NAME ? `${DEFAULT_NAME} (${env.AZURE_ENV_NAME})` : DEFAULT_NAME,
    tenant: values.tenant,
    subscription: env.AZURE_SUBSCRIPTION_ID || undefined,
    clientId: values['client-id'] ?? (env.AUTH_CLIENT_ID || undefined),
    url: values.url ?? (env.APP_URL || undefined),
    principalId: values['principal-id'] ?? (env.APP_PRINCIPAL_ID || undefined),
    administrator: values.administrator,
    allowAz: values['allow-az'],
  };
};

/** The registration has to lie in the tenant that the template trusts: az and azd are signed in apart from each other. */
const checkTenant = (tenantId, { tenant, subscription }) => {
  let wanted = tenant;
  if (subscription) {
    try {
      const { tenantId: ofSubscription } = az('account', 'show', '--subscription', subscription);
      if (tenant && tenant !== ofSubscription)
        throw new EntraError(`The subscription ${subscription} belongs to the tenant ${ofSubscription}, not to ${tenant}.`);
      wanted = ofSubscription;
    } catch (error) {
      if (!/failed:/.test(error.message)) throw error;
      throw new EntraError(
        `az, signed in to the tenant ${tenantId}, does not know the subscription ${subscription} that azd deploys to: az login --tenant ${tenant ?? '(its tenant)'}\n${error.message}`,
      );
    }
  }
  if (wanted && wanted !== tenantId)
    throw new EntraError(
      `az is signed in to the tenant ${tenantId}, the app belongs to ${wanted}: ${subscription ? `az account set --subscription ${subscription}, or ` : ''}az login --tenant ${wanted}`,
    );
};

const main = async () => {
  const settings = readSettings();
  if (settings.help) return void process.stdout.write(`${HELP}\n`);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'entra-'));
  try {
    const { tenantId } = az('account', 'show');
    checkTenant(tenantId, settings);
    const { endpoints } = az('cloud', 'show');
    const graph = createGraph(endpoints.microsoftGraphResourceId, { ...settings, folder });
    const application = await ensureApplication(graph, settings);
    if (settings.principalId) await ensureCredential(graph, application, { ...settings, login: endpoints.activeDirectory, tenantId });
    const servicePrincipal = await ensureServicePrincipal(graph, application);
    await ensureConsent(graph, servicePrincipal);
    await ensureAdministrator(graph, servicePrincipal, settings);
    if (!application.hasAddress) say('The redirect address is not set yet: run this again with --url once the app has its address.');
    if (!settings.principalId && !hasCredential(graph, application))
      say('The federated credential is not set yet: run this again with --principal-id once the app has its identity.');
    if (settings.azd && !settings.dryRun && settings.clientId !== application.appId) {
      run('azd', ['env', 'set', 'AUTH_CLIENT_ID', application.appId, '--cwd', path.dirname(path.dirname(fileURLToPath(import.meta.url)))]);
    }
    if (graph.changes() === 0) say('Nothing to change.');
    process.stdout.write(`${JSON.stringify({ clientId: application.appId, tenantId, changes: graph.changes() })}\n`);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
};

try {
  await main();
} catch (error) {
  say(error instanceof EntraError || error.code?.startsWith('ERR_PARSE_ARGS') ? error.message : (error.stack ?? String(error)));
  process.exitCode = 1;
}
