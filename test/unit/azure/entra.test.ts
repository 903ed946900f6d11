import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** The script runs a stand-in called `az`, which keeps a tiny Microsoft Graph in a file and writes down every call. */
const script = path.resolve(__dirname, '../../../infra/azure/entra.mjs');
const TENANT = 'aaaaaaaa-0000-4000-8000-000000000001';
const CLIENT = 'cccccccc-0000-4000-8000-000000000002';
const IDENTITY = 'dddddddd-0000-4000-8000-000000000003';
const ME = 'eeeeeeee-0000-4000-8000-000000000004';
const SUBSCRIPTION = 'bbbbbbbb-0000-4000-8000-000000000005';
const MICROSOFT_GRAPH = '00000003-0000-0000-c000-000000000000';
const URL_OF_APP = 'https://ci-klaviyo-x.azurewebsites.net';

const STAND_IN = `#!${process.execPath}
const fs = require('node:fs');
const folder = process.env.STAND_IN_FOLDER;
const args = process.argv.slice(2);
const option = (name) => args[args.indexOf(name) + 1];
const stateFile = folder + '/state.json';
const state = JSON.parse(fs.readFileSync(stateFile, 'utf8'));
const save = () => fs.writeFileSync(stateFile, JSON.stringify(state));
const answer = (value) => { save(); process.stdout.write(JSON.stringify(value)); process.exit(0); };
const refuse = (text) => { save(); process.stderr.write(text); process.exit(1); };
if (process.argv[1].endsWith('azd')) { fs.appendFileSync(folder + '/azd.log', args.join(' ') + '\\n'); process.exit(0); }
if (args[args.length - 2] !== '--output' || args[args.length - 1] !== 'json') refuse('expected JSON to be asked for');
if (args[0] === 'account') {
  if (!args.includes('--subscription')) answer({ tenantId: '${TENANT}' });
  const tenantId = state.subscriptions[option('--subscription')];
  tenantId ? answer({ tenantId }) : refuse("ERROR: Subscription '" + option('--subscription') + "' not found. Check the spelling and casing and try again.");
}
if (args[0] === 'cloud') answer({ endpoints: { microsoftGraphResourceId: 'https://graph.microsoft.com/', activeDirectory: 'https://login.microsoftonline.com' } });
const method = option('--method');
const url = new URL(option('--url'));
const body = args.includes('--body') ? JSON.parse(fs.readFileSync(option('--body').slice(1), 'utf8')) : undefined;
if (body && option('--headers') !== 'Content-Type=application/json') refuse('a body needs its type');
fs.appendFileSync(folder + '/calls.log', JSON.stringify({ method, place: decodeURIComponent(url.pathname.replace('/v1.0/', '') + url.search), body }) + '\\n');
const filter = /^(\\w+) eq '(.*)'$/.exec(url.searchParams.get('$filter') ?? '');
const [, , kind, id, part, partId] = url.pathname.split('/');
const refusal = method === 'get' ? -1 : state.refusals.findIndex((one) => one.at === method + ' ' + kind);
if (refusal >= 0) refuse(state.refusals.splice(refusal, 1)[0].text);
const of = (list, wanted) => list.find((one) => one.id === wanted) ?? refuse("Resource '" + wanted + "' does not exist");
if (kind === 'me') state.person ? answer({ id: state.person }) : refuse('/me request is only valid with delegated authentication flow.');
if (kind === 'applications' && !part) {
  if (method === 'get') answer({ value: state.applications.filter((one) => one[filter[1]] === filter[2].replaceAll("''", "'")) });
  if (method === 'post') { const made = { id: 'app-object', appId: '${CLIENT}', identifierUris: [], ...body }; state.applications.push(made); answer(made); }
  if (method === 'patch') { Object.assign(of(state.applications, id), body); answer(null); }
}
if (part === 'federatedIdentityCredentials') {
  if (method === 'get') answer({ value: state.credentials });
  if (method === 'post') { state.credentials.push({ id: 'credential', ...body }); answer({ id: 'credential', ...body }); }
  if (method === 'patch') { Object.assign(of(state.credentials, partId), body); answer(null); }
}
if (kind === 'servicePrincipals' && !part) {
  const graph = { id: 'graph-object', appId: '${MICROSOFT_GRAPH}' };
  if (method === 'get') answer({ value: [graph, ...state.servicePrincipals].filter((one) => one[filter[1]] === filter[2]) });
  if (method === 'post') {
    const made = { id: 'sp-object', ...body }; state.servicePrincipals.push(made); answer(made);
  }
  if (method === 'patch') { Object.assign(of(state.servicePrincipals, id), body); answer(null); }
}
if (part === 'oauth2PermissionGrants' && method === 'get') answer({ value: state.grants.filter((one) => one.clientId === id) });
if (kind === 'oauth2PermissionGrants') {
  if (method === 'post') { const made = { id: 'grant', ...body }; state.grants.push(made); answer(made); }
  if (method === 'patch') { Object.assign(of(state.grants, id), body); answer(null); }
}
if (part === 'appRoleAssignedTo') {
  if (method === 'get') answer({ value: state.assignments });
  if (method === 'post') { state.assignments.push(body); answer(body); }
}
refuse('the stand-in does not know ' + method + ' ' + url.pathname);
`;

