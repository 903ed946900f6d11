import { startApi } from '../support/api';
import type { Api } from '../support/api';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const weekly = { active: true, repeat: 'weekly', days: ['monday'], times: ['02:30'], timeZone: 'Europe/Paris' };

describe('the system schedule', () => {
  it('is off until an administrator turns it on, by version from the first time', async () => {
    const fresh = await api.call('GET', '/api/settings/schedule');
    expect([fresh.status, fresh.json.active, fresh.headers.get('etag')]).toEqual([200, false, '"0"']);
    expect((await api.call('PUT', '/api/settings/schedule', { body: weekly })).status).toBe(428);
    const put = (ifMatch: string) => api.call('PUT', '/api/settings/schedule', { body: weekly, ifMatch });
    const both = await Promise.all([put('"0"'), put('"0"')]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
    expect((await put('"0"')).status).toBe(412);
    const read = await api.call('GET', '/api/settings/schedule', { as: 'Viewer' });
    const weak = read.headers.get('etag')!;
    expect(weak).toMatch(/^W\//);
    // some proxies drop the weak mark
    expect((await put(weak.slice(2))).status).toBe(200);
    expect((await put(weak.slice(2))).status).toBe(412);
    expect(read.json).toEqual({ ...weekly, daysOfMonth: [] });
    const now = await api.call('GET', '/api/settings/schedule');
    expect((await put(now.headers.get('etag')!)).status).toBe(200);
  });

  it('holds from the instant at which it was changed, and saving it as it is changes nothing of that', async () => {
    const since = async () => (await api.services.settings.getRefresh({ signal: AbortSignal.timeout(5_000) })).value.setAt;
    const put = async (body: unknown) => {
      const ifMatch = (await api.call('GET', '/api/settings/schedule')).headers.get('etag')!;
      const answer = await api.call('PUT', '/api/settings/schedule', { body, ifMatch });
      expect([answer.status, Object.keys(answer.json)]).toEqual([200, expect.not.arrayContaining(['setAt'])]);
      return since();
    };
    const first = await put({ ...weekly, times: ['03:00'] });
    expect(Math.abs(Date.now() - Date.parse(first!))).toBeLessThan(10_000);
    expect(await put({ ...weekly, times: ['03:00'], timeZone: 'Romance Standard Time' })).toBe(first);
    expect(await put({ ...weekly, times: ['04:00'] })).not.toBe(first);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['a time that is none', { times: ['25:00'] }, '/times/0'],
    ['five times a day', { times: ['01:00', '02:00', '03:00', '04:00', '05:00'] }, '/times'],
    ['a zone that is none', { timeZone: 'Europe/Nowhere' }, '/timeZone'],
    ['a time twice a day', { times: ['02:30', '14:30', '02:30'] }, '/times'],
    ['weekly without days', { days: [] }, '/days'],
    ['monthly without days', { repeat: 'monthly' }, '/daysOfMonth'],
    ['an unknown field', { at: '02:00' }, '/at'],
  ])('refuses %s', async (_, more, pointer) => {
    const answer = await api.call('PUT', '/api/settings/schedule', { body: { ...weekly, ...more }, ifMatch: '"0"' });
    expect([answer.status, answer.json.errors.map((error) => error.pointer)]).toEqual([400, [pointer]]);
  });
});

describe('the limits', () => {
  const put = (body: unknown, ifMatch?: string) => api.call('PUT', '/api/settings/limits', { body, ifMatch });

  it('are those of the product until an administrator changes them', async () => {
    const fresh = await api.call('GET', '/api/settings/limits', { as: 'Viewer' });
    expect([fresh.status, fresh.headers.get('etag')]).toEqual([200, '"0"']);
    expect(fresh.json).toEqual({
      ...{ resyncDays: 7, maxInvalidShare: 0.2, guardCount: 500, guardShare: 0.1 },
      ...{ reportDays: 30, runDays: 90, runsKept: 200, activityDays: 400 },
    });
    expect((await put({ reportDays: 7 })).status).toBe(428);
    expect((await api.call('PUT', '/api/settings/limits', { body: {}, ifMatch: '"0"', as: 'Contributor' })).status).toBe(403);
    const changed = await put({ reportDays: 7 }, '"0"');
    expect([changed.status, changed.json]).toMatchObject([200, { reportDays: 7, runDays: 90, runsKept: 200 }]);
    expect((await put({ reportDays: 8 }, '"0"')).status).toBe(412);
    expect((await put({}, changed.headers.get('etag')!)).json).toMatchObject({ reportDays: 30 });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['a history shorter than promised', { runDays: 89 }, '/runDays'],
    ['fewer runs than promised', { runsKept: 199 }, '/runsKept'],
    ['reports for more than a year', { reportDays: 366 }, '/reportDays'],
    ['reports for no day', { reportDays: 0 }, '/reportDays'],
    ['a log shorter than a month', { activityDays: 29 }, '/activityDays'],
    ['a log for more than ten years', { activityDays: 3_651 }, '/activityDays'],
    ['a share above one', { guardShare: 1.1 }, '/guardShare'],
    ['a share that is none', { maxInvalidShare: '20 %' }, '/maxInvalidShare'],
    ['no cap at all', { maxProfiles: 0 }, '/maxProfiles'],
    ['a re-sync every half day', { resyncDays: 0.5 }, '/resyncDays'],
    ['an unknown field', { days: 30 }, '/days'],
  ])('refuse %s', async (_, body, pointer) => {
    const answer = await put(body, '"0"');
    expect([answer.status, answer.json.errors.map((error) => error.pointer)]).toEqual([400, [pointer]]);
  });

  it('set no cap above the app’s own', async () => {
    const { etag } = await api.services.settings.getLimits({ signal: new AbortController().signal });
    const over = await put({ maxProfiles: 1_000_001 }, etag);
    expect([over.status, over.json.code, over.json.errors.map(({ pointer }) => pointer)]).toEqual([422, 'cap_too_high', ['/maxProfiles']]);
    expect((await put({ maxProfiles: 1_000_000 }, etag)).json).toMatchObject({ maxProfiles: 1_000_000 });
  });
});

describe('health', () => {
  it('is open, says versions and no secrets', async () => {
    const answer = await api.call('GET', '/api/health', { as: 'Anonymous' });
    expect(answer.json).toEqual({
      status: 'healthy',
      storage: 'reachable',
      version: '0.1.0',
      revision: '2026-07-15',
      revisionRetiresAt: '2028-07-15',
    });
  });
});

describe('the table of routes', () => {
  it('names each operation and each method of a path once', () => {
    const seen = api.definitions.flatMap(({ operation, method, path }) => [operation, `${method} ${path}`]);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('asks for a version wherever something is replaced or removed', () => {
    const changes = api.definitions.filter(({ method }) => ['PUT', 'PATCH', 'DELETE'].includes(method));
    // several exports at once: each is changed by the version that was read for it
    expect(changes.filter(({ ifMatch }) => ifMatch === undefined).map(({ operation }) => operation)).toEqual(['setSchedules']);
  });

  it('is open for health alone', () => {
    expect(api.definitions.filter(({ who }) => who === 'open').map(({ path }) => path)).toEqual(['api/health']);
  });
});
