import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bytesByPackage, deliveredPackages, type Metafile, packageFolders } from '../../../infra/package/packages';

const root = mkdtempSync(path.join(tmpdir(), 'packages-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const metafile = (inputs: Record<string, number>): Metafile => ({
  outputs: {
    'functions/index.js': {
      bytes: 1,
      imports: [],
      inputs: Object.fromEntries(Object.entries(inputs).map(([file, bytesInOutput]) => [file, { bytesInOutput }])),
    },
  },
});

/** Installed packages by folder, and a lock file of the same. */
const install = (packages: Record<string, { manifest: object; lock: object }>): void => {
  for (const [folder, { manifest }] of Object.entries(packages)) {
    mkdirSync(path.join(root, folder), { recursive: true });
    writeFileSync(path.join(root, folder, 'package.json'), JSON.stringify(manifest));
  }
  const locked = Object.fromEntries(Object.entries(packages).map(([folder, { lock }]) => [folder, lock]));
  writeFileSync(path.join(root, 'package-lock.json'), JSON.stringify({ packages: locked }));
};
const plain = (name: string, version: string, more: { manifest?: object; lock?: object } = {}) => ({
  manifest: { name, version, license: 'MIT', ...more.manifest },
  lock: { version, ...more.lock },
});

const bundled = metafile({
  'functions/index.ts': 10,
  'node_modules/zod/index.js': 5,
  'node_modules/zod/other.js': 2,
  'node_modules/@azure/identity/dist/a.js': 3,
  'node_modules/@azure/identity/node_modules/zod/index.js': 1,
  'node_modules/shaken-off/index.js': 0,
});

it('finds the folders of packages of which something is left, nested ones and those of a scope too', () => {
  expect(packageFolders(bundled)).toEqual([
    'node_modules/@azure/identity',
    'node_modules/@azure/identity/node_modules/zod',
    'node_modules/zod',
  ]);
});

it('adds up what each package weighs, beside our own code', () => {
  expect([...bytesByPackage(bundled)]).toEqual([
    ['own code', 10],
    ['zod', 8],
    ['@azure/identity', 3],
    ['shaken-off', 0],
  ]);
});

it('names each package and version once, with all its parts and places', () => {
  install({
    'node_modules/zod': plain('zod', '4.0.0', {
      lock: { integrity: 'sha512-AAAA' },
      manifest: { dependencies: { b: '1' }, peerDependencies: { a: '1' } },
    }),
    'node_modules/x': plain('x', '1.0.0', { manifest: { license: { type: 'ISC' } } }),
    'node_modules/x/node_modules/zod': plain('zod', '3.0.0'),
    'node_modules/y/node_modules/zod': plain('zod', '3.0.0'),
  });
  const app = ['node_modules/x', 'node_modules/x/node_modules/zod', 'node_modules/y/node_modules/zod', 'node_modules/zod'];
  const found = deliveredPackages({ app, portal: ['node_modules/zod'], docs: [] }, root);
  expect(found.map(({ name, version, parts, license }) => [name, version, license, parts])).toEqual([
    ['x', '1.0.0', 'ISC', ['app']],
    ['zod', '3.0.0', 'MIT', ['app']],
    ['zod', '4.0.0', 'MIT', ['app', 'portal']],
  ]);
  expect(found[1]!.folders).toEqual(['node_modules/x/node_modules/zod', 'node_modules/y/node_modules/zod']);
  expect([found[2]!.integrity, found[2]!.dependencies]).toEqual(['sha512-AAAA', ['a', 'b']]);
});

it.each([
  ['a development dependency in the app', plain('one', '1.0.0', { lock: { dev: true } }), 'one stands in the app'],
  ['no licence', plain('one', '1.0.0', { manifest: { license: undefined } }), 'one names no licence'],
  ['another version than the lock file', plain('one', '1.0.0', { lock: { version: '2.0.0' } }), 'package-lock.json says 2.0.0'],
])('refuses %s', (_, one, words) => {
  install({ 'node_modules/one': one });
  expect(() => deliveredPackages({ app: ['node_modules/one'], portal: [], docs: [] }, root)).toThrow(words);
});

it('takes development dependencies in the pages, which are built from them', () => {
  install({ 'node_modules/one': plain('one', '1.0.0', { lock: { dev: true } }) });
  expect(deliveredPackages({ app: [], portal: ['node_modules/one'], docs: [] }, root)).toHaveLength(1);
});
