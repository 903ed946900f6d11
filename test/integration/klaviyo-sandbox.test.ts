import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { FaultRule } from '../../infra/local/klaviyo/faults';
import { startKlaviyoSandbox, type RunningSandbox, type ServerOptions } from '../../infra/local/klaviyo/server';

const JOBS = '/api/profile-bulk-import-jobs';
const HEADERS = { Authorization: 'Klaviyo-API-Key pk_sandbox_full', revision: '2026-07-15', 'Content-Type': 'application/vnd.api+json' };
const people = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ type: 'profile', attributes: { email: `p${at}@example.com`, first_name: 'Ada' } }));
const importBody = (count: number) =>
  JSON.stringify({
    data: {
      type: 'profile-bulk-import-job',
      attributes: { profiles: { data: people(count) } },
      relationships: { lists: { data: [{ type: 'list', id: 'LIST5K' }] } },
    },
  });

const running: RunningSandbox[] = [];
const start = async (options: ServerOptions = {}) => {
  const server = await startKlaviyoSandbox(options);
  running.push(server);
  const api = (url: string, init: RequestInit = {}) =>
    fetch(server.url + url, { ...init, headers: { ...HEADERS, ...(init.headers as object) } });
  const control = async (method: string, url: string, json?: unknown) => {
    const answer = await fetch(`${server.url}/_sandbox${url}`, { method, body: json === undefined ? undefined : JSON.stringify(json) });
    const text = await answer.text();
    return {
      status: answer.status,
      text,
      json: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text.split('\n')[0]!) : undefined,
    };
  };
  const count = async (listId = 'LIST5K') =>
    (await control('GET', `/accounts/SANDBX/lists/${listId}/members?count=true`)).json.count as number;
  const fault = (rule: Partial<FaultRule> & Pick<FaultRule, 'fault'>) => control('POST', '/faults', { endpoint: `POST ${JOBS}`, ...rule });
  return { ...server, api, control, count, fault };
};
/** Time of a sandbox that passes only as a test says, however slow the machine is. */
const aClock = () => {
  let nowMs = Date.now();
  return {
    now: () => nowMs,
    /** lets the sandbox take its turn afterwards */
    pass: (ms: number): Promise<void> => {
      nowMs += ms;
      return sleep(5);
    },
  };
};
const folder = () => mkdtempSync(path.join(tmpdir(), 'klaviyo-sandbox-'));

afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

