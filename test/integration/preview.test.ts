import { randomUUID } from 'node:crypto';
import { createServer, request as requestOf } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createPreview } from '../../shared/preview/preview';
import type { Preview } from '../../shared/preview/preview';
import type { PreviewRow } from '../../shared/preview/preview-row';
import type { Services } from '../../shared/services';
import { aConnection, anExport, createCaller } from '../support/api';
import type { ApiCall } from '../support/api';
import { startCountingProxy } from '../support/counting-proxy';
import { startFaultyStorage } from '../support/faulty-storage';
import { putSource, runBy } from '../support/run-cases';
import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';

let fixture: RunnerFixture;
let proxy: Awaited<ReturnType<typeof startCountingProxy>>;
let klaviyo: Awaited<ReturnType<typeof startListener>>;
beforeAll(async () => {
  jest.spyOn(console, 'log').mockReturnValue(); // the app's log
  fixture = await startRunnerFixture({ sandbox: { processing: 'instant' }, env: { WEBSITE_AUTH_ENABLED: 'True' } });
  proxy = await startCountingProxy(fixture.azurite);
  klaviyo = await startListener(fixture.klaviyo.url);
}, 60_000);
const apps: Services[] = [];
afterAll(async () => {
  for (const app of apps) await app.klaviyo.close();
  await klaviyo.close();
  await proxy.close();
  await fixture.close();
});

/** Stands in front of the sandbox and keeps the bodies of import jobs. */
const startListener = async (onward: string) => {
  const bodies: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const parts: Buffer[] = [];
    incoming.on('data', (part: Buffer) => parts.push(part));
    incoming.on('end', () => {
      const body = Buffer.concat(parts);
      if (incoming.method === 'POST' && incoming.url!.startsWith('/api/profile-bulk-import-jobs')) bodies.push(body.toString('utf8'));
      const passed = requestOf(new URL(incoming.url!, onward), { method: incoming.method, headers: incoming.headers }, (answer) => {
        outgoing.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(outgoing);
      });
      passed.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies,
    close: () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))),
  };
};

const FIELDS = [
  ...['CustomerId', 'EMail', 'FirstName', 'Telephone', 'City', 'Tier'].map((name) => ({ name, dataType: 'string' })),
  { name: 'Spend', dataType: 'decimal' },
];
const mapping = {
  email: 'EMail',
  firstName: 'FirstName',
  phoneNumber: 'Telephone',
  location: { city: 'City' },
  properties: [
    { field: 'Tier', name: 'tier' },
    { field: 'Spend', name: 'spend' },
  ],
};
type Row = readonly [id: string, email: string, firstName?: string, phone?: string, city?: string, tier?: string, spend?: string];
const person = (number: number): Row => [
  `c${number}`,
  `person${number}@example.com`,
  `Ada “${number}”`,
  '+33 6 12 34 56 78',
  'Paris, 5e',
  'gold',
  '12.50',
];
const people = (count: number, from = 0): Row[] => Array.from({ length: count }, (_, index) => person(from + index));

const aFolder = async (segments: Readonly<Record<string, readonly Row[]>>, more: Record<string, string> = {}) => {
  const folder = `preview-${randomUUID()}`;
  const entities = [];
  for (const [name, rows] of Object.entries(segments)) {
    const lines = rows.map((row) => FIELDS.map((_, column) => `"${(row[column] ?? '').replaceAll('"', '""')}"`).join(','));
    await putSource(fixture, `${folder}/${name}.csv`, [...lines, ''].join('\r\n'));
    const partition = { name, location: `${fixture.source.url}/${folder}/${name}.csv` };
    entities.push({ $type: 'LocalEntity', name, attributes: FIELDS, partitions: [partition] });
  }
  await putSource(fixture, `${folder}/model.json`, JSON.stringify({ name: 'Test', version: '1.0', entities }));
  const app = fixture.newInstance({ SOURCE_FOLDER: folder, KLAVIYO_BASE_URL: klaviyo.url, KLAVIYO_GZIP: 'false', ...more });
  apps.push(app);
  const { call } = createCaller(app, { tenantId: fixture.vault.tenantId });
  const make = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
    const answer = await call('POST', path, { body });
    if (answer.status !== 201) throw new Error(answer.text);
    return answer.json;
  };
  return {
    folder,
    app,
    call,
    make,
    preview: (body: unknown, as: ApiCall['as'] = 'Administrator') => call('POST', '/api/exports/preview', { body, as }),
  };
};
type Folder = Awaited<ReturnType<typeof aFolder>>;
const shown = async (folder: Folder, body: unknown, as?: ApiCall['as']): Promise<Preview> => {
  const { status, json, text } = await folder.preview(body, as);
  if (status !== 200) throw new Error(text);
  return json as unknown as Preview;
};
const outcomes = (rows: readonly PreviewRow[]) => rows.map(({ customerId, reason }) => [customerId, reason?.code ?? 'sent']);
const recorded = async ({ app }: Folder) =>
  (await app.activity.page({}, { size: 1_000, signal: testSignal() })).entries.filter(({ kind }) => kind === 'rows_previewed');