interface Call {
  readonly method: string;
  readonly place: string;
  readonly body?: Record<string, unknown>;
}

/** What the stand-in has, as far as it is looked at. */
interface State {
  person: string | null;
  /** answers of changes, each given once in place of the real one */
  refusals: { at: string; text: string }[];
  /** tenants by the subscriptions that az knows */
  subscriptions: Record<string, string>;
  applications: {
    displayName: string;
    appRoles: { id: string; value: string; isEnabled?: boolean; allowedMemberTypes: string[] }[];
    web: { redirectUris: string[] };
    api: { oauth2PermissionScopes: { id: string }[]; preAuthorizedApplications: object[] };
  }[];
  credentials: { id: string; subject: string }[];
  servicePrincipals: { appRoleAssignmentRequired: boolean }[];
  grants: { id: string; clientId: string; consentType: string; resourceId: string; scope: string }[];
  assignments: { principalId: string; appRoleId: string }[];
}

let folder: string;
const file = (name: string) => path.join(folder, name);
const state = (): State => JSON.parse(readFileSync(file('state.json'), 'utf8'));
const start = (given: object = {}) => {
  const empty = {
    ...{ person: ME, applications: [], credentials: [], servicePrincipals: [], grants: [], assignments: [], refusals: [] },
    subscriptions: { [SUBSCRIPTION]: TENANT },
  };
  writeFileSync(file('state.json'), JSON.stringify({ ...empty, ...given }));
};
const calls = (): Call[] =>
  readFileSync(file('calls.log'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
const changes = () => calls().filter(({ method }) => method !== 'get');

const run = (args: readonly string[], env: Record<string, string> = {}) => {
  writeFileSync(file('calls.log'), '');
  writeFileSync(file('azd.log'), '');
  const ended = spawnSync(process.execPath, [script, ...args], {
    encoding: 'utf8',
    env: { PATH: folder, STAND_IN_FOLDER: folder, ENTRA_RETRY_MS: '1', ...env },
  });
  const last = ended.stdout.trimEnd().split('\n').at(-1) ?? '';
  return { ...ended, result: last.startsWith('{') ? JSON.parse(last) : undefined };
};
const WHOLE = ['--url', `${URL_OF_APP}/`, '--principal-id', IDENTITY];

let deployed: State | undefined;
/** Goes on from where a first run has ended. */
const startDeployed = (change: (state: State) => void = () => undefined) => {
  if (deployed === undefined) {
    run(WHOLE);
    deployed = state();
  }
  const copy = structuredClone(deployed);
  change(copy);
  start(copy);
};

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'entra-test-'));
  for (const name of ['az', 'azd']) {
    writeFileSync(file(name), STAND_IN);
    chmodSync(file(name), 0o755);
  }
  start();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What Graph says, word for word, of an application and a scope that not all of its parts know yet. */
