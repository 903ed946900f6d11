import { performance } from 'node:perf_hooks';
import { createSandbox } from '../../../infra/local/klaviyo/core';
import { ENDPOINTS } from '../../../infra/local/klaviyo/endpoints';
import { JournalError } from '../../../infra/local/klaviyo/journal';
import { applyOp, type Op } from '../../../infra/local/klaviyo/ops';
import { HANDLERS } from '../../../infra/local/klaviyo/routes';
import { createState } from '../../../infra/local/klaviyo/state';
import { aLog, aProfile, aSandbox, JOBS, people, START_MS } from './harness';

const AT = START_MS;
const job = (account: string): Op => ({
  ...{ op: 'job', account, id: 'J', at: AT, readyAt: AT, total: 1, lists: [], faults: {}, encoding: 'identity', badPhone: 'refuse' },
});

describe('a change that an old journal holds', () => {
  it.each<[string, Op]>([
    ['a key that nobody has', { op: 'revoke', key: 'k' }],
    ['a refresh token that nobody has', { op: 'renew', refresh: 'r', access: 'a', at: AT }],
    ['a grant that nobody has', { op: 'ungrant', refresh: 'r' }],
    ['a list of no account', { op: 'list', account: 'NOBODY', id: 'L', name: 'N', at: AT }],
    ['a job of no account', job('NOBODY')],
    ['a list that is gone', { op: 'rename', account: 'OWNACC', id: 'NOPE', name: 'N', at: AT }],
    ['a list that nobody can join', { op: 'join', account: 'OWNACC', list: 'NOPE', rows: [0], at: AT }],
    ['a list that nobody can leave', { op: 'leave', account: 'OWNACC', list: 'NOPE', rows: [0], at: AT }],
    ['a job that does not start', { op: 'start', account: 'OWNACC', job: 'NOPE', at: AT }],
    ['a job without rows', { op: 'rows', account: 'OWNACC', job: 'NOPE', count: 1, at: AT, badPhone: 'refuse' }],
    ['a job that does not end', { op: 'end', account: 'OWNACC', job: 'NOPE', at: AT, status: 'complete' }],
  ])('is passed over when it speaks of %s', (_, op) => {
    const state = createState();
    applyOp(state, { op: 'account', account: 'OWNACC' });
    applyOp(state, job('OWNACC'), Buffer.from('{}'));
    const { open, jobs } = state.accounts.get('OWNACC')!;
    expect(() => applyOp(state, op)).not.toThrow();
    expect([[...state.accounts.keys()], open.length, jobs.get('J')!.status]).toEqual([['OWNACC'], 1, 'queued']);
    expect([state.grants.size, state.grantOfAccess.size, state.accountOfKey.size]).toEqual([0, 0, 0]);
  });

  it('makes an account once, and lists that people join without a mail', () => {
    const state = createState();
    applyOp(state, { op: 'account', account: 'OWNACC' });
    applyOp(state, { op: 'list', account: 'OWNACC', id: 'L', name: 'N', at: AT });
    applyOp(state, { op: 'account', account: 'OWNACC' });
    expect(state.accounts.get('OWNACC')!.lists.get('L')).toMatchObject({ name: 'N', optIn: 'single_opt_in', createdAt: AT, updatedAt: AT });
  });

  it('is not written a second time for what is there already', () => {
    const log = aLog();
    const { sandbox, now } = aSandbox({}, log);
    const app = { id: 'app', secret: 's', redirects: [] };
    sandbox.addAccount({ id: 'OTHERX', apps: [app] }, now());
    const written = log.entries.length;
    sandbox.addAccount({ id: 'OTHERX', apps: [app] }, now());
    expect(log.entries).toHaveLength(written);
  });
});