describe('a preview', () => {
  it('shows rows exactly as a run posts them, and what is left out with the reason', async () => {
    const rows: Row[] = [
      person(0),
      ['c1', ' Person1@Example.com ', '', '0612345678', 'Ly"on', 'a\\b', '1e400'],
      ['c2', '', 'Eve'],
      ['c3', 'PERSON0@example.com', 'Again'],
      ['c4', 'not an address', 'Mallory'],
      ['c5', 'max@example.com', 'Max\r\nMoritz', '', '', '', '7'],
    ];
    const folder = await aFolder({ Vip: rows });
    const preview = await shown(folder, { segments: ['Vip'], mapping });
    expect(preview).toMatchObject({ masked: false, complete: true });
    expect(preview.rows[0]!.source).toMatchObject({ EMail: 'person0@example.com', Telephone: '+33 6 12 34 56 78', Spend: '12.50' });
    expect(outcomes(preview.rows)).toEqual([
      ['c0', 'sent'],
      ['c1', 'sent'],
      ['c2', 'email_missing'],
      ['c3', 'duplicate'],
      ['c4', 'email_invalid'],
      ['c5', 'sent'],
    ]);
    expect(preview.rows[1]!.leftOut.map(({ pointer, code }) => [pointer, code])).toEqual([
      ['/mapping/firstName', 'field_empty'],
      ['/mapping/phoneNumber', 'phone_invalid'],
    ]);
    expect(preview.rows[5]!.leftOut.map(({ pointer }) => pointer)).toEqual([
      '/mapping/phoneNumber',
      '/mapping/location/city',
      '/mapping/properties/0/field',
    ]);
    expect(preview.rows[4]).toMatchObject({ email: 'not an address', reason: { message: expect.stringContaining('not valid') } });

    const { id } = await folder.make('/api/connections', aConnection());
    const saved = await folder.make('/api/exports', anExport({ connectionId: id, segments: ['Vip'], mapping }));
    klaviyo.bodies.length = 0;
    const run = await runBy(fixture, folder.app, { id: saved.id } as Parameters<typeof runBy>[2]);
    expect(run.counts).toMatchObject({ read: 6, invalid: 2, duplicates: 1, sent: 3, phonesDropped: 1 });
    const [body] = klaviyo.bodies.map((text) => JSON.parse(text) as { data: { attributes: { profiles: { data: unknown[] } } } });
    expect(preview.rows.flatMap(({ profile }) => profile ?? [])).toEqual(body!.data.attributes.profiles.data);
    // a saved export says it all
    expect((await shown(folder, { exportId: saved.id })).rows).toEqual(preview.rows);
  });

  it('shows the first ten rows, and an invalid one of the first thousand in place of the last', async () => {
    const rows = [...people(400), ['bad', 'nobody'] as const, ...people(400, 400)];
    const folder = await aFolder({ Vip: rows, Late: [...people(1_001), ['bad', 'nobody'] as const] });
    const first = (count: number) => people(count).map(([id]) => [id, 'sent']);
    expect(outcomes((await shown(folder, { segments: ['Vip'], mapping })).rows)).toEqual([...first(9), ['bad', 'email_invalid']]);
    expect(outcomes((await shown(folder, { segments: ['Late'], mapping })).rows)).toEqual(first(10));
  });

  it('takes about as many of each segment, and more of others where one is short', async () => {
    const folder = await aFolder({ A: people(30), B: people(2, 100), C: people(30, 200), D: [] });
    const count = ({ rows }: Preview) =>
      ['A', 'B', 'C', 'D'].map((name) => rows.filter(({ segment }) => segment === name).length).join(' ');
    expect(count(await shown(folder, { segments: ['A', 'B', 'C', 'D'], mapping }))).toBe('6 2 2 0');
    expect(count(await shown(folder, { segments: ['C', 'A'], mapping }))).toBe('5 0 5 0');
    expect((await shown(folder, { segments: ['D'], mapping })).rows).toEqual([]);
    const more = await aFolder(Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`S${index}`, people(3, index * 10)])));
    const { rows } = await shown(more, { segments: Array.from({ length: 12 }, (_, index) => `S${index}`), mapping });
    expect(rows.map(({ segment }) => segment)).toEqual(Array.from({ length: 10 }, (_, index) => `S${index}`));
  });

  it('reads no more of a large segment than it needs', async () => {
    const folder = await aFolder({ Vip: [['bad', 'nobody'], ...people(100_000)] });
    const { source, exportStore, connections } = folder.app;
    let read = 0;
    const counting: typeof source = {
      ...source,
      readRows: async function* (options) {
        for await (const chunk of source.readRows(options)) {
          read += chunk.rowCount;
          yield chunk;
        }
      },
    };
    const caller = { id: 'a', name: 'Ada', role: 'Administrator', application: false } as const;
    const previews = createPreview({ source: counting, exportStore, connections });
    const { preview } = await previews.preview({ segments: ['Vip'], mapping }, { caller, signal: testSignal() });
    expect(preview.rows).toHaveLength(10);
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(10_000);
  });

  it('says when the segments are being written, and shows them all the same', async () => {
    const folder = await aFolder({ Vip: people(1) }, { SOURCE_QUIET_SECONDS: '600' });
    const { complete, incompleteBecause, rows } = await shown(folder, { segments: ['Vip'], mapping });
    expect([complete, rows.length]).toEqual([false, 1]);
    expect(incompleteBecause).toContain('600 seconds');
  });
});

