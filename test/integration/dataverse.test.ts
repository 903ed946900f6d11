import { type DataverseOptions, type DataverseStandIn, startDataverse } from '../../infra/local/dataverse/server';
import type { KeyVault } from '../../infra/local/key-vault/key-vault';
import { createClientCredential, createCredential } from '../../shared/platform/identity';
import { createDataverseSource, segmentsIn } from '../../shared/segments/dataverse/dataverse-source';
import { createDataverseWebApi } from '../../shared/segments/dataverse/web-api';
import { fieldText } from '../../shared/segments/row-chunks';
import type { SegmentSource, SourceSnapshot } from '../../shared/segments/segment-source';
import { readInParts } from '../support/read-in-parts';
import { startLoginAuthority } from '../support/login-authority';
import { startTrustedVault } from '../support/trusted-vault';

/** The Dataverse source against the stand-in, over real sockets. */
let vault: KeyVault;
let standIn: DataverseStandIn;
const open: { close(): Promise<void> }[] = [];
const people = {
  segments: [
    { name: 'Loyal', rows: 400 },
    { name: 'LoyalButOther', rows: 1_000 },
  ],
  seed: 7,
};

beforeAll(async () => {
  vault = await startTrustedVault();
  standIn = await startDataverse({ ...people, limits: 'none', execution: { baseMs: 0, rowMs: 0 }, maxPageRows: 150 });
});
afterEach(() => {
  standIn.faults.clear();
  standIn.mayRead = true;
});
afterAll(async () => {
  await Promise.all(open.map((one) => one.close()));
  await Promise.all([standIn.close(), vault.close()]);
});

const signal = (): AbortSignal => AbortSignal.timeout(60_000);
const openSource = (url = standIn.url): SegmentSource => {
  const api = createDataverseWebApi({ url, credential: createCredential({}) });
  open.push(api);
  return createDataverseSource({ api, now: () => new Date() });
};
const another = async (options: Partial<DataverseOptions>): Promise<DataverseStandIn> => {
  const started = await startDataverse({ ...people, limits: 'none', execution: { baseMs: 0, rowMs: 0 }, ...options });
  open.push(started);
  return started;
};
const readAll = async (source: SegmentSource, snapshot: SourceSnapshot, segment: string, fields: readonly string[]) => {
  const rows: string[][] = [];
  const missing: string[] = [];
  for await (const chunk of source.readRows({ snapshot, segment, fields, signal: signal() })) {
    for (let row = 0; row < chunk.rowCount; row += 1) {
      const values = fields.map((_, field) => fieldText(chunk, row, field));
      if (chunk.withoutProfile) missing.push(values[0]!);
      else rows.push(values);
    }
  }
  return { rows, missing };
};
const read = async (source: SegmentSource, segment: string, fields: readonly string[]) =>
  readAll(source, await source.snapshot([segment], { signal: signal() }), segment, fields);

describe('segments', () => {
  it('are gathered from the memberships, as Dataverse has no list of them', async () => {
    expect(await openSource().listSegments({ signal: signal() })).toEqual([
      { name: 'Loyal', partitions: 1 },
      { name: 'LoyalButOther', partitions: 1 },
    ]);
  });

  it('have the columns of the profile as fields, the customer’s id under its usual name, and nothing that only describes others', async () => {
    const { fields } = await openSource().describeSegment('Loyal', { signal: signal() });
    expect(fields.map(({ name, dataType }) => `${name} ${dataType}`)).toEqual([
      'CustomerId string',
      'msdynci_customerprofileid guid',
      'msdynci_customerid string',
      'msdynci_email string',
      'msdynci_firstname string',
      'msdynci_lastname string',
      'msdynci_telephone string',
      'msdynci_city string',
      'msdynci_country string',
      'msdynci_loyaltytier choice',
      'msdynci_totalspend decimal',
      'msdynci_lastpurchase dateTimeOffset',
    ]);
  });

  it.each(['Loy', 'loyal', "Loyal'", 'Loyal" or 1 eq 1', 'Nobody'])('%s is none, and the error names those there are', async (name) => {
    await expect(openSource().describeSegment(name, { signal: signal() })).rejects.toMatchObject({
      code: 'segment_unknown',
      message: expect.stringContaining('Loyal, LoyalButOther'),
    });
    // nobody is in it: an empty segment, as after all have left
    expect((await openSource().snapshot([name], { signal: signal() })).segments[0]!.partitions[0]).toMatchObject({ members: 0 });
  });

  it.each<[unknown, readonly string[]]>([
    ['["A","B"]', ['A', 'B']],
    ['"A"', ['A']],
    ['A', ['A']],
    ['', []],
    [null, []],
    ['[1,"A"]', ['A']],
  ])('named as %j are %j', (text, names) => {
    expect(segmentsIn(text)).toEqual(names);
  });
});

