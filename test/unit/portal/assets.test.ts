import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createPortalAssets } from '../../../functions/portal/assets';

const folder = mkdtempSync(path.join(tmpdir(), 'portal-assets-'));
const write = (name: string, text: string): void => writeFileSync(path.join(folder, name), text);
const type = 'text/javascript; charset=utf-8';

beforeAll(() => {
  mkdirSync(path.join(folder, 'assets'));
  write('index.html', '<script nonce="__NONCE__"></script><meta property="csp-nonce" content="__NONCE__">');
  for (const [ending, text] of Object.entries({ '': 'plain', '.br': 'as br', '.gz': 'as gzip' })) write(`assets/main-1A.js${ending}`, text);
  write('secret.txt', 'not in the manifest');
  write('assets/other.js', 'not in the manifest');
  write('assets/main-1A.js.map', 'map');
  const files = { 'assets/main-1A.js': { type, brotliBytes: 5 }, 'assets/main-1A.js.map': { type: 'application/json' } };
  write('manifest.json', JSON.stringify({ index: 'index.html', files, more: 1 }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const assets = createPortalAssets(folder);
const ask = async (address: string, accept: string | null = null) => {
  const { status, headers, body } = await assets.answer(address, accept);
  return { status, headers, text: body.toString() };
};

it.each([
  [null, 'plain', undefined],
  ['gzip', 'as gzip', 'gzip'],
  ['gzip, br', 'as br', 'br'],
])('a file of the manifest for Accept-Encoding %s', async (accept, text, encoding) => {
  const answer = await ask('assets/main-1A.js', accept);
  expect(answer).toMatchObject({ status: 200, text });
  expect(answer.headers).toEqual({
    'content-type': type,
    'cache-control': 'public, max-age=31536000, immutable',
    vary: 'accept-encoding',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
  });
});

it('a file without compressed twins as it is, whatever is asked for', async () => {
  const { status, headers, text } = await ask('assets/main-1A.js.map', 'br, gzip');
  expect([status, headers['content-encoding'], text]).toEqual([200, undefined, 'map']);
});

it.each(['', 'exports', 'exports/exp_8Kd2-fQ/runs/run_01', 'signed-in', 'connections/new/', 'settings/no/such/page'])(
  'the page for /portal/%s, under a policy that lets in nothing from elsewhere',
  async (address) => {
    const { status, headers, text } = await ask(address, 'br');
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([200, 'text/html; charset=utf-8', 'no-store']);
    expect(headers['content-encoding']).toBeUndefined();
    const [, nonce] = /nonce="([\w-]{20,})"/.exec(text)!;
    expect(text).toBe(`<script nonce="${nonce}"></script><meta property="csp-nonce" content="${nonce}">`);
    expect(headers['content-security-policy']!.split('; ')).toEqual([
      "default-src 'none'",
      `script-src 'self' 'nonce-${nonce}'`,
      `style-src 'self' 'nonce-${nonce}'`,
      "img-src 'self' data:",
      "font-src 'self'",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin-allow-popups',
    });
  },
);

it('each page has a nonce of its own', async () => {
  const nonces = await Promise.all(Array.from({ length: 5 }, async () => (await ask('')).headers['content-security-policy']));
  expect(new Set(nonces).size).toBe(5);
});

it.each([
  'secret.txt',
  'manifest.json',
  'index.html',
  'assets/other.js',
  'assets/',
  'assets/main-1A',
  'assets/main-1A.js.br',
  'assets/../secret.txt',
  '../assets/../secret.txt',
  '..',
  '%2e%2e/secret.txt',
  '..%2fsecret.txt',
  '..\\secret.txt',
  'exports\0',
  'constructor.name',
  '__proto__.x',
  'x'.repeat(501),
  `assets/${'x'.repeat(100)}`,
  'exports/<script>',
])('nothing for /portal/%s', async (address) => {
  expect(await ask(address)).toMatchObject({
    status: 404,
    text: 'There is no such page.',
    headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
  });
});

it('a folder without the pages says what is missing, until they are there', async () => {
  const empty = path.join(folder, 'later');
  const later = createPortalAssets(empty);
  expect(await later.answer('', null)).toMatchObject({ status: 503, body: expect.stringContaining('npm run build') });
  mkdirSync(empty);
  writeFileSync(path.join(empty, 'manifest.json'), JSON.stringify({ index: 'i.html', files: {} }));
  writeFileSync(path.join(empty, 'i.html'), 'there');
  expect(await later.answer('', null)).toMatchObject({ status: 200, body: 'there' });
});
