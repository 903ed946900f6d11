// Whether a deployed app answers as it must: node infra/azure/smoke.mjs --help
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const HELP = `Asks a deployed app some questions, and ends with exit code 1 when an answer is wrong.

  node infra/azure/smoke.mjs [URL]     URL of the app; default: APP_URL, as azd keeps it

  --platform           unsigned calls must be refused by App Service Authentication, before they reach the app
  --tenant ID          tenant that the forged administrator claims to come from; default: AZURE_TENANT_ID
  --version VERSION    version that must answer, "any" for no matter which; default: the one of this folder's package.json
  --wait SECONDS       how long the app may take to start; default 300
  --header NAME=VALUE  sent with every call, for a gateway in front of the app; may be given several times

SMOKE_TOKEN, an access token for the app, lets it ask who is signed in, too; without it this one question is left out, aloud:
  SMOKE_TOKEN=$(az account get-access-token --scope api://CLIENT_ID/.default --query accessToken --output tsv)`;

const TIMEOUT_MS = 30_000;
const PAUSE_MS = 2_000;

/** What somebody would send who knows the app and its tenant, but has not signed in. */
const forged = (tenant) => {
  const claims = [
    { typ: 'http://schemas.microsoft.com/identity/claims/tenantid', val: tenant },
    { typ: 'http://schemas.microsoft.com/identity/claims/objectidentifier', val: '00000000-0000-4000-8000-00000000f0f0' },
    { typ: 'name', val: 'Nobody' },
    { typ: 'roles', val: 'Administrator' },
  ];
  const principal = { auth_typ: 'aad', claims, name_typ: 'name', role_typ: 'roles' };
  return {
    'x-ms-client-principal': Buffer.from(JSON.stringify(principal)).toString('base64'),
    'x-ms-client-principal-id': claims[1].val,
    'x-ms-client-principal-name': 'nobody@example.com',
    'x-ms-client-principal-idp': 'aad',
  };
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    platform: { type: 'boolean', default: false },
    tenant: { type: 'string', default: process.env.AZURE_TENANT_ID ?? '00000000-0000-4000-8000-000000000000' },
    version: { type: 'string', default: JSON.parse(fs.readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version },
    wait: { type: 'string', default: '300' },
    header: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', default: false },
  },
});

const always = Object.fromEntries(values.header.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]));
const token = process.env.SMOKE_TOKEN || undefined;

const createAsk =
  (base) =>
  async (place, headers = {}) => {
    const answer = await fetch(new URL(place, base), {
      headers: { accept: 'application/json, text/html', ...always, ...headers },
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const body = await answer.text();
    return { status: answer.status, type: answer.headers.get('content-type') ?? '', location: answer.headers.get('location') ?? '', body };
  };

class Wrong extends Error {}
const expect = (condition, sentence) => {
  if (!condition) throw new Wrong(sentence);
};

/** A new app takes its time to start; until it answers at all, or while a gateway answers for it, it is asked again. */
const awaitHealth = async (ask, deadline) => {
  for (;;) {
    let seen;
    try {
      const answer = await ask('/api/health');
      if (answer.status === 200) return answer;
      seen = `${answer.status} ${answer.body.slice(0, 200)}`;
      if (answer.status === 401 || answer.status === 403) {
        throw new Wrong(`expected 200, got ${answer.status}: the path is not open (excludedPaths in modules/auth.bicep)`);
      }
    } catch (error) {
      if (error instanceof Wrong) throw error;
      seen = error.cause?.code ?? error.message;
    }
    expect(performance.now() + PAUSE_MS < deadline, `expected 200, got ${seen}`);
    await sleep(PAUSE_MS);
  }
};

const refusesUnsigned = async (ask, headers) => {
  const { status, type } = await ask('/api/exports', headers);
  expect(status === 401, `expected 401, got ${status}`);
  // the app answers with a problem of its own, the platform does not
  const byApp = type.includes('application/problem+json');
  expect(!values.platform || !byApp, 'the app refused the call, so App Service Authentication had let it pass: is it on for this path?');
  return `401 ${byApp ? 'from the app' : 'before the app'}`;
};

const portalPage = async (ask, place) => {
  const { status, type, body } = await ask(place);
  expect(status === 200 && type.startsWith('text/html'), `expected a page, got ${status} ${type}`);
  return body;
};

const checks = {
  'health is open and well': async (ask, deadline) => {
    const { body } = await awaitHealth(ask, deadline);
    const { status, version } = JSON.parse(body);
    expect(status === 'healthy', `expected healthy, got ${status}`);
    expect(
      values.version === 'any' || version === values.version,
      `expected version ${values.version}, got ${version}: an older package was deployed, or the deployment is not done`,
    );
    return `version ${version}`;
  },
  'the API refuses who has not signed in': (ask) => refusesUnsigned(ask),
  'the API refuses a forged administrator': (ask) => refusesUnsigned(ask, forged(values.tenant)),
  'the root leads to the portal': async (ask) => {
    const { status, location } = await ask('/');
    if (values.platform && status === 401) return 'after sign-in: people open /portal';
    expect(
      status === 302 && new URL(location, 'http://app').pathname === '/portal/',
      `expected 302 to /portal/, got ${status} ${location}`,
    );
  },
  'the portal is open, with what it loads': async (ask) => {
    const page = await portalPage(ask, '/portal/');
    const file = /"(\/portal\/assets\/[^"]+\.js)"/.exec(page)?.[1];
    expect(file !== undefined, 'the page names no script');
    const { status } = await ask(file);
    expect(status === 200, `expected 200 for ${file}, got ${status}`);
  },
  'a link into the portal is open': async (ask) => void (await portalPage(ask, '/portal/exports/exp_00000000000000000000/edit')),
  'who signs in is known': async (ask) => {
    if (token === undefined) return 'left out: no SMOKE_TOKEN';
    const { status, body } = await ask('/api/me', { authorization: `Bearer ${token}` });
    expect(status === 200, `expected 200, got ${status} ${body.slice(0, 300)}`);
    return `role ${JSON.parse(body).role}`;
  },
};

const main = async () => {
  if (values.help) return void console.log(HELP);
  const base = positionals[0] ?? process.env.APP_URL;
  if (!base) throw new Error('Which app? Give its URL, or set APP_URL.');
  const ask = createAsk(base);
  const deadline = performance.now() + Number(values.wait) * 1_000;
  for (const [name, check] of Object.entries(checks)) {
    try {
      const note = await check(ask, deadline);
      console.log(`ok    ${name}${note ? ` (${note})` : ''}`);
    } catch (error) {
      process.exitCode = 1;
      console.log(`FAIL  ${name}: ${error instanceof Wrong ? error.message : (error.cause?.message ?? error.message)}`);
      if (name.startsWith('health')) return; // the others would only say the same
    }
  }
};

try {
  await main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