describe('whoever may not see personal data', () => {
  it('sees masked rows: a contributor without a connection that is shared', async () => {
    const folder = await aFolder({ Vip: [person(0), ['c1', 'nobody@', 'Eve'], ['c2', ' PERSON0@example.com', 'Again']] });
    const { id: closed } = await folder.make('/api/connections', aConnection());
    const { id: open } = await folder.make('/api/connections', aConnection({ access: 'administratorsAndContributors' }));
    const ofClosed = await folder.make('/api/exports', anExport({ connectionId: closed, segments: ['Vip'], mapping }));
    const ofOpen = await folder.make('/api/exports', anExport({ connectionId: open, segments: ['Vip'], mapping }));
    const maskedFor = async (body: object, as: ApiCall['as']) => (await shown(folder, body, as)).masked;
    const draft = { segments: ['Vip'], mapping };
    expect({
      'administrator, no connection': await maskedFor(draft, 'Administrator'),
      'administrator, not shared': await maskedFor({ exportId: ofClosed.id }, 'Administrator'),
      'contributor, no connection': await maskedFor(draft, 'Contributor'),
      'contributor, not shared': await maskedFor({ exportId: ofClosed.id }, 'Contributor'),
      'contributor, shared': await maskedFor({ exportId: ofOpen.id }, 'Contributor'),
      'contributor, shared and named': await maskedFor({ ...draft, connectionId: open }, 'Contributor'),
      'administrator, who asks for it': await maskedFor({ ...draft, masked: true }, 'Administrator'),
      'administrator, who does not': await maskedFor({ ...draft, masked: false }, 'Administrator'),
    }).toEqual({
      'administrator, no connection': false,
      'administrator, not shared': false,
      'contributor, no connection': true,
      'contributor, not shared': true,
      'contributor, shared': false,
      'contributor, shared and named': false,
      'administrator, who asks for it': true,
      'administrator, who does not': false,
    });
    const notTheirs = await folder.preview({ ...draft, connectionId: closed }, 'Contributor');
    expect([notTheirs.status, notTheirs.json.code]).toEqual([400, 'connection_unknown']);
    expect((await folder.preview(draft, 'Viewer')).status).toBe(403);

    const { rows } = await shown(folder, draft, 'Contributor');
    expect(rows.map(({ email }) => email)).toEqual(['p***@e***.com', '***', 'P***@e***.com']);
    expect(rows[0]).toMatchObject({
      customerId: 'c***',
      email: 'p***@e***.com',
      source: { EMail: 'p***@e***.com', FirstName: '***', Telephone: '***', City: '***', Tier: '***', Spend: '***' },
      profile: {
        type: 'profile',
        attributes: {
          email: 'p***@e***.com',
          phone_number: '+33******78',
          first_name: '***',
          location: { city: '***' },
          properties: { tier: '***', spend: '***' },
        },
      },
    });
    for (const value of [
      'person0',
      'example.com',
      'Ada',
      '612345',
      'Paris',
      'gold',
      '12.5',
      'nobody',
      'Eve',
      'Again',
      'PERSON',
      'c0',
      'c1',
      'c2',
    ])
      expect(JSON.stringify(rows)).not.toContain(value);
  });

  it('leaves no trace; who has seen personal data stands in the activity log, without any of it', async () => {
    const folder = await aFolder({ Vip: people(3) });
    const { id: open } = await folder.make('/api/connections', aConnection({ access: 'administratorsAndContributors' }));
    const saved = await folder.make('/api/exports', anExport({ name: 'Of interest', connectionId: open, segments: ['Vip'], mapping }));
    const before = (await recorded(folder)).length;
    await shown(folder, { segments: ['Vip'], mapping }, 'Contributor');
    await shown(folder, { exportId: saved.id, masked: true }, 'Contributor');
    await folder.preview({ segments: ['Nobody'], mapping });
    expect(await recorded(folder)).toHaveLength(before);
    await shown(folder, { exportId: saved.id }, 'Contributor');
    const [entry, ...others] = await recorded(folder);
    expect(others).toHaveLength(before);
    expect(entry).toMatchObject({
      by: expect.any(String),
      exportId: saved.id,
      connectionId: open,
      name: 'Of interest',
      details: { segments: 'Vip', rows: 3 },
    });
    expect(JSON.stringify(entry)).not.toMatch(/person\d|Ada|Paris/);
  });

  it('shows nothing unmasked that cannot be recorded', async () => {
    const storage = await startFaultyStorage(fixture.azurite);
    const folder = await aFolder({ Vip: people(3) }, { AzureWebJobsStorage: storage.connectionString });
    const refused = storage.spoil(/^POST .*(activity|batch)/, 'refuse', 10);
    const { status, text, json } = await folder.preview({ segments: ['Vip'], mapping });
    await storage.close();
    expect(refused()).toBeGreaterThan(0);
    expect([status, json.code]).toEqual([502, 'storage_refused']);
    expect(text).not.toContain('person0');
  });
});