describe('a snapshot', () => {
  it('is the same however it is read, and another one once a member has joined or left', async () => {
    const own = await another({ maxPageRows: 100 });
    const id = async (names: readonly string[]) => (await openSource(own.url).snapshot(names, { signal: signal() })).id;
    const first = await id(['Loyal', 'LoyalButOther']);
    expect(await id(['LoyalButOther', 'Loyal'])).toBe(first);
    expect(await id(['Loyal'])).not.toBe(first);
    own.reload({ ...people, generation: 1 });
    expect(await id(['Loyal', 'LoyalButOther'])).not.toBe(first);
  });

  it('says that it identifies members only, as Dataverse tells no refresh', async () => {
    const snapshot = await openSource().snapshot(['Loyal'], { signal: signal() });
    expect(snapshot).toMatchObject({ identifies: 'members', complete: true });
    expect(snapshot.refreshedAt).toBeUndefined();
  });

  it('that is no longer true is not read', async () => {
    const own = await another({});
    const snapshot = await openSource(own.url).snapshot(['Loyal'], { signal: signal() });
    own.reload({ ...people, generation: 1 });
    // another process goes on: it reads the memberships again
    const stored = JSON.parse(JSON.stringify(snapshot)) as SourceSnapshot;
    await expect(readAll(openSource(own.url), stored, 'Loyal', ['CustomerId'])).rejects.toMatchObject({
      code: 'source_changed',
      retryable: true,
    });
  });
});

describe('rows', () => {
  const fields = ['CustomerId', 'msdynci_email', 'msdynci_loyaltytier', 'msdynci_totalspend', 'msdynci_lastpurchase'];

  it('are those of the members, each once, whether looked up or found among all; choices as people see them', async () => {
    // 1,000 of 1,000 are read page by page, 40 of 1,000 are looked up
    const own = await another({
      segments: [
        { name: 'Few', rows: 40 },
        { name: 'All', rows: 1_000 },
      ],
      maxPageRows: 130,
    });
    const source = openSource(own.url);
    const all = await read(source, 'All', fields);
    const scanned = own.requests.filter((line) => line.includes('customerprofiles')).length;
    expect(scanned).toBe(Math.ceil(1_000 / 130));
    expect(new Set(all.rows.map(([id]) => id)).size).toBe(1_000);
    const before = own.requests.length;
    const few = await read(source, 'Few', fields);
    expect(own.requests.slice(before).filter((line) => line.includes('customerprofiles'))).toEqual([expect.stringContaining(' or ')]);
    expect(few.rows).toHaveLength(40);
    const byId = new Map(all.rows.map((row) => [row[0], row]));
    for (const row of few.rows) expect(row).toEqual(byId.get(row[0]));
    expect(new Set(all.rows.map(([, , tier]) => tier))).toEqual(new Set(['Bronze', 'Silver', 'Gold', 'Platinum', '']));
    expect(all.rows.every(([id, , , spent]) => /^[0-9a-f]{32}$/.test(id!) && /^\d+(\.\d+)?$/.test(spent!))).toBe(true);
  });

  it('of a segment whose name another one begins with are its own', async () => {
    const source = openSource();
    expect((await read(source, 'Loyal', ['CustomerId'])).rows).toHaveLength(400);
    expect((await read(source, 'LoyalButOther', ['CustomerId'])).rows).toHaveLength(1_000);
  });

  it('of members without a profile come as such, with the id alone', async () => {
    const own = await another({ missingEvery: 10 });
    const { rows, missing } = await read(openSource(own.url), 'Loyal', ['CustomerId', 'msdynci_email']);
    expect([rows.length, missing.length]).toEqual([360, 40]);
    expect(new Set([...rows.map(([id]) => id), ...missing]).size).toBe(400);
  });

  it('with a field that the profile does not have are refused before anything is read', async () => {
    const source = openSource();
    const snapshot = await source.snapshot(['Loyal'], { signal: signal() });
    const before = standIn.requests.length;
    await expect(readAll(source, snapshot, 'Loyal', ['EMail'])).rejects.toMatchObject({ code: 'field_unknown' });
    expect(standIn.requests).toHaveLength(before);
  });

  it('stop being asked for when the reader stops', async () => {
    const source = openSource();
    const snapshot = await source.snapshot(['LoyalButOther'], { signal: signal() });
    const before = standIn.requests.length;
    for await (const _ of source.readRows({ snapshot, segment: 'LoyalButOther', fields: ['CustomerId'], signal: signal() })) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(standIn.requests.length - before).toBeLessThanOrEqual(8);
  });
});

