import { setTimeout as sleep } from 'node:timers/promises';
import { aConnection, anExport, createCaller, startApi } from '../support/api';
import type { Api, ApiAnswer } from '../support/api';

let api: Api;
/** as fast as it goes: answers are held against the description elsewhere */
let call: Api['call'];
let connectionId: string;
beforeAll(async () => {
  jest.spyOn(console, 'log').mockReturnValue(); // the app's log
  api = await startApi();
  ({ call } = createCaller(api.services, { tenantId: api.vault.tenantId, checked: false }));
  connectionId = String((await call('POST', '/api/connections', { body: aConnection() })).json.id);
});
afterAll(() => api.close());

type Json = ApiAnswer['json'];

/**
 * Reads, changes and writes until the write is taken, as a client does that is told 412: each time from what is there now, after a
 * pause that others do not share.
 */
const persist = async (
  path: string,
  method: 'PATCH' | 'PUT',
  spreadMs: number,
  change: (now: Json) => unknown,
): Promise<{ tries: number; statuses: number[] }> => {
  const statuses: number[] = [];
  for (let tries = 1; ; tries += 1) {
    const read = await call('GET', path);
    statuses.push(read.status);
    const written = await call(method, path, { body: change(read.json), ifMatch: read.headers.get('etag')! });
    statuses.push(written.status);
    if (written.status === 200) return { tries, statuses };
    if (written.status !== 412) throw new Error(`${method} ${path} answered ${written.status}: ${written.text}`);
    await sleep(Math.random() * Math.min(8_000, spreadMs * 2 ** (tries - 1)));
  }
};
const everybody = (count: number, path: string, method: 'PATCH' | 'PUT', change: (writer: number) => (now: Json) => unknown) =>
  Promise.all(Array.from({ length: count }, (_, writer) => persist(path, method, 10 * count, change(writer))));

const WRITERS = 200;
describe('many writers at once lose no update', () => {
  it('of an export: two hundred, each of whom adds a property of their own', async () => {
    const made = await call('POST', '/api/exports', { body: anExport({ connectionId, schedule: { kind: 'off' } }) });
    const path = `/api/exports/${String(made.json.id)}`;
    type Mapping = { email: string; properties?: { field: string; name: string }[] };
    const written = await everybody(WRITERS, path, 'PATCH', (writer) => ({ mapping }) => {
      const { properties = [], ...rest } = mapping as Mapping;
      return { mapping: { ...rest, properties: [...properties, { field: 'City', name: `writer_${writer}` }] } };
    });
    const { mapping } = (await call('GET', path)).json as unknown as { mapping: Mapping };
    expect(mapping.properties!.map(({ name }) => name).sort()).toEqual(
      Array.from({ length: WRITERS }, (_, writer) => `writer_${writer}`).sort(),
    );
    // somebody must have been refused, or nothing was shown; and nobody met an error of ours
    expect(written.filter(({ tries }) => tries > 1).length).toBeGreaterThan(50);
    expect(written.flatMap(({ statuses }) => statuses).filter((status) => status >= 500)).toEqual([]);
  }, 150_000);

  it('of a connection: each counts on in its name', async () => {
    const made = await call('POST', '/api/connections', { body: aConnection({ displayName: 'Counted 0' }) });
    const path = `/api/connections/${String(made.json.id)}`;
    await everybody(12, path, 'PATCH', () => ({ displayName }) => ({
      displayName: `Counted ${Number(String(displayName).split(' ')[1]) + 1}`,
    }));
    expect((await call('GET', path)).json.displayName).toBe('Counted 12');
  }, 150_000);

  it('of the system schedule: each adds a day', async () => {
    const first = { active: false, repeat: 'monthly', daysOfMonth: [31], times: ['02:00'], timeZone: 'UTC' };
    const { headers } = await call('GET', '/api/settings/schedule');
    expect((await call('PUT', '/api/settings/schedule', { body: first, ifMatch: headers.get('etag')! })).status).toBe(200);
    await everybody(20, '/api/settings/schedule', 'PUT', (writer) => ({ value: _, errors: __, ...now }) => ({
      ...first,
      daysOfMonth: [...(now.daysOfMonth as number[]), writer + 1],
    }));
    const { daysOfMonth } = (await call('GET', '/api/settings/schedule')).json as unknown as { daysOfMonth: number[] };
    expect([...daysOfMonth].sort((one, other) => one - other)).toEqual([...Array.from({ length: 20 }, (_, day) => day + 1), 31]);
  }, 150_000);
});
