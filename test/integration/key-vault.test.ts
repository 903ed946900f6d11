import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { DefaultAzureCredential } from '@azure/identity';
import { SecretClient } from '@azure/keyvault-secrets';
import { Agent, fetch } from 'undici';
import { type KeyVault, startKeyVault } from '../../infra/local/key-vault/key-vault';

const folder = mkdtempSync(path.join(tmpdir(), 'key-vault-test-'));
const systemCertificates = tls.getCACertificates('bundled');
let vault: KeyVault;
let clock = Date.now();

const clientFor = ({ vaultUrl, identityEndpoint, identityHeader, certPath }: KeyVault, maxRetries = 0): SecretClient => {
  process.env.IDENTITY_ENDPOINT = identityEndpoint;
  process.env.IDENTITY_HEADER = identityHeader;
  tls.setDefaultCACertificates([...systemCertificates, readFileSync(certPath, 'utf8')]); // what NODE_EXTRA_CA_CERTS does at start
  return new SecretClient(vaultUrl, new DefaultAzureCredential(), {
    disableChallengeResourceVerification: true,
    retryOptions: { maxRetries },
  });
};
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: { statusCode?: number; code?: string }) => [error.statusCode, error.code],
  );

let client: SecretClient;
beforeAll(async () => {
  vault = await startKeyVault({ dataDir: folder, now: () => new Date(clock) });
  client = clientFor(vault);
});
afterEach(() => vault.faults.clear());
afterAll(async () => {
  await vault.close();
  tls.setDefaultCACertificates(systemCertificates);
  rmSync(folder, { recursive: true, force: true });
});