const NOT_YET = [
  {
    at: 'post servicePrincipals',
    text: `Bad Request({"error":{"code":"Request_BadRequest","message":"The appId '${CLIENT}' of the service principal does not reference a valid application object.","details":[{"code":"NoBackingApplicationObject","target":"appId"}]}})`,
  },
  {
    at: 'post servicePrincipals',
    text: 'Forbidden({"error":{"code":"Authorization_RequestDenied","message":"When using this permission, the backing application of the service principal being created must in the local tenant"}})',
  },
  {
    at: 'patch applications',
    text: 'Bad Request({"error":{"code":"InvalidValue","message":"Property api.preAuthorizedApplications.delegatedPermissionIds has a Permission Id that cannot be found in the AppPermissions sets.","details":[{"target":"api.preAuthorizedApplications.delegatedPermissionIds","code":"InvalidValue"}]}})',
  },
  {
    at: 'post oauth2PermissionGrants',
    text: `Not Found({"error":{"code":"Request_ResourceNotFound","message":"Resource 'sp-object' does not exist or one of its queried reference-property objects are not present."}})`,
  },
];

it('makes the registration with its three roles, the credential of the identity, and an administrator, as soon as each is known everywhere', () => {
  start({ refusals: NOT_YET });
  const { status, stderr, result } = run(WHOLE);
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('app registration "Customer Insights to Klaviyo"') });
  expect(result).toEqual({ clientId: CLIENT, tenantId: TENANT, changes: changes().length - NOT_YET.length });
  deployed = state();
  const { applications, credentials, servicePrincipals, assignments, grants, refusals } = state();
  expect(refusals).toEqual([]);
  expect(applications).toHaveLength(1);
  const application = applications[0]!;
  expect(application).toMatchObject({
    signInAudience: 'AzureADMyOrg',
    identifierUris: [`api://${CLIENT}`],
    web: {
      redirectUris: [`${URL_OF_APP}/.auth/login/aad/callback`],
      implicitGrantSettings: { enableIdTokenIssuance: true, enableAccessTokenIssuance: false },
    },
    api: { requestedAccessTokenVersion: 2, preAuthorizedApplications: [] },
  });
  expect(application.appRoles.map((role) => [role.value, role.isEnabled, role.allowedMemberTypes])).toEqual(
    ['Administrator', 'Contributor', 'Viewer'].map((role) => [role, true, ['User', 'Application']]),
  );
  expect(new Set(application.appRoles.map(({ id }) => id)).size).toBe(3);
  expect(credentials).toEqual([
    expect.objectContaining({
      issuer: `https://login.microsoftonline.com/${TENANT}/v2.0`,
      subject: IDENTITY,
      audiences: ['api://AzureADTokenExchange'],
    }),
  ]);
  expect(servicePrincipals).toEqual([expect.objectContaining({ appId: CLIENT, appRoleAssignmentRequired: true })]);
  expect(grants).toEqual([
    { id: 'grant', clientId: 'sp-object', consentType: 'AllPrincipals', resourceId: 'graph-object', scope: 'openid profile email' },
  ]);
  expect(assignments).toEqual([{ principalId: ME, resourceId: 'sp-object', appRoleId: application.appRoles[0]!.id }]);
});

it('ends at once where Graph refuses for good', () => {
  start({
    refusals: [
      { at: 'post servicePrincipals', text: 'Forbidden({"error":{"code":"Authorization_RequestDenied","message":"Insufficient"}})' },
    ],
  });
  const { status, stderr } = run(WHOLE);
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('Authorization_RequestDenied') });
  expect(changes().filter(({ place }) => place === 'servicePrincipals')).toHaveLength(1);
});

