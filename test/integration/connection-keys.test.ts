import { setTimeout as sleep } from 'node:timers/promises';
import { SecretClient } from '@azure/keyvault-secrets';
import { CONSENT_VERSION } from '../../shared/connections/consent';
import { ConnectionId } from '../../shared/ids';
import { createServices } from '../../shared/services';
import { createCredential } from '../../shared/platform/identity';
import { aConnection, anExport, startApi } from '../support/api';
import type { Api } from '../support/api';

const ALL_SCOPES = ['accounts:read', 'lists:read', 'lists:write', 'profiles:read', 'profiles:write'];
const CHECKS = ['key', 'account', 'testAccount', ...ALL_SCOPES];

let api: Api;
let vault: SecretClient;
beforeAll(async () => {
  api = await startApi();
  vault = new SecretClient(api.vault.vaultUrl, createCredential({}), { disableChallengeResourceVerification: true });
  const scopes = (missing: readonly string[]) => ALL_SCOPES.filter((scope) => !missing.includes(scope));
  api.klaviyo.sandbox.addAccount(
    {
      id: 'SANDBX',
      keys: [
        { key: 'pk_sandbox_second' },
        { key: 'pk_reads_only', scopes: scopes(['lists:write', 'profiles:write']) },
        { key: 'pk_no_scope', scopes: [] },
      ],
    },
    Date.now(),
  );
  api.klaviyo.sandbox.addAccount({ id: 'OTHERS', keys: [{ key: 'pk_of_another_account' }] }, Date.now());
});
afterAll(() => api.close());
afterEach(() => {
  api.vault.faults.clear();
  api.klaviyo.sandbox.faults.clear();
});

const signal = () => AbortSignal.timeout(10_000);
const connect = async (more: Record<string, unknown> = {}) => {
  const answer = await api.call('POST', '/api/connections', { body: aConnection(more) });
  expect([answer.status, answer.json.code]).toEqual([201, undefined]);
  const path = `/api/connections/${String(answer.json.id)}`;
  return {
    path,
    id: ConnectionId.parse(answer.json.id),
    etag: answer.headers.get('etag')!,
    json: answer.json,
    secretName: String(answer.json.secretName),
  };
};
const get = async (path: string) => (await api.call('GET', path)).json;
const patch = (path: string, etag: string, body: Record<string, unknown>) => api.call('PATCH', path, { body, ifMatch: etag });
const keyIn = async (name: string) => (await api.services.secrets.get(name, { signal: signal() })).value;
const putSecret = (name: string, value: string) => api.services.secrets.set(name, value, { signal: signal() });
const removeSecret = (name: string) => api.services.secrets.remove(name, { signal: signal() });
const callsDuring = async (work: () => Promise<unknown>): Promise<string[]> => {
  api.klaviyo.sandbox.requests.clear();
  await work();
  return api.klaviyo.sandbox.requests.entries().map(({ method, path }) => `${method} ${path}`);
};
const listed = async (id: string) => (await api.call('GET', '/api/connections?size=200')).json.value.find((one) => one.id === id)!;