describe('Dataverse that', () => {
  it.each<[string, Parameters<DataverseStandIn['faults']['add']>[0]]>([
    ['is not there for a moment', { kind: 'status', status: 503, times: 2 }],
    ['fails', { kind: 'status', status: 500 }],
    ['answers with a page of its gateway', { kind: 'html' }],
    ['breaks off in the middle of an answer', { kind: 'truncate' }],
    ['closes the connection', { kind: 'reset' }],
  ])('%s is asked again', async (_, fault) => {
    standIn.faults.add(fault);
    expect((await read(openSource(), 'Loyal', ['CustomerId'])).rows).toHaveLength(400);
  });

  it('says how long to wait is left alone for just so long, by all readers', async () => {
    standIn.faults.add({ kind: 'status', status: 429, code: '0x80072322', retryAfterSeconds: 1, only: 'memberships' });
    const source = openSource();
    const from = Date.now();
    const before = standIn.requests.length;
    await source.snapshot(['Loyal'], { signal: signal() });
    expect(Date.now() - from).toBeGreaterThanOrEqual(1_000);
    // the fields, the refused page, then its pages: no call beside
    expect(standIn.requests.length - before).toBe(2 + Math.ceil(400 / 150));
  });

  it.each<[string, () => void, Record<string, unknown>]>([
    ['lets nobody read', () => (standIn.mayRead = false), { code: 'source_forbidden', status: 403, retryable: false }],
    ['does not know the table', () => standIn.faults.add({ kind: 'status', status: 404 }), { code: 'source_table_missing' }],
    ['refuses the request', () => standIn.faults.add({ kind: 'status', status: 400, code: '0x80060888' }), { code: 'source_refused' }],
    [
      'answers with something else',
      () => standIn.faults.add({ kind: 'noPage', only: 'memberships' }),
      { code: 'source_malformed', retryable: true },
    ],
    ['refuses the token', () => standIn.faults.add({ kind: 'status', status: 401 }), { code: 'source_sign_in_refused' }],
    [
      'names a page elsewhere',
      () => standIn.faults.add({ kind: 'foreignLink', only: 'memberships' }),
      { code: 'source_malformed', retryable: false },
    ],
    [
      'names the same page for ever',
      () => standIn.faults.add({ kind: 'loop', only: 'memberships', times: 100 }),
      { code: 'source_malformed' },
    ],
  ])('%s ends in an error that says so', async (_, prepare, expected) => {
    prepare();
    await expect(openSource().snapshot(['Loyal'], { signal: signal() })).rejects.toMatchObject({ service: 'source', ...expected });
  });

  it('quotes a customer in its message is not quoted', async () => {
    standIn.faults.add({ kind: 'status', status: 400, code: 'see ada@example.com' });
    const refused = await openSource()
      .snapshot(['Loyal'], { signal: signal() })
      .catch((error: unknown) => error as Error);
    expect((refused as Error).message).toContain('Dataverse: 400)');
  });

  it('allows few calls at a time is not asked more at once', async () => {
    // 1,000 members of 21,000: 20 look-ups
    const own = await another({
      segments: [
        { name: 'Few', rows: 1_000 },
        { name: 'All', rows: 21_000 },
      ],
      limits: { requests: 6_000, executionSeconds: 1_200, concurrent: 8, windowSeconds: 300 },
      execution: { baseMs: 10, rowMs: 0 },
    });
    const { rows } = await read(openSource(own.url), 'Few', ['CustomerId']);
    expect(rows).toHaveLength(1_000);
    expect(own.requests.filter((line) => line.includes('customerprofiles'))).toHaveLength(20);
  });
});

