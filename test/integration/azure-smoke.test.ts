import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

/** What the smoke test of a deployment says of apps that are not as they must be; a real one is asked in test/e2e/routes.test.ts. */
const root = path.resolve(__dirname, '../..');
const script = path.join(root, 'infra/azure/smoke.mjs');
const VERSION: string = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version;

interface App {
  /** who refuses unsigned calls */
  readonly refuses?: 'platform' | 'app' | 'nobody';
  /** answers a caller who says that they are an administrator */
  readonly trusting?: boolean;
  /** answers that health gives before it is well */
  readonly startsAfter?: number;
  readonly health?: string;
  readonly version?: string;
  readonly closed?: string;
}

const problem = { 'content-type': 'application/problem+json' };
const page = { 'content-type': 'text/html; charset=utf-8' };

const answer = (app: App, request: http.IncomingMessage, asked: number): [number, http.OutgoingHttpHeaders, string] => {
  const { url = '', headers } = request;
  if (app.closed !== undefined && url.startsWith(app.closed)) return [401, {}, ''];
  if (url === '/api/health') {
    if (asked <= (app.startsAfter ?? 0)) return [503, {}, 'Function host is not running.'];
    return [200, {}, JSON.stringify({ status: app.health ?? 'healthy', version: app.version ?? VERSION })];
  }
  if (url.startsWith('/api/')) {
    if (headers.authorization === 'Bearer a-token') return [200, {}, JSON.stringify({ role: 'Administrator' })];
    if (headers['x-ms-client-principal'] !== undefined && app.trusting) return [200, {}, '{"value":[]}'];
    if (app.refuses === 'nobody') return [200, {}, '{"value":[]}'];
    return app.refuses === 'app' ? [401, problem, '{"code":"not_signed_in"}'] : [401, {}, ''];
  }
  if (url === '/') return app.refuses === 'platform' ? [401, {}, ''] : [302, { location: '/portal/' }, ''];
  if (url.startsWith('/portal/assets/')) return [200, { 'content-type': 'text/javascript' }, ''];
  return [200, page, '<script src="/portal/assets/main-1.js"></script>'];
};

const smoke = async (app: App, args: readonly string[] = [], env: Record<string, string> = {}) => {
  let asked = 0;
  const server = http.createServer((request, response) => {
    if (request.url === '/api/health') asked++;
    const [status, headers, body] = answer(app, request, asked);
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const child = spawn(process.execPath, [script, `http://127.0.0.1:${port}`, ...args], { env: { PATH: process.env.PATH, ...env } });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, said };
  } finally {
    server.closeAllConnections();
    server.close();
  }
};

it('is content with an app behind App Service Authentication, and says what it left out', async () => {
  const { code, said } = await smoke({ refuses: 'platform' }, ['--platform']);
  expect(code).toBe(0);
  expect(said).toBe(
    [
      `ok    health is open and well (version ${VERSION})`,
      'ok    the API refuses who has not signed in (401 before the app)',
      'ok    the API refuses a forged administrator (401 before the app)',
      'ok    the root leads to the portal (after sign-in: people open /portal)',
      'ok    the portal is open, with what it loads',
      'ok    a link into the portal is open',
      'ok    who signs in is known (left out: no SMOKE_TOKEN)',
      '',
    ].join('\n'),
  );
});

it('asks who is signed in where it has a token, and waits for an app that starts', async () => {
  const { code, said } = await smoke({ refuses: 'app', startsAfter: 1 }, [], { SMOKE_TOKEN: 'a-token' });
  expect(said).toContain('ok    who signs in is known (role Administrator)');
  expect(code).toBe(0);
});

it('takes any version when asked to', async () => {
  expect((await smoke({ refuses: 'app', version: '0.0.9' }, ['--version', 'any'])).code).toBe(0);
});

const WRONG: readonly (readonly [app: App, sentence: string, args?: readonly string[]])[] = [
  [{ refuses: 'nobody' }, 'FAIL  the API refuses who has not signed in: expected 401, got 200'],
  [{ trusting: true }, 'FAIL  the API refuses a forged administrator: expected 401, got 200'],
  [
    { refuses: 'app' },
    'FAIL  the API refuses who has not signed in: the app refused the call, so App Service Authentication',
    ['--platform'],
  ],
  [{ health: 'failing' }, 'FAIL  health is open and well: expected healthy, got failing'],
  [{ version: '0.0.9' }, `FAIL  health is open and well: expected version ${VERSION}, got 0.0.9`],
  [{ version: VERSION }, `FAIL  health is open and well: expected version 9.9.9, got ${VERSION}`, ['--version', '9.9.9']],
  [{ startsAfter: 1_000 }, 'FAIL  health is open and well: expected 200, got 503 Function host is not running.', ['--wait', '1']],
  [{ closed: '/api/health' }, 'FAIL  health is open and well: expected 200, got 401: the path is not open'],
  [{ closed: '/portal/assets/' }, 'FAIL  the portal is open, with what it loads: expected 200 for /portal/assets/main-1.js, got 401'],
  [{ closed: '/portal/exports/' }, 'FAIL  a link into the portal is open: expected a page, got 401'],
];
it.each(WRONG.map(([app, sentence, args = []]) => ({ app, sentence, args })))(
  'ends with an error for $app',
  async ({ app, sentence, args }) => {
    const { code, said } = await smoke(app, args);
    expect(said).toContain(sentence);
    expect(code).toBe(1);
  },
);