describe('the statement', () => {
  it('P1 says in both languages what leaves, who is responsible, how to stop, and that it is not the customers’ consent', async () => {
    const { status, json } = await api.call('GET', '/api/consent', { as: 'Viewer' });
    expect([status, json.version]).toEqual([200, CONSENT_VERSION]);
    const { en, fr } = json.statements as Record<'en' | 'fr', { paragraphs: string[]; agreement: string }>;
    const text = { en: en.paragraphs.join(' '), fr: fr.paragraphs.join(' ') };
    for (const part of [
      /Klaviyo/,
      /personal data/,
      /responsible/,
      /remove the connection at any time/,
      /not your customers’ consent/,
      /rule in the segment/,
    ])
      expect(text.en).toMatch(part);
    for (const part of [
      /Klaviyo/,
      /données personnelles/,
      /responsable/,
      /supprimer la connexion à tout moment/,
      /pas le consentement de vos clients/,
      /règle dans le segment/,
    ])
      expect(text.fr).toMatch(part);
  });

  it('C2 must be agreed to, and who agreed, when and to which version is kept', async () => {
    for (const agreed of [undefined, false, 'true']) {
      const refused = await api.call('POST', '/api/connections', { body: aConnection({ agreed }) });
      expect([refused.status, refused.json.errors.map(({ pointer }) => pointer)]).toEqual([400, ['/agreed']]);
    }
    const before = Date.now();
    expect((await connect()).json).toMatchObject({ consentVersion: CONSENT_VERSION, consentVersionNamed: false });
    const { json } = await connect({ consentVersion: CONSENT_VERSION });
    expect(json).toMatchObject({
      agreedBy: 'a0000000-0000-4000-8000-000000000001',
      agreedByName: 'Ada Administrator',
      consentVersion: CONSENT_VERSION,
      consentVersionNamed: true,
      consentOutdated: false,
    });
    expect(Date.parse(String(json.agreedAt))).toBeGreaterThanOrEqual(before - 1_000);
  });

  it('is refused in another version than the one in force, with what to do', async () => {
    const refused = await api.call('POST', '/api/connections', { body: aConnection({ consentVersion: '2020-01' }) });
    expect([refused.status, refused.json.code, refused.json.details]).toEqual([
      409,
      'consent_outdated',
      { consentVersion: CONSENT_VERSION },
    ]);
    expect(refused.json.detail).toContain('/api/consent');
  });

  it('shows where an older text was agreed to, until somebody agrees anew', async () => {
    const { path, id } = await connect();
    const stored = (await api.services.connectionStore.find(id, { signal: signal() }))!;
    const older = { ...stored.value, consentVersion: '2025-01', agreedByName: 'Somebody else' };
    const { etag } = await api.services.connectionStore.replace(older, { before: stored.value, ifMatch: stored.etag, signal: signal() });
    expect(await get(path)).toMatchObject({ consentOutdated: true, consentVersion: '2025-01' });
    expect(await listed(id)).toMatchObject({ consentOutdated: true });
    const wrong = await patch(path, etag, { agreed: true, consentVersion: '2025-01' });
    expect([wrong.status, wrong.json.code]).toEqual([409, 'consent_outdated']);
    const renewed = await patch(path, etag, { agreed: true, consentVersion: CONSENT_VERSION });
    expect(renewed.json).toMatchObject({ consentOutdated: false, consentVersion: CONSENT_VERSION, agreedByName: 'Ada Administrator' });
  });

  it('cannot be taken back by a change, nor its version named without agreeing', async () => {
    const { path, etag } = await connect();
    for (const body of [{ agreed: false }, { consentVersion: CONSENT_VERSION }]) {
      const refused = await patch(path, etag, body);
      expect([refused.status, refused.json.errors.map(({ pointer }) => pointer)]).toEqual([400, ['/agreed']]);
    }
  });
});