describe('an app registration', () => {
  const clientId = '11111111-2222-4333-8444-555555555555';

  it('reads with its own secret from Key Vault, and takes up a rotated one', async () => {
    let secret = 'first';
    const authority = await startLoginAuthority({
      certPath: vault.certPath,
      tenantId: vault.tenantId,
      clientId,
      clientSecret: () => secret,
    });
    open.push(authority);
    const connect = () => {
      const credential = createClientCredential({
        tenantId: vault.tenantId,
        clientId,
        readSecret: async () => ({ value: `${secret}\n` }),
        authorityHost: authority.url,
      });
      const api = createDataverseWebApi({ url: standIn.url, credential });
      open.push(api);
      return createDataverseSource({ api, now: () => new Date() });
    };
    expect((await read(connect(), 'Loyal', ['CustomerId'])).rows).toHaveLength(400);
    expect(authority.asked).toEqual([{ scope: expect.stringContaining(`${standIn.url}/.default`), accepted: true }]);
    secret = 'second';
    expect((await read(connect(), 'Loyal', ['CustomerId'])).rows).toHaveLength(400);
  });

  it('with a wrong secret is told to check it', async () => {
    const authority = await startLoginAuthority({
      certPath: vault.certPath,
      tenantId: vault.tenantId,
      clientId,
      clientSecret: () => 'right',
    });
    open.push(authority);
    const credential = createClientCredential({
      tenantId: vault.tenantId,
      clientId,
      readSecret: async () => ({ value: 'wrong' }),
      authorityHost: authority.url,
    });
    await expect(credential.getToken(`${standIn.url}/.default`)).rejects.toThrow('AADSTS7000215');
  });
});

describe('a segment read in parts', () => {
  const fields = ['CustomerId', 'msdynci_email', 'msdynci_loyaltytier'];
  const plain = (rows: readonly (readonly string[])[]): string[] => rows.map((values) => values.join('|')).sort();

  it.each([
    ['pages of everybody', 1, { segments: people.segments, missingEvery: 9 }],
    ['some pages at a time', 4, { segments: people.segments, missingEvery: 0 }],
    [
      'look-ups of a few',
      1,
      {
        segments: [
          { name: 'Loyal', rows: 60 },
          { name: 'LoyalButOther', rows: 3_000 },
        ],
        missingEvery: 9,
      },
    ],
  ])('has everybody once, whoever reads on, and asks for no page twice: %s', async (_, partsAtOnce, options) => {
    const slow = await another({ ...options, maxPageRows: 150 });
    const names = ['Loyal', 'LoyalButOther'].slice(0, options.segments[0]!.rows === 60 ? 1 : 2);
    const whole = openSource(slow.url);
    const snapshot = await whole.snapshot(names, { signal: signal() });
    const before = slow.requests.length;
    const read = await readInParts(() => openSource(slow.url), { names, fields, partsAtOnce, signal: signal() });
    const asked = slow.requests.slice(before).filter((path) => path.includes('skiptoken'));
    expect(read.snapshot).toEqual(snapshot);
    expect(read.slices).toBeGreaterThan(2);
    for (const name of names) {
      const { rows, missing } = await readAll(whole, snapshot, name, fields);
      const own = read.rows.filter(({ segment }) => segment === name);
      expect(plain(own.filter((one) => !one.missing).map(({ values }) => values))).toEqual(plain(rows));
      expect(own.flatMap(({ values, missing: isMissing }) => (isMissing ? [values[0]!] : [])).sort()).toEqual([...missing].sort());
    }
    // a page that was asked for ahead when the reading stopped is asked for again
    const times = new Map<string, number>();
    for (const path of asked) times.set(path, (times.get(path) ?? 0) + 1);
    expect(Math.max(0, ...times.values())).toBeLessThanOrEqual(3);
  });

  it('does not follow a link of somebody else', async () => {
    const from = {
      resume: { stage: 'members', segment: 0, link: 'https://elsewhere.example/api/data/v9.2/x' },
      kept: async function* () {},
    };
    const parts = openSource().readSlowly!({ names: ['Loyal'], fieldsOf: () => fields, from, signal: signal() });
    await expect(parts.next()).rejects.toMatchObject({ code: 'source_malformed' });
  });
});
