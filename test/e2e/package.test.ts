import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { isBuiltin } from 'node:module';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { QueueClient } from '@azure/storage-queue';
import { hasEnded } from '../../infra/local/run-view';
import type { Metafile } from '../../infra/package/packages';
import { bomFaults } from '../support/bom-schema';
import { type Built, createPackages } from '../support/built-package';
import { createStartedCloud, type ShownRun, type StartedCloud, until } from '../support/started-cloud';

/** What is deployed, as it is deployed: the zip, unpacked into an empty folder, runs with no other file of the repository. */
const SEGMENT = 'NewsletterReaders';
const LIST = 'LIST5K';
const root = path.resolve(__dirname, '../..');
const packages = createPackages();
/** Telemetry is sent by TLS, which this does not speak, and the app says so: by then it has loaded what telemetry is sent with. */
const noIngestion = createServer();
let cloud: StartedCloud;

const out = path.join(packages.folder, 'out');
let app: string;
let again: Promise<Built>;
let built: Built;

beforeAll(async () => {
  built = await packages.build(out);
  app = packages.unpack(path.join(out, 'app.zip'), 'app');
  // in the meantime
  again = packages.build(path.join(packages.folder, 'again'), { from: packages.copyProject('another-clone'), TZ: 'Pacific/Kiritimati' });
  again.catch(() => undefined);
  await new Promise<void>((resolve) => noIngestion.listen(0, '127.0.0.1', resolve));
  const { port } = noIngestion.address() as AddressInfo;
  cloud = createStartedCloud({
    environment: {
      TICK_SCHEDULE: '*/2 * * * * *',
      ALLOW_FUNCTION_KEYS: 'true',
      APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=00000000-0000-4000-8000-000000000000;IngestionEndpoint=https://127.0.0.1:${port}/`,
    },
  });
  await cloud.start('--app', app).staysUp();
}, 180_000);
afterAll(async () => {
  await cloud?.close();
  noIngestion.close();
  packages.close();
}, 60_000);

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
const text = (...parts: string[]): string => readFileSync(path.join(...parts), 'utf8');
const json = <T>(...parts: string[]): T => JSON.parse(text(...parts)) as T;
const get = (address: string, init?: RequestInit): Promise<Response> => fetch(new URL(address, cloud.recorded().api), init);
const read = async <T>(address: string): Promise<T> => (await (await get(`/api${address}`)).json()) as T;
const post = async <T>(address: string, body: unknown): Promise<T> => {
  const answer = await get(`/api${address}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`POST ${address} answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as T;
};

describe('the zip', () => {
  it('is the same to the byte from another folder, with node_modules behind a link, in another time zone', async () => {
    expect((await again).sha256).toBe(built.sha256);
    const bom = (name: string): string => text(packages.folder, name, 'sbom.cdx.json');
    expect(bom('again')).toBe(bom('out'));
  });

  it('holds what the folder beside it holds, which azd packs by itself', () => {
    expect(filesBelow(app).sort()).toEqual(filesBelow(path.join(out, 'app')).sort());
    for (const file of filesBelow(app))
      expect(readFileSync(path.join(app, file)).equals(readFileSync(path.join(out, 'app', file)))).toBe(true);
  });

  it('holds no path of the machine that made it, no installed package and no dependency to be installed', () => {
    const names = [root, packages.folder, path.dirname(packages.folder) + path.sep].map((folder) => Buffer.from(folder));
    const telling = filesBelow(app).filter((file) => names.some((name) => readFileSync(path.join(app, file)).includes(name)));
    expect(telling).toEqual([]);
    expect(filesBelow(app).filter((file) => file.includes('node_modules'))).toEqual([]);
    const manifest = json<object>(app, 'package.json');
    expect(manifest).toMatchObject({ name: 'customer-insights-to-klaviyo', main: 'functions/index.js' });
    expect(Object.keys(manifest).filter((key) => /dependencies|scripts/i.test(key))).toEqual([]);
  });

  it('asks for no module but those of Node, the host, and two that it does without', () => {
    const asked = [...text(app, 'functions/index.js').matchAll(/\brequire(?:\.resolve)?\("([^"]+)"\)/g)].map(([, name]) => name!);
    expect([...new Set(asked)].filter((name) => !isBuiltin(name)).sort()).toEqual([
      '@azure/functions-core',
      'supports-color',
      'swagger-ui-dist/package.json',
    ]);
  });

  it('keeps the names of our errors, and leads from the bundle back to our sources', () => {
    const bundle = text(app, 'functions/index.js');
    const names = [...text(root, 'shared/errors.ts').matchAll(/^export class (\w+)/gm)].map(([, name]) => name!);
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => !bundle.includes(`${name}=class`) && !bundle.includes(`class ${name} `))).toEqual([]);
    const { status, stderr } = spawnSync(process.execPath, ['--enable-source-maps', path.join(app, 'functions/index.js')], {
      env: { PATH: process.env.PATH }, // no settings: it says so and ends
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([1, expect.stringMatching(/shared\/env\.ts:\d+:\d+/)]);
  });
});

describe('the bill of materials', () => {
  const foldersOf = (files: readonly string[]): string[] =>
    files.flatMap((file) => /^(?:[^.].*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  /** What the map of the bundle says that something comes from: esbuild's other account of what it has put together. */
  const inBundle = (): string[] => {
    const { sources } = json<{ sources: string[] }>(app, 'functions/index.js.map');
    // packages that were bundled themselves name their sources so
    return foldersOf(sources.map((source) => path.posix.join('functions', source.replace(/^webpack:\/\//, '../node_modules/'))));
  };
  /** Maps of the pages lead on to the packages' own sources, wherever these lay: here esbuild's record has to do. */
  const inPages = (): string[] => {
    const { outputs } = json<Metafile>(root, 'dist/functions/portal/metafile.json');
    return Object.values(outputs).flatMap(({ inputs }) => foldersOf(Object.keys(inputs).filter((file) => inputs[file]!.bytesInOutput > 0)));
  };
  const idOf = (folder: string): string => {
    const { name, version } = json<{ name: string; version: string }>(root, folder, 'package.json');
    return `pkg:npm/${name.replace('@', '%40')}@${version}`;
  };

  it('is one as CycloneDX 1.6 describes it, and names every package that is in a bundle, and nothing else', () => {
    const bom = json<{ components: { purl: string; hashes?: object[]; licenses: object[] }[] }>(out, 'sbom.cdx.json');
    expect(bomFaults(bom)).toEqual([]);
    const folders = new Set([...inBundle(), ...inPages(), 'node_modules/swagger-ui-dist']);
    expect(folders.size).toBeGreaterThan(50);
    expect(bom.components.map(({ purl }) => purl).sort()).toEqual([...new Set([...folders].map(idOf))].sort());
    expect(bom.components.filter(({ hashes, licenses }) => hashes === undefined || licenses.length !== 1)).toEqual([]);
    expect(bom.components).toHaveLength(built.packageCount);
  });
});

describe('unpacked into an empty folder, where it finds no other file of the repository', () => {
  const truth = () => cloud.truthOf(SEGMENT);
  const runs = async (): Promise<ShownRun[]> => (await read<{ value: ShownRun[] }>('/runs')).value;
  const endOf = (id: string): Promise<ShownRun> =>
    until('the end of a run', async () => {
      const run = await cloud.runById(id);
      return hasEnded(run) ? run : undefined;
    });

  it('makes a connection and an export, and brings the segment to its list', async () => {
    const [first] = await runs();
    const { distinctValid, rows } = truth();
    const { counts, state } = await cloud.runById(first!.id);
    expect([state, counts]).toMatchObject(['successful', { read: rows, sent: distinctValid, accepted: distinctValid }]);
    expect(new Set(await cloud.members(LIST)).size).toBe(distinctValid);
  });

  it('serves the portal: the page, and every file that it may load, as it was built', async () => {
    const page = await get('/portal/exports');
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const folder = path.join(app, 'functions/portal/app');
    const names = Object.keys(json<{ files: Record<string, object> }>(folder, 'manifest.json').files);
    const loaded = [...(await page.text()).matchAll(/"\/portal\/(assets\/[^"]+\.js)"/g)].map(([, name]) => name!);
    expect(loaded.length).toBeGreaterThan(0);
    expect(loaded.filter((name) => !names.includes(name))).toEqual([]);
    expect(names.filter((name) => name.endsWith('.map') || !existsSync(path.join(folder, name)))).toEqual([]);
    for (const name of names) {
      const answer = await get(`/portal/${name}`);
      expect([answer.status, await answer.text()]).toEqual([200, text(root, 'dist/functions/portal/app', name)]);
    }
  });

  it('serves the description of its API, the same as that of the sources, and the page that shows it', async () => {
    expect(await read('/openapi.json')).toEqual(json(root, 'functions/http/openapi.json'));
    const page = await (await get('/api/docs')).text();
    const parts = [...page.matchAll(/(?:src|href)="(\/api\/docs\/[^"]+)"/g)].map(([, address]) => address!);
    expect(parts).toHaveLength(4);
    for (const address of parts) {
      const answer = await get(address);
      expect([answer.status, (await answer.arrayBuffer()).byteLength > 100]).toEqual([200, true]);
    }
  });

  it('takes a request from the queue, and finds that nothing has changed', async () => {
    const [first] = await runs();
    const request = { version: 1, type: 'run', exportId: first!.exportId, requestId: 'of-the-package' };
    await new QueueClient(cloud.recorded().storage, 'export-requests').sendMessage(JSON.stringify(request));
    const run = await until('a second run', async () => (await runs()).find(({ id }) => id !== first!.id));
    const { state, trigger, counts } = await endOf(run.id);
    expect([state, trigger.kind, counts]).toMatchObject(['successful', 'request', { unchanged: truth().distinctValid, sent: 0 }]);
  });

  it('works by its timer: a person is erased', async () => {
    const [email] = await cloud.members(LIST);
    const { id } = await post<{ id: string }>('/people/erase', { email });
    await until('the end of an erasure', async () =>
      (await read<{ state: string }>(`/people/erase/${id}`)).state === 'done' ? true : undefined,
    );
  });

  it('loads what telemetry is sent with, though nobody understands it here', async () => {
    const told = await until(
      'the end of an attempt',
      () => /\{"event":"telemetry_not_sent".*\}/.exec(text(cloud.dataDir, 'logs', 'functions.log'))?.[0],
    );
    expect(JSON.parse(told)).toMatchObject({ code: 'EPROTO' });
  });
});
