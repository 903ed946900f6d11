import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { startAzurite } from '../../infra/local/storage/azurite';
import { describeProcess } from '../../infra/local/storage/process-info';

const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(path.join(tmpdir(), 'azurite-'));
  folders.push(folder);
  return folder;
};
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const blobsOf = (connectionString: string) => BlobServiceClient.fromConnectionString(connectionString).getContainerClient('kept');

describe('Azurite', () => {
  it('serves blobs and queues and is gone after close', async () => {
    const azurite = await startAzurite();
    const blob = blobsOf(azurite.connectionString);
    await blob.create();
    await blob.getBlockBlobClient('a').upload('hello', 5);
    const queue = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient('things');
    await queue.create();
    await queue.sendMessage('m');
    expect((await queue.receiveMessages()).receivedMessageItems[0]?.messageText).toBe('m');
    expect(describeProcess(azurite.pid)?.parentPid).toBe(process.pid);
    await azurite.close();
    expect(describeProcess(azurite.pid)).toBeUndefined();
  });

  it('keeps its data in a folder over a restart', async () => {
    const location = newFolder();
    const first = await startAzurite({ location });
    await blobsOf(first.connectionString).create();
    await blobsOf(first.connectionString).getBlockBlobClient('a').upload('hello', 5);
    await first.close();
    const second = await startAzurite({ location });
    const kept = await blobsOf(second.connectionString).getBlockBlobClient('a').downloadToBuffer();
    await second.close();
    expect(kept.toString()).toBe('hello');
  });

  it('names the port that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    await expect(startAzurite({ ports: { queue: port } })).rejects.toThrow(`Port ${port} for Azurite's queue service is taken`);
    await new Promise((resolve) => server.close(resolve));
  });

  it('ends when its signal is aborted', async () => {
    const abort = new AbortController();
    const azurite = await startAzurite({ signal: abort.signal });
    abort.abort();
    await azurite.exited;
    expect(describeProcess(azurite.pid)).toBeUndefined();
  });

  it('refuses a data folder that a living process uses', async () => {
    const location = newFolder();
    const first = await startAzurite({ location });
    await expect(startAzurite({ location })).rejects.toThrow(/in use by process/);
    await first.close();
  });

  it('loses nothing and leaves no orphan when its parent is killed', async () => {
    const location = newFolder();
    // The parent is a program of its own, so that it can be killed: it starts Azurite the way this file does.
    const script = `
      const swc = require('@swc/core'), Module = require('node:module'), fs = require('node:fs');
      require.extensions['.ts'] = (module, file) => module._compile(swc.transformFileSync(file, { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'commonjs' } }).code, file);
      require(${JSON.stringify(path.resolve('infra/local/storage/azurite.ts'))}).startAzurite(${JSON.stringify({ location })}).then(
        (azurite) => { console.log(JSON.stringify(azurite)); setInterval(() => {}, 1000); },
        (error) => { console.error(error); process.exit(1); });`;
    const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    const line = await new Promise<string>((resolve) => parent.stdout.once('data', (data: Buffer) => resolve(data.toString())));
    const { pid, connectionString } = JSON.parse(line) as { pid: number; connectionString: string };
    await blobsOf(connectionString).create();
    await blobsOf(connectionString).getBlockBlobClient('a').upload('hello', 5);
    process.kill(-parent.pid!, 'SIGKILL'); // the whole group, at once after the write
    for (let told = 0; told < 20 && describeProcess(pid) !== undefined; told++) {
      process.kill(pid, 'SIGTERM'); // others who want the folder say so, too, and while it saves
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const second = await startAzurite({ location });
    expect(describeProcess(pid)).toBeUndefined();
    const kept = await blobsOf(second.connectionString).getBlockBlobClient('a').downloadToBuffer();
    expect(kept.toString()).toBe('hello');
    expect(JSON.parse(readFileSync(path.join(location, 'azurite.pid.json'), 'utf8'))).toEqual({ pid: second.pid, parentPid: process.pid });
    await second.close();
  });
});