describe('a snapshot', () => {
  it('brings back jobs that are half done, with the people they have made so far', () => {
    const options = { limits: false, processing: { rowsPerSecond: 100, startDelayMs: 0 } };
    const original = aSandbox(options);
    const { id } = original.importProfiles([
      aProfile('ada@example.com', { phone_number: '+15005550006', external_id: 'c-1' }),
      ...people(39),
    ]).document.data;
    original.wait(200);
    const log = aLog();
    for (const { op, body } of original.sandbox.snapshot(original.now())) log.write(op, body && Buffer.from(body));
    const copy = aSandbox(options, log);
    for (const klaviyo of [original, copy]) {
      klaviyo.travel(START_MS + 200);
      klaviyo.wait(1_000);
    }
    const seen = ({ get, members }: typeof original) => [
      get(`${JOBS}/${id}?fields[profile-bulk-import-job]=status,completed_count`).document.data,
      get(`${JOBS}/${id}/relationships/profiles?page[size]=100`).document.data,
      get('/api/profiles?filter=equals(phone_number,"%2B15005550006"),equals(external_id,"c-1")').document.data.length,
      members(),
    ];
    expect(seen(copy)).toEqual(seen(original));
    expect(seen(copy)).toMatchObject([{ attributes: { status: 'complete', completed_count: 40 } }, expect.any(Array), 1, { length: 40 }]);
  });

  it('lets no time pass in which nobody was there', () => {
    const log = aLog();
    const processing = { rowsPerSecond: 1000, startDelayMs: 0 };
    const before = aSandbox({ processing }, log);
    before.importProfiles(people(1000));
    before.wait(400);
    const after = createSandbox({ processing }, START_MS + 60_000, log);
    after.advance(START_MS + 60_100);
    expect(after.state.accounts.get('SANDBX')!.lists.get('LIST5K')!.members.count()).toBe(500);
  });
});

describe('the sandbox', () => {
  it('starts with three lists', () => {
    const names = aSandbox()
      .get('/api/lists?sort=created')
      .document.data.map(({ id, attributes }: { id: string; attributes: { name: string } }) => [id, attributes.name]);
    expect(names).toEqual([
      ['LIST5K', 'Newsletter'],
      ['LIS25K', 'High value'],
      ['LI100K', 'Everybody'],
    ]);
  });

  it.each([
    [{ host: 'klaviyo.test:81' }, 'http://klaviyo.test:81'],
    [{}, 'http://localhost'],
  ])('makes its links of where it was asked: %j', (headers, origin) => {
    const { sandbox, now } = aSandbox();
    const own = { authorization: 'Klaviyo-API-Key pk_sandbox_full', revision: '2026-07-15', ...headers };
    const { body } = sandbox.handle({ method: 'GET', url: '/api/lists/LIST5K', headers: own, body: Buffer.alloc(0) }, now());
    expect(JSON.parse(body as string)).toMatchObject({ links: { self: `${origin}/api/lists/LIST5K` } });
  });

  it('answers nothing that its journal could not keep, and says 500 to a defect of its own', () => {
    const full = { ...aLog(), isFull: false, error: new Error('boom') };
    const write = full.write;
    const { importProfiles } = aSandbox({}, { ...full, write: (op, body) => (full.isFull ? raise(full.error) : write(op, body)) });
    const raise = (error: Error): never => {
      throw error;
    };
    full.isFull = true;
    const said = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    try {
      const { status, text } = importProfiles(people(1));
      expect([status, text]).toEqual([500, expect.stringContaining('<title>Sandbox defect: boom</title>')]);
      expect(said.mock.calls).toEqual([[full.error]]);
    } finally {
      said.mockRestore();
    }
    full.error = new JournalError('the disk is full');
    expect(() => importProfiles(people(1))).toThrow(full.error);
  });

  it('stays instant when something else is changed', () => {
    const { sandbox, importProfiles, members } = aSandbox({ processing: 'instant' });
    sandbox.setOptions({ limits: false });
    importProfiles(people(3));
    expect(members()).toHaveLength(3);
  });

  it('knows of work that waits in one account among others', () => {
    const { sandbox, importProfiles, now } = aSandbox();
    sandbox.addAccount({ id: 'OTHERX' }, now());
    importProfiles(people(1));
    expect(sandbox.hasOpenJobs()).toBe(true);
  });

  it('tells how long an answer took: more than nothing, and no longer than whoever asked has waited', () => {
    const { sandbox, importProfiles } = aSandbox();
    const startedAt = performance.now();
    importProfiles(people(5_000));
    const { latencyMs } = sandbox.requests.entries()[0]!;
    expect(latencyMs).toBeGreaterThan(0);
    expect(latencyMs).toBeLessThanOrEqual(performance.now() - startedAt + 0.1);
  });

  it('4.6 has a name of its own for each call, and answers no call that Klaviyo has not', () => {
    const names = ENDPOINTS.map(({ name }) => name);
    for (const name of names) expect(name).toMatch(/^[a-z][A-Za-z]+$/);
    expect(new Set(names).size).toBe(names.length);
    expect(Object.keys(HANDLERS).filter((name) => !names.includes(name))).toEqual([]);
  });

  it('4.6 answers a path that is no UTF-8 like any other that is unknown', () => {
    const { status, document } = aSandbox().get('/api/lists/%E0%A4%A');
    expect([status, document.errors[0]!.detail]).toEqual([404, 'A list with id `%E0%A4%A` does not exist.']);
  });
});
