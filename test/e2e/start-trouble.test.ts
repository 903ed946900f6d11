import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describeWhere } from '../support/skip';
import { createStartedCloud, type StartedCloud, until } from '../support/started-cloud';

/** What `npm start` says and leaves where its surroundings are broken. */
const root = path.resolve(__dirname, '../..');
const folder = mkdtempSync(path.join(tmpdir(), 'start-trouble-'));
const clouds: StartedCloud[] = [];
const newCloud = (environment: Record<string, string> = {}): StartedCloud => {
  const cloud = createStartedCloud({ environment });
  clouds.push(cloud);
  return cloud;
};
afterAll(async () => {
  await Promise.all(clouds.map((cloud) => cloud.close()));
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** The command lines of all processes that name a folder: each part of the local cloud names its data folder. */
const livingOn = (dataDir: string): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return command.includes(dataDir) ? [command] : [];
      } catch {
        return []; // ended meanwhile
      }
    });
const untilNobody = (dataDir: string): Promise<boolean> =>
  until('nobody left', () => (livingOn(dataDir).length === 0 ? true : undefined), { seconds: 25 });

describe('npm start ends with 1, says why and leaves no process', () => {
  it('when its port is taken', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const cloud = newCloud();
    const { code, output } = await cloud.start('--once', '--port', String(port)).ended;
    server.close();
    expect([code, output]).toEqual([1, expect.stringContaining(`Port ${port} is taken`)]);
    expect(existsSync(path.join(cloud.dataDir, 'azurite'))).toBe(false);
    expect(livingOn(cloud.dataDir)).toEqual([]);
  });

  it('when Azurite is not installed', async () => {
    const preload = path.join(folder, 'no-azurite.cjs');
    writeFileSync(
      preload,
      `const Module = require('node:module');
       const resolve = Module._resolveFilename;
       Module._resolveFilename = function (name, ...rest) {
         if (name.startsWith('azurite/')) throw Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' });
         return resolve.call(this, name, ...rest);
       };`,
    );
    const cloud = newCloud({ NODE_OPTIONS: `--require ${preload}` });
    const { code, output } = await cloud.start('--once').ended;
    expect([code, output]).toEqual([1, expect.stringContaining('Azurite, the storage of the local cloud, is not installed')]);
    await untilNobody(cloud.dataDir);
  });

  it.each([
    ['before anything else is up', 'azurite/azurite.pid.json'],
    ['while the app starts', 'cloud.json'],
  ])('when Azurite crashes %s', async (_when, file) => {
    const cloud = newCloud();
    const { ended } = cloud.start('--once');
    await until('the moment', () => (existsSync(path.join(cloud.dataDir, file)) ? true : undefined), { everyMs: 10 });
    const { pid } = JSON.parse(readFileSync(path.join(cloud.dataDir, 'azurite/azurite.pid.json'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    const { code, output } = await ended;
    expect([code, output]).toEqual([1, expect.stringContaining('Azurite ended (SIGKILL)')]);
    await untilNobody(cloud.dataDir);
  });
});

const canMount = spawnSync('unshare', ['-rm', 'sh', '-c', `mount -t tmpfs -o size=1m tmpfs ${folder}`]).status === 0;

describeWhere(canMount, 'no file system can be mounted here')('npm start on a full or a read-only disk', () => {
  it.each([
    ['is full', 'size=1m', /The disk of the data folder \S+ is full: \d MB are free, and the local cloud needs 100\./],
    ['is read-only', 'ro', /The data folder \S+ cannot be written, the disk is read-only: make it writable/],
  ])('ends with 1 where the disk %s, and says so', (_what, options, sentence) => {
    const start = path.join(root, 'dist/infra/local/start.js');
    const script = `mount -t tmpfs -o ${options} tmpfs ${folder} && exec "$0" ${start} --once --port 0 --data ${folder}/data`;
    const { status, stderr } = spawnSync('unshare', ['-rm', 'sh', '-c', script, process.execPath], { encoding: 'utf8', timeout: 60_000 });
    expect([status, stderr]).toEqual([1, expect.stringMatching(sentence)]);
    expect(livingOn(`${folder}/data`)).toEqual([]);
  });
});