it('costs three calls of storage at most', async () => {
  const folder = await aFolder({ Vip: people(3) });
  const { id: open } = await folder.make('/api/connections', aConnection({ access: 'administratorsAndContributors' }));
  const { id } = await folder.make('/api/exports', anExport({ connectionId: open, segments: ['Vip'], mapping }));
  const app = fixture.newInstance({ SOURCE_FOLDER: folder.folder, AzureWebJobsStorage: proxy.connectionString });
  apps.push(app);
  const { call } = createCaller(app, { tenantId: fixture.vault.tenantId });
  const calls = await proxy.during(async () => {
    const { status } = await call('POST', '/api/exports/preview', { as: 'Contributor', body: { exportId: id } });
    expect(status).toBe(200);
  });
  expect(calls.length).toBeLessThanOrEqual(3);
});

it.each([
  ['nothing', {}, 'invalid_input', ['/segments', '/mapping']],
  ['no mapping', { segments: ['Vip'] }, 'invalid_input', ['/mapping']],
  ['no segment', { segments: [], mapping }, 'invalid_input', ['/segments']],
  ['an unknown segment', { segments: ['Vip', 'Nobody'], mapping }, 'segment_unknown', ['/segments/1']],
  [
    'fields that are not of the source’s profile',
    { segments: ['Vip'], mapping: { email: 'Mail', location: { city: 'Town' }, properties: [{ field: 'Loyalty', name: 'loyalty' }] } },
    'field_unknown',
    ['/mapping/email', '/mapping/location/city', '/mapping/properties/0/field'],
  ],
  ['an unknown export', { exportId: 'exp_0000000000' }, 'export_unknown', ['/exportId']],
  ['an unknown connection', { segments: ['Vip'], mapping, connectionId: 'con_0000000000' }, 'connection_unknown', ['/connectionId']],
  ['an unknown field', { segments: ['Vip'], mapping, listId: 'LIST5K' }, 'invalid_input', ['/listId']],
])('a preview of %s is refused', async (_, body, code, pointers) => {
  const folder = await aFolder({ Vip: people(1) });
  const { status, json } = await folder.preview(body);
  expect([status, json.code, json.errors.map(({ pointer }) => pointer)]).toEqual([400, code, pointers]);
});