it('changes nothing the second time', () => {
  startDeployed();
  const before = state();
  const { status, stderr, result } = run(WHOLE);
  expect({ status, stderr, changes: changes() }).toEqual({ status: 0, stderr: 'Nothing to change.\n', changes: [] });
  expect(result.changes).toBe(0);
  expect(state()).toEqual(before);
});

it('makes before the deployment what needs no address, and the rest after it, with what azd keeps', () => {
  const first = run(['--azd'], { AZURE_ENV_NAME: 'prod' });
  expect(first.status).toBe(0);
  expect(state().credentials).toEqual([]);
  expect(state().applications[0]).toMatchObject({ displayName: 'Customer Insights to Klaviyo (prod)', web: { redirectUris: [] } });
  expect(readFileSync(file('azd.log'), 'utf8')).toMatch(new RegExp(`^env set AUTH_CLIENT_ID ${CLIENT} --cwd .*infra\\n$`));

  const second = run(['--azd'], { AZURE_ENV_NAME: 'prod', AUTH_CLIENT_ID: CLIENT, APP_URL: URL_OF_APP, APP_PRINCIPAL_ID: IDENTITY });
  expect(second.status).toBe(0);
  expect(changes().map(({ method, place }) => `${method} ${place}`)).toEqual([
    'patch applications/app-object',
    'post applications/app-object/federatedIdentityCredentials',
  ]);
  expect(readFileSync(file('azd.log'), 'utf8')).toBe('');
});

it('keeps what others have added, and mends what somebody has taken away', () => {
  startDeployed((before) => {
    const { applications, servicePrincipals, credentials } = before;
    const application = applications[0]!;
    const foreign = { id: 'ffffffff-0000-4000-8000-00000000000f', value: 'Auditor', allowedMemberTypes: ['User'] };
    application.appRoles = [foreign, ...application.appRoles.slice(1)];
    application.web.redirectUris.push('https://klaviyo.contoso.com/.auth/login/aad/callback');
    servicePrincipals[0]!.appRoleAssignmentRequired = false;
    credentials[0]!.subject = 'somebody else';
    before.grants = [{ ...before.grants[0]!, scope: 'User.Read openid' }];
  });
  expect(run(WHOLE).status).toBe(0);
  const after = state();
  expect(after.applications[0]!.appRoles.map(({ value }) => value)).toEqual(['Auditor', 'Administrator', 'Contributor', 'Viewer']);
  expect(after.applications[0]!.web.redirectUris).toHaveLength(2);
  expect(after.servicePrincipals[0]!.appRoleAssignmentRequired).toBe(true);
  expect(after.grants.map(({ scope }) => scope)).toEqual(['User.Read openid profile email']);
  expect(after.credentials).toEqual([expect.objectContaining({ id: 'credential', subject: IDENTITY })]);
});

it('makes nobody administrator by deploying again, but whoever is named', () => {
  startDeployed((before) => void (before.person = 'somebody-else'));
  run(WHOLE);
  expect(state().assignments.map(({ principalId }) => principalId)).toEqual([ME]);
  run([...WHOLE, '--administrator', 'a-group']);
  expect(state().assignments.map(({ principalId }) => principalId)).toEqual([ME, 'a-group']);
});

it('says that somebody has to be named where whoever deploys is no person', () => {
  startDeployed((before) => {
    before.person = null;
    before.assignments = [];
  });
  const { status, stderr } = run(WHOLE);
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('--administrator') });
  expect(state().assignments).toEqual([]);
});

it('lets az in only when asked to', () => {
  startDeployed();
  run([...WHOLE, '--allow-az']);
  const application = state().applications[0]!;
  expect(application.api.preAuthorizedApplications).toEqual([
    { appId: '04b07795-8ddb-461a-bbee-02f9e1bf7b46', delegatedPermissionIds: [application.api.oauth2PermissionScopes[0]!.id] },
  ]);
  expect(deployed?.applications[0]!.api.preAuthorizedApplications).toEqual([]);
});