describe('the checklist', () => {
  it('comes with a new connection, item by item, by four calls that change nothing', async () => {
    let json: Record<string, unknown> = {};
    const calls = await callsDuring(async () => {
      ({ json } = await connect());
    });
    const checks = json.checks as { check: string; ok: boolean; assumed?: boolean; detail: string }[];
    expect(checks.map(({ check }) => check)).toEqual(CHECKS);
    expect(checks.every(({ ok }) => ok)).toBe(true);
    expect(checks.filter(({ assumed }) => assumed).map(({ check }) => check)).toEqual(['lists:write', 'profiles:write']);
    expect(checks.find(({ check }) => check === 'account')!.detail).toContain('SANDBX');
    expect(calls.sort()).toEqual([
      'DELETE /api/lists/{id}/relationships/profiles',
      'GET /api/accounts',
      'GET /api/lists',
      'GET /api/profiles',
    ]);
  });

  it.each<[string, string[]]>([
    ['pk_sandbox_no_accounts_read', ['accounts:read']],
    ['pk_sandbox_no_lists_read', ['lists:read']],
    ['pk_sandbox_no_lists_write', ['lists:write']],
    ['pk_sandbox_no_profiles_read', ['profiles:read']],
    ['pk_sandbox_no_profiles_write', ['profiles:write']],
    ['pk_reads_only', ['lists:write', 'profiles:write']],
    ['pk_no_scope', ALL_SCOPES],
  ])('C4 refuses the key %s for all that it lacks, and stores nothing', async (apiKey, missingScopes) => {
    const displayName = `Lacking ${apiKey}`;
    const refused = await api.call('POST', '/api/connections', { body: aConnection({ apiKey, displayName }) });
    expect([refused.status, refused.json.code, refused.json.errors[0]!.pointer]).toEqual([422, 'scope_missing', '/apiKey']);
    const { missingScopes: told, checks } = refused.json.details as {
      missingScopes: string[];
      checks: { check: string; ok: boolean | null }[];
    };
    expect(told).toEqual(missingScopes);
    expect(
      checks
        .filter(({ ok }) => ok === false)
        .map(({ check }) => check)
        .sort(),
    ).toEqual([...missingScopes].sort());
    for (const scope of missingScopes) expect(refused.json.detail).toContain(scope);
    expect(refused.text).not.toContain(apiKey);
    await connect({ displayName });
  });

  it('asks for a list without a name where a refusal does not say which scope is missing', async () => {
    // a text that names none, as nobody promises it
    const { sandbox } = api.klaviyo;
    const handle = sandbox.handle;
    sandbox.handle = (request, nowMs) => {
      const answer = handle(request, nowMs);
      return request.method === 'DELETE' && answer.status === 403
        ? { ...answer, body: String(answer.body).replace(/missing required scopes: [^"]*/, 'not allowed to do this') }
        : answer;
    };
    const missing = async (apiKey: string) =>
      ((await api.call('POST', '/api/connections', { body: aConnection({ apiKey }) })).json.details as { missingScopes: string[] })
        .missingScopes;
    try {
      expect(await missing('pk_sandbox_no_profiles_write')).toEqual(['profiles:write']);
      expect(await missing('pk_sandbox_no_lists_write')).toEqual(['lists:write']);
    } finally {
      sandbox.handle = handle;
    }
    expect(sandbox.state.accounts.get('SANDBX')!.lists.size).toBe(3);
  });

  it('tells of a key that Klaviyo refuses, and nothing more', async () => {
    const { path, secretName } = await connect();
    await putSecret(secretName, 'pk_revoked_in_klaviyo');
    const answer = await api.call('POST', `${path}/test`);
    expect(answer.json.value.map(({ check, ok }) => [check, ok])).toEqual([
      ['secret', true],
      ['key', false],
    ]);
    expect(await get(path)).toMatchObject({
      status: 'keyRefused',
      statusDetail: expect.stringContaining('Klaviyo refused the API key') as string,
    });
    await putSecret(secretName, 'pk_sandbox_full');
    await api.call('POST', `${path}/test`);
    expect(await get(path)).toMatchObject({ status: 'connected' });
  });

  it('tells of a key that belongs to another account now', async () => {
    const { path, secretName } = await connect();
    await putSecret(secretName, 'pk_of_another_account');
    const answer = await api.call('POST', `${path}/test`);
    expect(answer.json.value.find(({ check }) => check === 'account')).toMatchObject({
      ok: false,
      detail: expect.stringContaining('OTHERS') as string,
    });
    expect(await get(path)).toMatchObject({ status: 'accountChanged' });
  });
});

describe('a key', () => {
  it('C5 is never in an answer, a row, or the activity log', async () => {
    const { path, etag } = await connect();
    const changed = await patch(path, etag, { apiKey: 'pk_sandbox_second' });
    const answers = [
      changed,
      await api.call('GET', path),
      await api.call('GET', '/api/connections'),
      await api.call('POST', `${path}/test`),
    ];
    for (const { status, text } of answers) {
      expect(status).toBe(200);
      expect(text).not.toMatch(/pk_sandbox_(full|second)/);
    }
    for (const table of Object.values(api.services.tables))
      for await (const row of table.listEntities()) expect(JSON.stringify(row)).not.toMatch(/pk_sandbox_(full|second)/);
  });

  it('is rotated as a new version of the same secret, and nobody asks Klaviyo again whose it is', async () => {
    const { path, id, etag, secretName } = await connect();
    const { version } = await api.services.secrets.get(secretName, { signal: signal() });
    expect((await api.services.connectionStore.findNote(id, { signal: signal() }))!.key).toEqual({ version, accountId: 'SANDBX' });
    const answer = await patch(path, etag, { apiKey: 'pk_sandbox_second' });
    expect(answer.json).toMatchObject({ secretName, updatedByName: 'Ada Administrator' });
    expect((answer.json.checks as unknown[]).length).toBe(CHECKS.length);
    const next = await api.services.secrets.get(secretName, { signal: signal() });
    expect(next.value).toBe('pk_sandbox_second');
    expect(next.version).not.toBe(version);
    expect((await api.services.connectionStore.findNote(id, { signal: signal() }))!.key).toEqual({
      version: next.version,
      accountId: 'SANDBX',
    });
  });

  it('is not replaced by one of another account, of too few scopes, or one that Klaviyo refuses', async () => {
    const { path, etag, secretName } = await connect();
    const refusals: unknown[] = [];
    for (const apiKey of ['pk_of_another_account', 'pk_reads_only', 'pk_unknown_key']) {
      const { status, json } = await patch(path, etag, { apiKey });
      refusals.push([status, json.code, json.errors[0]!.pointer]);
    }
    expect(refusals).toEqual([
      [400, 'account_differs', '/apiKey'],
      [422, 'scope_missing', '/apiKey'],
      [422, 'key_refused', '/apiKey'],
    ]);
    expect(await keyIn(secretName)).toBe('pk_sandbox_full');
  });

  it('that the vault does not take leaves the connection as it was', async () => {
    const { path, etag, json, secretName } = await connect();
    api.vault.faults.add({ status: 403, only: /^PUT/ });
    const refused = await patch(path, etag, { apiKey: 'pk_sandbox_second', displayName: `Not renamed ${Math.random()}` });
    expect([refused.status, refused.json.code]).toEqual([502, 'vault_refused']);
    api.vault.faults.clear();
    expect(await keyIn(secretName)).toBe('pk_sandbox_full');
    expect(await get(path)).toMatchObject({ displayName: json.displayName });
    // and its old version still counts, as nothing has changed
    expect((await patch(path, etag, { access: 'administratorsAndContributors' })).status).toBe(200);
  });

  it('is replaced by one at a time, so that none overwrites a newer one', async () => {
    const { path, etag, secretName } = await connect();
    const { secrets } = api.services;
    const set = secrets.set;
    let other: Awaited<ReturnType<typeof patch>> | undefined;
    let removal: Awaited<ReturnType<typeof patch>> | undefined;
    // the row is written, the secret not yet: somebody else comes
    const spy = jest.spyOn(secrets, 'set').mockImplementationOnce(async (...args) => {
      const newest = (await api.call('GET', path)).headers.get('etag')!;
      other = await patch(path, newest, { apiKey: 'pk_sandbox_full' });
      removal = await api.call('DELETE', path, { ifMatch: '*' });
      return set(...args);
    });
    const first = await patch(path, etag, { apiKey: 'pk_sandbox_second' });
    spy.mockRestore();
    expect([other!.status, other!.json.code, removal!.json.code]).toEqual([409, 'key_being_changed', 'key_being_changed']);
    expect(first.status).toBe(200);
    expect(await keyIn(secretName)).toBe('pk_sandbox_second');
    // the ETag that came with it is the one that counts, and the way is free again
    expect((await patch(path, first.headers.get('etag')!, { apiKey: 'pk_sandbox_full' })).status).toBe(200);
    expect(await keyIn(secretName)).toBe('pk_sandbox_full');
  });

  it('goes into a new secret when somebody has deleted the old one, whose name the vault still keeps', async () => {
    const { path, id, etag, secretName } = await connect();
    await removeSecret(secretName);
    expect(await get(path)).toMatchObject({ status: 'secretMissing' });
    const repaired = await patch(path, etag, { apiKey: 'pk_sandbox_second' });
    expect(repaired.json).toMatchObject({ status: 'connected', ownsSecret: true });
    expect(repaired.json.secretName).not.toBe(secretName);
    expect(await keyIn(String(repaired.json.secretName))).toBe('pk_sandbox_second');
    expect((await api.call('GET', `${path}/lists`)).status).toBe(200);
    // the ETag that came with it is the one that counts
    expect((await patch(path, repaired.headers.get('etag')!, { displayName: `Repaired ${id}` })).status).toBe(200);
  });
});

describe('a secret that a crash leaves behind', () => {
  /** By the clock of the day after. */
  const sweep = () =>
    createServices(api.services.env, { now: () => new Date(Date.now() + 86_400_000) }).connections.sweepSecrets({ signal: signal() });
  const exists = (name: string) =>
    keyIn(name).then(
      () => true,
      () => false,
    );

  it('while a connection is being made is removed, and that of a connection is not', async () => {
    const { secretName: used } = await connect();
    const seen: string[] = [];
    const { secrets, connectionStore } = api.services;
    const set = jest.spyOn(secrets, 'set').mockImplementationOnce((name, ...rest) => {
      seen.push(name);
      set.mockRestore();
      return secrets.set(name, ...rest);
    });
    const body = aConnection();
    const insert = jest.spyOn(connectionStore, 'insert');
    const died = new Promise<void>((dies) => {
      insert.mockImplementationOnce(() => {
        dies();
        return new Promise(() => undefined); // the process dies here
      });
    });
    void api.call('POST', '/api/connections', { body });
    await died;
    insert.mockRestore();
    expect(await exists(seen[0]!)).toBe(true);
    // while a call may still be at work, nothing is touched
    expect(await api.services.connections.sweepSecrets({ signal: signal() })).toBe(0);
    expect(await sweep()).toBe(1);
    expect([await exists(seen[0]!), await exists(used)]).toEqual([false, true]);
    expect(await sweep()).toBe(0);
  });

  it('while a connection takes a secret of one’s own is removed', async () => {
    await putSecret('taken-instead', 'pk_sandbox_full');
    const { path, etag, secretName } = await connect();
    const removed = jest.spyOn(api.services.secrets, 'remove');
    const died = new Promise<void>((dies) => {
      removed.mockImplementationOnce(() => {
        dies();
        return new Promise(() => undefined);
      });
    });
    void patch(path, etag, { secretName: 'taken-instead' });
    await died;
    removed.mockRestore();
    expect(await exists(secretName)).toBe(true);
    expect(await sweep()).toBe(1);
    expect([await exists(secretName), await exists('taken-instead')]).toEqual([false, true]);
  });
});

describe('a secret of one’s own', () => {
  const ownSecret = async (value = 'pk_sandbox_full') => {
    const name = `our-own-${Math.random().toString(36).slice(2)}`;
    await putSecret(name, value);
    return name;
  };

  it('K3 is named, only read, and its value cannot be entered beside', async () => {
    const secretName = await ownSecret();
    const both = await api.call('POST', '/api/connections', { body: aConnection({ secretName }) });
    expect([both.status, both.json.errors.map(({ pointer }) => pointer)]).toEqual([400, ['/apiKey']]);
    const seen = api.vault.requests.length;
    const { path, json } = await connect({ apiKey: undefined, secretName });
    expect(json).toMatchObject({ secretName, ownsSecret: false });
    expect((await api.call('DELETE', path, { ifMatch: '*' })).status).toBe(204);
    const secretCalls = api.vault.requests.slice(seen).filter((line) => line.includes('/secrets/'));
    expect(secretCalls.filter((line) => !line.startsWith('GET'))).toEqual([]);
    expect(await keyIn(secretName)).toBe('pk_sandbox_full');
  });

  it('K4 that the app may not read is told with the role that its identity needs', async () => {
    const secretName = await ownSecret();
    api.vault.faults.add({ status: 403, only: /^GET/ });
    const refused = await api.call('POST', '/api/connections', { body: aConnection({ apiKey: undefined, secretName }) });
    expect([refused.status, refused.json.code, refused.json.service]).toEqual([502, 'vault_refused', 'keyVault']);
    expect(refused.json.detail).toContain('Key Vault Secrets Officer');
  });

  it('K5 is never switched back to a typed key, but may take the place of one', async () => {
    const { path, etag, secretName: typed } = await connect();
    const secretName = await ownSecret('pk_sandbox_second');
    const switched = await patch(path, etag, { secretName });
    expect(switched.json).toMatchObject({ secretName, ownsSecret: false, status: 'connected' });
    await expect(keyIn(typed)).rejects.toMatchObject({ code: 'secret_missing' });
    const newest = switched.headers.get('etag')!;
    const back = await patch(path, newest, { apiKey: 'pk_sandbox_full' });
    expect([back.status, back.json.code, back.json.errors[0]!.pointer]).toEqual([409, 'secret_given', '/apiKey']);
    expect(back.json.detail).toContain('another connection');
    // another secret of one's own is a change, and the one so far stays
    const other = await ownSecret();
    expect((await patch(path, newest, { secretName: other })).json).toMatchObject({ secretName: other, ownsSecret: false });
    expect(await keyIn(secretName)).toBe('pk_sandbox_second');
    expect(await keyIn(other)).toBe('pk_sandbox_full');
  });

  it('K5 that belongs to another account takes no typed key’s place', async () => {
    const { path, etag, secretName: typed } = await connect();
    const secretName = await ownSecret('pk_of_another_account');
    const refused = await patch(path, etag, { secretName });
    expect([refused.status, refused.json.code, refused.json.errors[0]!.pointer]).toEqual([400, 'account_differs', '/secretName']);
    expect(await keyIn(typed)).toBe('pk_sandbox_full');
  });

  it.each<[string, () => Promise<string>, string]>([
    ['holds no API key', () => ownSecret('the password of something else'), 'secret_invalid'],
    ['another connection has made for itself', async () => (await connect()).secretName, 'secret_ours'],
  ])('that %s is refused, and nothing of it is sent anywhere', async (_, make, code) => {
    const secretName = await make();
    const calls = await callsDuring(async () => {
      const refused = await api.call('POST', '/api/connections', { body: aConnection({ apiKey: undefined, secretName }) });
      expect([refused.status, refused.json.code, refused.json.errors[0]!.pointer]).toEqual([400, code, '/secretName']);
      expect(refused.text).not.toContain('the password');
    });
    expect(calls).toEqual([]);
  });

  it('that no longer holds an API key is sent nowhere either', async () => {
    const secretName = await ownSecret();
    const { path } = await connect({ apiKey: undefined, secretName });
    await putSecret(secretName, 'the password of something else');
    const calls = await callsDuring(async () => {
      const lists = await api.call('GET', `${path}/lists`);
      expect([lists.status, lists.json.code]).toEqual([409, 'secret_invalid']);
    });
    expect(calls).toEqual([]);
    expect(await get(path)).toMatchObject({ status: 'secretInvalid' });
  });

  it('K8 is read whenever it is used, so that a rotated one counts at once', async () => {
    const secretName = await ownSecret();
    const { path, id, json } = await connect({ apiKey: undefined, secretName });
    await api.call('POST', '/api/exports', { body: anExport({ connectionId: id }) });
    await putSecret(secretName, 'pk_sandbox_second');
    api.klaviyo.sandbox.faults.add({ endpoint: 'GET /api/lists', fault: { kind: 'error_503' } }); // one more attempt, the same key
    expect((await api.call('GET', `${path}/lists`)).status).toBe(200);
    expect((await api.call('POST', `${path}/test`)).json.value.every(({ ok }) => ok)).toBe(true);
    expect(await get(path)).toMatchObject({ status: 'connected', updatedAt: json.updatedAt });
  });
});

describe('a secret that vanished', () => {
  it('K6 shows on the connection, with what to do and since when, and is over when it is restored', async () => {
    const { path, id, secretName, etag } = await connect();
    expect(await get(path)).toMatchObject({ status: 'connected' });
    await removeSecret(secretName);

    const lists = await api.call('GET', `${path}/lists`);
    expect([lists.status, lists.json.code]).toEqual([409, 'secret_missing']);
    const shown = await get(path);
    expect(shown).toMatchObject({ status: 'secretMissing', statusDetail: expect.stringContaining('restore the secret') as string });
    expect(Date.parse(String(shown.statusSince))).toBeGreaterThanOrEqual(Date.parse(String(shown.createdAt)));
    expect(await listed(id)).toMatchObject({ status: 'secretMissing', statusSince: shown.statusSince });
    await sleep(5);
    expect((await get(path)).statusSince).toBe(shown.statusSince);
    // it is no change that somebody made
    expect((await api.call('GET', path)).headers.get('etag')).toBe(etag);

    await (await vault.beginRecoverDeletedSecret(secretName)).pollUntilDone();
    expect(await listed(id)).toMatchObject({ status: 'connected' });
    const again = await get(path);
    expect(again).toMatchObject({ status: 'connected' });
    expect(again.statusDetail).toBeUndefined();
    expect((await api.call('GET', `${path}/lists`)).status).toBe(200);
  });

  it('K6 shows a disabled secret, and revoked access, likewise', async () => {
    const { path, secretName } = await connect();
    const { properties } = await vault.getSecret(secretName);
    await vault.updateSecretProperties(secretName, properties.version!, { enabled: false });
    expect(await get(path)).toMatchObject({ status: 'secretDisabled', statusDetail: expect.stringContaining('enable it there') as string });
    await vault.updateSecretProperties(secretName, properties.version!, { enabled: true });
    expect(await get(path)).toMatchObject({ status: 'connected' });
    api.vault.faults.add({ status: 403, only: /^GET/ });
    expect(await get(path)).toMatchObject({ status: 'vaultRefused' });
    api.vault.faults.clear();
    expect(await get(path)).toMatchObject({ status: 'connected' });
  });

  it('leaves the last word where the vault is silent', async () => {
    const { path } = await connect();
    api.vault.faults.add({ status: 503, only: /^GET/ });
    expect(await get(path)).toMatchObject({ status: 'connected' });
  });

  it('is nothing that contributors learn of', async () => {
    const { path, secretName } = await connect({ access: 'administratorsAndContributors' });
    await removeSecret(secretName);
    const seen = await api.call('GET', path, { as: 'Contributor' });
    expect(Object.keys(seen.json).sort()).toEqual(['displayName', 'id', 'type']);
  });
});