describe('Klaviyo sandbox over the wire', () => {
  it('imports a gzip body and shows the members only after a while', async () => {
    const clock = aClock();
    const { api, count, control } = await start({ now: clock.now, processing: { startDelayMs: 200, rowsPerSecond: 10_000 } });
    const answer = await api(JOBS, { method: 'POST', body: gzipSync(importBody(1000)), headers: { 'Content-Encoding': 'gzip' } });
    expect(answer.status).toBe(202);
    expect(answer.headers.get('content-type')).toBe('application/vnd.api+json');
    expect(await count()).toBe(0);
    for (let tries = 0; tries < 100 && (await count()) < 1000; tries += 1) await clock.pass(20);
    expect(await count()).toBe(1000);
    const lines = (await control('GET', '/accounts/SANDBX/lists/LIST5K/members')).text.trim().split('\n');
    expect(lines).toHaveLength(1000);
    expect(JSON.parse(lines[0]!)).toEqual({ id: expect.any(String), email: expect.any(String), joined_group_at: expect.any(String) });
  });

  it('answers 204 without body, length or type', async () => {
    const { api } = await start({ processing: 'instant' });
    await api(JOBS, { method: 'POST', body: importBody(1) });
    const { data } = (await (await api('/api/lists/LIST5K/relationships/profiles')).json()) as { data: unknown[] };
    const answer = await api('/api/lists/LIST5K/relationships/profiles', { method: 'DELETE', body: JSON.stringify({ data }) });
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('content-length'), await answer.text()]).toEqual([
      204,
      null,
      null,
      '',
    ]);
  });

  it('refuses a body over the limit without keeping it', async () => {
    const { api } = await start();
    expect((await api(JOBS, { method: 'POST', body: Buffer.alloc(9_000_000, 0x20) })).status).toBe(413);
    const bomb = gzipSync(Buffer.alloc(60_000_000, 0x20));
    expect((await api(JOBS, { method: 'POST', body: bomb, headers: { 'Content-Encoding': 'gzip' } })).status).toBe(413);
  });

  it('moves virtual time only when told', async () => {
    const { api, control, count } = await start({ virtualTime: Date.parse('2026-11-23T10:00:00Z') });
    await api(JOBS, { method: 'POST', body: importBody(500) });
    expect((await control('POST', '/clock', { advanceMs: 299 })).json.now).toBe('2026-11-23T10:00:00.299Z');
    expect(await count()).toBe(0);
    await control('POST', '/clock', { advanceMs: 100 });
    expect(await count()).toBe(500);
    expect((await control('POST', '/clock', { advanceMs: -1 })).status).toBe(400);
    expect((await (await start()).control('POST', '/clock', { advanceMs: 1 })).status).toBe(409);
  });

  it('makes accounts, changes options, shows state, log and page', async () => {
    const { api, control, url } = await start();
    const made = await control('POST', '/accounts', {
      id: 'OTHERX',
      keys: [{ key: 'pk_other', scopes: ['lists:read'] }],
      lists: [{ id: 'LISTAA', name: 'A <b>' }],
    });
    expect(made).toMatchObject({ status: 201, json: { id: 'OTHERX', keys: ['pk_other'], lists: [{ id: 'LISTAA', name: 'A <b>' }] } });
    expect((await api('/api/lists', { headers: { Authorization: 'Klaviyo-API-Key pk_other' } })).status).toBe(200);
    expect((await control('POST', '/options', { processing: 'instant', limits: false })).json).toMatchObject({ limits: false });
    const { json: state } = await control('GET', '/state');
    expect(state.accounts.map(({ id }: { id: string }) => id)).toEqual(['SANDBX', 'OTHERX']);
    expect(state.counters).toMatchObject({ requests: 1, throttled: 0, byEndpoint: { 'GET /api/lists': { 200: 1 } } });
    expect((await control('GET', '/log')).json).toMatchObject([{ account: 'OTHERX', method: 'GET', path: '/api/lists', status: 200 }]);
    const page = await (await fetch(url)).text();
    expect(page).toContain('A &#60;b&#62;');
    expect(page).not.toMatch(/https?:\/\/(?!127)/);
    expect((await control('GET', '/nothing')).status).toBe(404);
  });

  it('does on the socket what the fault plan says', async () => {
    const { api, fault, count, control } = await start({ processing: 'instant' });
    const post = () => api(JOBS, { method: 'POST', body: importBody(10) });
    await fault({ fault: { kind: 'reset_before' } });
    await expect(post()).rejects.toThrow();
    expect(await count()).toBe(0);
    await fault({ fault: { kind: 'reset_after_admission' } });
    await expect(post()).rejects.toThrow();
    expect(await count()).toBe(10);
    await fault({ fault: { kind: 'truncated_json' } });
    await expect((await post()).json()).rejects.toThrow();
    await fault({ fault: { kind: 'slow_body', ms: 300 } });
    const before = performance.now();
    const slow = await post();
    await slow.json();
    expect(performance.now() - before).toBeGreaterThan(290);
    await fault({ fault: { kind: 'gzip_bomb', bytes: 4 * 1024 * 1024 } });
    expect((await (await post()).text()).length).toBe(4 * 1024 * 1024);
    const refused = await control('POST', '/faults', { endpoint: '*', fault: { kind: 'nonsense' } });
    expect([refused.status, refused.json.error]).toEqual([400, expect.stringContaining('"kind" of a fault must be one of')]);
    await fault({ count: 5, fault: { kind: 'error_500' } });
    expect((await control('DELETE', '/faults')).status).toBe(204);
    expect((await post()).status).toBe(202);
  });

  it('keeps jobs, members and keys across a stop in the middle, and ignores a torn record', async () => {
    const dataDir = folder();
    const processing = { startDelayMs: 0, rowsPerSecond: 2000 };
    const clock = aClock();
    const first = await start({ dataDir, processing, now: clock.now });
    await first.control('POST', '/accounts', { id: 'OTHERX', keys: [{ key: 'pk_other' }] });
    await first.api(JOBS, { method: 'POST', body: importBody(2000) });
    while ((await first.count()) < 200) await clock.pass(10);
    await first.close();
    running.splice(0);
    const seen = first.sandbox.state.accounts.get('SANDBX')!.profiles.count();
    expect(seen).toBeLessThan(2000);
    appendFileSync(path.join(dataDir, 'journal.bin'), Buffer.from([9, 0, 0, 0, 0, 0]));
    const second = await start({ dataDir, processing, now: clock.now });
    expect(await second.count()).toBeGreaterThanOrEqual(seen);
    expect((await second.api('/api/lists', { headers: { Authorization: 'Klaviyo-API-Key pk_other' } })).status).toBe(200);
    for (let tries = 0; tries < 200 && (await second.count()) < 2000; tries += 1) await clock.pass(20);
    expect(await second.count()).toBe(2000);
    const { data } = (await (await second.api(JOBS)).json()) as { data: { attributes: { status: string; completed_count: number } }[] };
    expect(data.map(({ attributes }) => [attributes.status, attributes.completed_count])).toEqual([['complete', 2000]]);
    await second.close();
    running.splice(0);
    rmSync(dataDir, { recursive: true });
  });

  it('fails who closes it after it was asked what it does not know', async () => {
    const asked = await startKlaviyoSandbox();
    await fetch(`${asked.url}/api/profile-suppression-bulk-create-jobs`, { headers: HEADERS });
    await expect(asked.close()).rejects.toThrow('asked what it does not know: GET /api/profile-suppression-bulk-create-jobs');
    const allowed = await start({ allowGaps: true });
    expect((await allowed.api('/oauth/nothing')).status).toBe(501);
  });

  it.each([
    [{ speed: 3 }, '"speed" is no option'],
    [{ latencyMs: -1 }, '"latencyMs" is no option, or not with this value'],
    [{ processing: { rowsPerSecond: 0 } }, 'speeds of more than 0'],
    [{ processing: { rows: 5 } }, 'processing is "instant" or has rowsPerSecond, startDelayMs, concurrentJobs, jobsPerSecond'],
  ])('refuses the options %j', async (options, message) => {
    const { control } = await start();
    expect(await control('POST', '/options', options)).toMatchObject({ status: 400, json: { error: expect.stringContaining(message) } });
  });

  it('says when its port is taken', async () => {
    const { port } = await start();
    await expect(startKlaviyoSandbox({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