it('keeps the name that somebody has given, and does not say that something is missing which is there', () => {
  startDeployed(({ applications }) => void (applications[0]!.displayName = 'Klaviyo'));
  const { stderr } = run(['--client-id', CLIENT, '--allow-az']);
  expect(stderr).toBe('changes: its roles, addresses and scope\n');
  expect(state().applications[0]!.displayName).toBe('Klaviyo');
  run(['--client-id', CLIENT, '--name', 'Lists']);
  expect(state().applications[0]!.displayName).toBe('Lists');
});

it('says what is missing before the deployment', () => {
  expect(run([]).stderr).toMatch(/redirect address is not set yet[^]*federated credential is not set yet/);
});

it('stops where az is signed in to another tenant than the app belongs to', () => {
  const azd = (subscription: string) => run(['--azd'], { AZURE_SUBSCRIPTION_ID: subscription });
  const OTHER = 'aaaaaaaa-0000-4000-8000-00000000000f';
  start({ subscriptions: { ours: TENANT, theirs: OTHER } });
  expect(azd('unknown')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/does not know the subscription unknown .*az login --tenant/),
  });
  expect(azd('theirs')).toMatchObject({ status: 1, stderr: expect.stringContaining(`az login --tenant ${OTHER}`) });
  expect(run(['--tenant', OTHER])).toMatchObject({ status: 1, stderr: expect.stringContaining(`az login --tenant ${OTHER}`) });
  expect(state().applications).toEqual([]);
  expect(azd('ours').status).toBe(0);
  expect(run(['--tenant', TENANT]).status).toBe(0);
});

it('prints the lines of a dry run and changes nothing', () => {
  const { status, stdout } = run([...WHOLE, '--dry-run']);
  expect(status).toBe(0);
  expect(changes()).toEqual([]);
  const lines = stdout.split('\n').filter((line) => line.startsWith('az rest --method'));
  expect(lines.map((line) => line.split(' ').slice(0, 6).join(' '))).toEqual([
    'az rest --method post --url https://graph.microsoft.com/v1.0/applications',
    "az rest --method patch --url 'https://graph.microsoft.com/v1.0/applications/<object",
    "az rest --method post --url 'https://graph.microsoft.com/v1.0/applications/<object",
    'az rest --method post --url https://graph.microsoft.com/v1.0/servicePrincipals',
    'az rest --method post --url https://graph.microsoft.com/v1.0/oauth2PermissionGrants',
    "az rest --method post --url 'https://graph.microsoft.com/v1.0/servicePrincipals/<service",
  ]);
});

it('prints lines that a shell takes, whatever the name', () => {
  const { stdout } = run(['--name', "Anna's lists", '--dry-run']);
  const line = stdout.split('\n').find((one) => one.includes('/applications '))!;
  writeFileSync(file('show'), `#!${process.execPath}\nprocess.stdout.write(process.argv.at(-1));`);
  chmodSync(file('show'), 0o755);
  const shown = spawnSync('/bin/sh', ['-c', line.replace(/^az /, './show ')], { encoding: 'utf8', cwd: folder });
  expect(JSON.parse(shown.stdout)).toMatchObject({ displayName: "Anna's lists" });
});

it('asks which one is meant where several have the name', () => {
  start({ applications: ['1', '2'].map((id) => ({ id, appId: `client-${id}`, displayName: 'Customer Insights to Klaviyo' })) });
  const { status, stderr } = run(WHOLE);
  expect(status).toBe(1);
  expect(stderr).toMatch(/2 app registrations[^]*--client-id[^]*client-1[^]*client-2/);
  expect(changes()).toEqual([]);
});

it('says in a sentence what is wrong', () => {
  expect(run(['--client-id', 'unknown']).stderr).toBe('There is no app registration with the client id unknown in this tenant.\n');
  expect(run(['--nmae', 'x']).stderr).toMatch(/^Unknown option '--nmae'/);
  rmSync(file('az'));
  expect(run(WHOLE).stderr).toMatch(/^az could not be started .* az login\n$/);
});