describe('the Key Vault stand-in, met with SecretClient and DefaultAzureCredential', () => {
  it('sets a secret and gives out the latest and each version', async () => {
    const first = await client.setSecret('two-versions', 'one', { contentType: 'text/plain', tags: { a: 'b' } });
    await client.setSecret('two-versions', 'two');
    expect((await client.getSecret('two-versions')).value).toBe('two');
    const old = await client.getSecret('two-versions', { version: first.properties.version! });
    expect(old).toMatchObject({ value: 'one', properties: { contentType: 'text/plain', tags: { a: 'b' }, enabled: true } });
    const versions = [];
    for await (const one of client.listPropertiesOfSecretVersions('two-versions')) versions.push(one.version);
    expect(versions).toHaveLength(2);
    expect(versions).toContain(first.properties.version);
  });

  it('lists in pages of at most 25, without values', async () => {
    for (let at = 0; at < 27; at++) await client.setSecret(`paged-${at}`, 'x');
    const sizes: number[] = [];
    for await (const page of client.listPropertiesOfSecrets().byPage()) sizes.push(page.length);
    expect(sizes[0]).toBe(25);
    expect(sizes.reduce((sum, size) => sum + size)).toBeGreaterThanOrEqual(27);
  });

  it('refuses a disabled secret with 403 until it is enabled again', async () => {
    const { properties } = await client.setSecret('disabled', 'x');
    await client.updateSecretProperties('disabled', properties.version!, { enabled: false });
    expect(await codeOf(client.getSecret('disabled'))).toEqual([403, 'Forbidden']);
    await client.updateSecretProperties('disabled', properties.version!, { enabled: true });
    expect((await client.getSecret('disabled')).value).toBe('x');
  });

  it('gives out expired and not yet valid secrets, as Azure does, and refuses them on request', async () => {
    const at = (days: number): Date => new Date(clock + days * 86_400_000);
    await client.setSecret('expired', 'x', { expiresOn: at(-1) });
    await client.setSecret('future', 'x', { notBefore: at(1) });
    expect((await client.getSecret('expired')).value).toBe('x');
    expect((await client.getSecret('future')).properties.notBefore?.getTime()).toBe(Math.floor(at(1).getTime() / 1000) * 1000);
    const strict = await startKeyVault({ refuseOutsideValidity: true });
    const strictClient = clientFor(strict);
    await strictClient.setSecret('expired', 'x', { expiresOn: at(-1) });
    await strictClient.setSecret('future', 'x', { notBefore: at(1) });
    expect(await codeOf(strictClient.getSecret('expired'))).toEqual([403, 'Forbidden']);
    expect(await codeOf(strictClient.getSecret('future'))).toEqual([403, 'Forbidden']);
    await strict.close();
    client = clientFor(vault);
  });

  it('answers 404 for what it does not have', async () => {
    expect(await codeOf(client.getSecret('missing'))).toEqual([404, 'SecretNotFound']);
    await client.setSecret('no-such-version', 'x');
    expect(await codeOf(client.getSecret('no-such-version', { version: 'f'.repeat(32) }))).toEqual([404, 'SecretNotFound']);
  });

  it('keeps a deleted secret, refuses its name with 409, recovers and purges it', async () => {
    await client.setSecret('deleted', 'x');
    const poller = await client.beginDeleteSecret('deleted', { intervalInMs: 10 });
    expect((await poller.pollUntilDone()).name).toBe('deleted');
    expect(await codeOf(client.getSecret('deleted'))).toEqual([404, 'SecretNotFound']);
    expect(await codeOf(client.setSecret('deleted', 'y'))).toEqual([409, 'Conflict']);
    expect((await client.getDeletedSecret('deleted')).properties.scheduledPurgeDate?.getTime()).toBeGreaterThan(clock + 89 * 86_400_000);
    await (await client.beginRecoverDeletedSecret('deleted', { intervalInMs: 10 })).pollUntilDone();
    expect((await client.getSecret('deleted')).value).toBe('x');
    await (await client.beginDeleteSecret('deleted', { intervalInMs: 10 })).pollUntilDone();
    await client.purgeDeletedSecret('deleted');
    expect(await codeOf(client.getDeletedSecret('deleted'))).toEqual([404, 'SecretNotFound']);
    await client.setSecret('deleted', 'z');
  });

  it('forgets a deleted secret when its retention ends', async () => {
    await client.setSecret('old', 'x');
    await (await client.beginDeleteSecret('old', { intervalInMs: 10 })).pollUntilDone();
    clock += 90 * 86_400_000;
    expect(await codeOf(client.getDeletedSecret('old'))).toEqual([404, 'SecretNotFound']);
  });

  it('lists deleted secrets, also in pages, and keeps all versions of one that is recovered', async () => {
    const { properties } = await client.setSecret('came-back', 'one');
    await client.setSecret('came-back', 'two');
    await (await client.beginDeleteSecret('came-back', { intervalInMs: 10 })).pollUntilDone();
    const names: string[] = [];
    for await (const { name } of client.listDeletedSecrets()) names.push(name);
    expect(names).toContain('came-back');
    expect(await codeOf(client.getSecret('came-back', { version: properties.version! }))).toEqual([404, 'SecretNotFound']);
    await (await client.beginRecoverDeletedSecret('came-back', { intervalInMs: 10 })).pollUntilDone();
    expect((await client.getSecret('came-back', { version: properties.version! })).value).toBe('one');
    expect((await client.getSecret('came-back')).value).toBe('two');
  });

  it('disables one version alone', async () => {
    const { properties } = await client.setSecret('half-disabled', 'one');
    await client.setSecret('half-disabled', 'two');
    await client.updateSecretProperties('half-disabled', properties.version!, { enabled: false });
    expect(await codeOf(client.getSecret('half-disabled', { version: properties.version! }))).toEqual([403, 'Forbidden']);
    expect((await client.getSecret('half-disabled')).value).toBe('two');
  });

  it('backs a secret up with its versions and restores it where the name is free', async () => {
    await client.setSecret('backed-up', 'one');
    await client.setSecret('backed-up', 'two');
    const backup = await client.backupSecret('backed-up');
    expect(await codeOf(client.restoreSecretBackup(backup!))).toEqual([409, 'Conflict']);
    expect(await codeOf(client.restoreSecretBackup(new Uint8Array([1, 2, 3])))).toEqual([400, 'BadParameter']);
    await (await client.beginDeleteSecret('backed-up', { intervalInMs: 10 })).pollUntilDone();
    expect(await codeOf(client.restoreSecretBackup(backup!))).toEqual([409, 'Conflict']);
    await client.purgeDeletedSecret('backed-up');
    expect((await client.restoreSecretBackup(backup!)).name).toBe('backed-up');
    expect((await client.getSecret('backed-up')).value).toBe('two');
  });

  it('refuses to purge with 403 where purge protection is on, and shows it', async () => {
    const guarded = await startKeyVault({ purgeProtection: true, retentionDays: 7 });
    const guardedClient = clientFor(guarded);
    const { properties } = await guardedClient.setSecret('kept', 'x');
    expect(properties.recoveryLevel).toBe('CustomizedRecoverable');
    await (await guardedClient.beginDeleteSecret('kept', { intervalInMs: 10 })).pollUntilDone();
    expect(await codeOf(guardedClient.purgeDeletedSecret('kept'))).toEqual([403, 'Forbidden']);
    await guarded.close();
    client = clientFor(vault);
  });

  it('gives DefaultAzureCredential a token of the user-assigned identity that it asks for, and refuses another one with 400', async () => {
    const mine = '11111111-0000-4000-8000-000000000000';
    const credential = new DefaultAzureCredential({ managedIdentityClientId: mine });
    const { token } = await credential.getToken('https://vault.azure.net/.default');
    expect(JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())).toMatchObject({ appid: mine });
    // asked for directly: MSAL stays with the first endpoint that a process has met
    const owned = await startKeyVault({ clientId: mine });
    const statusFor = async (clientId: string): Promise<number> => {
      const query = new URLSearchParams({ resource: 'https://vault.azure.net', 'api-version': '2019-08-01', client_id: clientId });
      const headers = { 'x-identity-header': owned.identityHeader };
      return (await fetch(`${owned.identityEndpoint}?${query.toString()}`, { headers })).status;
    };
    const statuses = [await statusFor(mine), await statusFor('22222222-0000-4000-8000-000000000000')];
    await owned.close();
    expect(statuses).toEqual([200, 400]);
  });

  it('refuses names that Azure refuses', async () => {
    expect(await codeOf(client.setSecret('under_score', 'x'))).toEqual([400, 'BadParameter']);
    expect(await codeOf(client.setSecret('a'.repeat(128), 'x'))).toEqual([400, 'BadParameter']);
  });

  it('fails on purpose with 403 and 429, as often as asked', async () => {
    vault.faults.add({ status: 403, times: 1, only: /^GET \/secrets\/two-versions/ });
    expect(await codeOf(client.getSecret('two-versions'))).toEqual([403, 'Forbidden']);
    expect((await client.getSecret('two-versions')).value).toBe('two');
    vault.faults.add({ status: 429, times: 1, retryAfterSeconds: 0 });
    expect(await codeOf(client.getSecret('two-versions'))).toEqual([429, 'Throttled']);
    vault.faults.add({ status: 429, times: 1, retryAfterSeconds: 0 });
    expect((await clientFor(vault, 2).getSecret('two-versions')).value).toBe('two');
  });

  it('challenges whoever has no token, asks for an api-version, and knows a forged token', async () => {
    const dispatcher = new Agent({ connect: { ca: readFileSync(vault.certPath, 'utf8') } });
    const bare = await fetch(`${vault.vaultUrl}/secrets/a?api-version=7.5`, { dispatcher });
    expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([
      401,
      `Bearer authorization="https://login.microsoftonline.com/${vault.tenantId}", resource="https://vault.azure.net"`,
    ]);
    const ask = async (resource: string): Promise<string> => {
      const answer = await fetch(`${vault.identityEndpoint}?resource=${encodeURIComponent(resource)}&api-version=2019-08-01`, {
        headers: { 'x-identity-header': vault.identityHeader },
      });
      return ((await answer.json()) as { access_token: string }).access_token;
    };
    const get = async (token: string, query: string): Promise<number> =>
      (await fetch(`${vault.vaultUrl}/secrets/two-versions${query}`, { dispatcher, headers: { authorization: `Bearer ${token}` } })).status;
    const token = await ask('https://vault.azure.net');
    expect(await get(token, '?api-version=7.5')).toBe(200);
    expect(await get(token, '')).toBe(400);
    expect(await get(`${token.slice(0, -2)}AA`, '?api-version=7.5')).toBe(401);
    expect(await get(await ask('https://storage.azure.com'), '?api-version=7.5')).toBe(401);
    const noHeader = await fetch(`${vault.identityEndpoint}?resource=x&api-version=2019-08-01`);
    expect(noHeader.status).toBe(401);
    await dispatcher.close();
  });

  it('keeps its secrets and its certificate when it is killed', async () => {
    const dataDir = mkdtempSync(path.join(tmpdir(), 'key-vault-kill-'));
    const script = `
      const swc = require('@swc/core');
      require.extensions['.ts'] = (module, file) => module._compile(swc.transformFileSync(file, { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'commonjs' } }).code, file);
      require(${JSON.stringify(path.resolve('infra/local/key-vault/key-vault.ts'))}).startKeyVault(${JSON.stringify({ dataDir })}).then(
        (vault) => console.log(JSON.stringify(vault)));`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const line = await new Promise<string>((resolve) => child.stdout.once('data', (data: Buffer) => resolve(data.toString())));
    const killed = JSON.parse(line) as KeyVault;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    await clientFor(killed).setSecret('kept', 'safe');
    const certificate = readFileSync(killed.certPath, 'utf8');
    child.kill('SIGKILL');
    await gone;
    const again = await startKeyVault({ dataDir });
    expect((await clientFor(again).getSecret('kept')).value).toBe('safe');
    expect(readFileSync(again.certPath, 'utf8')).toBe(certificate);
    expect(again.identityHeader).toBe(killed.identityHeader);
    await again.close();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('answers 500, and lives on, when a change cannot be written', async () => {
    const dataDir = mkdtempSync(path.join(tmpdir(), 'key-vault-full-'));
    const full = await startKeyVault({ dataDir });
    const fullClient = clientFor(full);
    rmSync(dataDir, { recursive: true, force: true });
    expect(await codeOf(fullClient.setSecret('a', 'x'))).toEqual([500, 'InternalServerError']);
    expect(await codeOf(fullClient.getSecret('b'))).toEqual([404, 'SecretNotFound']);
    await full.close();
    client = clientFor(vault);
  });

  it('says which port is taken', async () => {
    const port = Number(new URL(vault.vaultUrl).port);
    await expect(startKeyVault({ port })).rejects.toThrow(`Port ${port} is taken`);
  });
});
