import { gunzipSync } from 'node:zlib';
import { checkRule, createFaultPlan, FaultError, type Fault, type FaultRule } from '../../../infra/local/klaviyo/faults';
import { aSandbox, JOBS, people } from './harness';

const POST_JOBS = `POST ${JOBS}`;
const SOUND = { endpoint: POST_JOBS, fault: { kind: 'error_500' } };
const within = (fault: unknown) => ({ endpoint: '*', fault });
const NEEDED = 'endpoint and fault: {kind} are needed';

describe('a line of the fault plan', () => {
  it.each<[unknown, string]>([
    [null, NEEDED],
    [[], NEEDED],
    [{ endpoint: '*', fault: null }, NEEDED],
    [{ ...SOUND, probability: -0.1 }, '"probability" of a rule must be a number from 0 to 1'],
    [{ ...SOUND, probability: '0.5' }, '"probability" of a rule must be a number from 0 to 1'],
    [{ ...SOUND, after: 1.5 }, '"after" of a rule must be a whole number of at least 0'],
    [{ ...SOUND, account: 7 }, '"account" of a rule must be a text'],
    [within({ kind: 'list_deleted', listId: 7 }), '"listId" of list_deleted must be a text'],
    [within({ kind: 'row_errors', emails: ['a@example.com', 7] }), '"emails" of row_errors must be a list of texts'],
    [within({ kind: 'row_errors', emails: { length: 0 } }), '"emails" of row_errors must be a list of texts'],
    [within({ kind: 'bad_row_admission', indexes: [1, -1] }), '"indexes" of bad_row_admission must be a list of whole numbers'],
    [within({ kind: 'job_stuck', afterRows: -1 }), '"afterRows" of job_stuck must be a whole number of at least 0'],
    [within({ kind: 'person_left', email: 'a@example.com', listId: '' }), '"listId" of person_left must be a text'],
    [{ ...SOUND, endpoint: 'GET /' }, '"endpoint" must be * or one of GET /api/accounts, GET /api/accounts/{id}, GET /api/lists, '],
  ])('is refused when it is %j', (given, message) => {
    expect(() => checkRule(given)).toThrow(FaultError);
    expect(() => checkRule(given)).toThrow(message);
  });

  it.each<unknown>([
    { ...SOUND, account: 'SANDBX', after: 0, count: 0, probability: 0, seed: 0 },
    { ...SOUND, probability: 1 },
    within({ kind: 'rate_limited', retryAfter: 0 }),
    within({ kind: 'revision_fell_forward', revision: '2027-01-15' }),
    within({ kind: 'list_deleted', listId: 'LIST5K' }),
    within({ kind: 'person_left', email: 'a@example.com', listId: 'LIST5K' }),
    within({ kind: 'strangers_in_page', strangers: 0 }),
    within({ kind: 'bad_row_admission', emails: [], indexes: [0] }),
    within({ kind: 'row_errors', probability: 0.5, seed: 1, emails: ['a@example.com'], payloadNull: true }),
    within({ kind: 'job_ends_late', ms: 1, afterRows: 0 }),
    within({ kind: 'job_stuck', afterRows: 3 }),
    within({ kind: 'job_cancelled', afterRows: 3 }),
    within({ kind: 'job_delay', ms: 1 }),
    within({ kind: 'gzip_bomb', bytes: 1 }),
  ])('is taken when it is %j', (given) => {
    expect(checkRule(given)).toBe(given);
  });
});

describe('a fault plan', () => {
  const hits = (rule: Partial<FaultRule>, calls = 60, kind: 'error_500' | 'error_503' = 'error_500'): string => {
    const plan = createFaultPlan();
    plan.add({ endpoint: POST_JOBS, fault: { kind }, ...rule });
    return Array.from({ length: calls }, () => (plan.fire(POST_JOBS, 'SANDBX').find(kind) ? 'x' : '-')).join('');
  };
  const share = (pattern: string): number => [...pattern].filter((hit) => hit === 'x').length / pattern.length;

  it('hits by probability as often as told, and by another seed other calls', () => {
    expect([share(hits({ probability: 0 })), share(hits({ probability: 1 }))]).toEqual([0, 1]);
    expect(share(hits({ probability: 0.9 }, 200))).toBeGreaterThan(0.75);
    expect(share(hits({ probability: 0.1 }, 200))).toBeLessThan(0.25);
    expect(hits({ probability: 0.5, seed: 3 })).not.toBe(hits({ probability: 0.5, seed: 4 }));
    expect(hits({ probability: 0.5 })).toBe(hits({ probability: 0.5 }));
    expect(hits({ probability: 0.5 })).not.toBe(hits({ probability: 0.5 }, 60, 'error_503'));
    expect(hits({ probability: 1, count: 3, after: 2 }, 8)).toBe('--xxx---');
  });

  it('hits only the call and the account that it names', () => {
    expect(hits({ account: 'SANDBX', count: 2 }, 4)).toBe('xx--');
    expect(hits({ account: 'OTHERX', count: 2 }, 4)).toBe('----');
    expect(hits({ endpoint: 'GET /api/lists', count: 2 }, 4)).toBe('----');
    expect(hits({ endpoint: '*', count: 2 }, 4)).toBe('xx--');
  });

  it('shows each line with the calls that it has seen and hit, until it is cleared', () => {
    const plan = createFaultPlan();
    const rule: FaultRule = { endpoint: '*', after: 1, fault: { kind: 'error_503' } };
    plan.add(rule);
    for (let call = 0; call < 3; call += 1) plan.fire('GET /api/lists', 'SANDBX');
    expect(plan.list()).toEqual([{ ...rule, seen: 3, hits: 1 }]);
    plan.clear();
    expect(plan.list()).toEqual([]);
    expect(plan.fire('GET /api/lists', 'SANDBX').find('error_503')).toBeUndefined();
  });
});

describe('a fault', () => {
  const world = (fault: Fault, endpoint = POST_JOBS, options = {}) => {
    const klaviyo = aSandbox({ processing: 'instant', limits: false, ...options });
    klaviyo.importProfiles(people(3), ['LIST5K', 'LIS25K']);
    klaviyo.sandbox.faults.add({ endpoint, fault });
    const lists = () => [...klaviyo.sandbox.state.accounts.get('SANDBX')!.lists.keys()];
    return { ...klaviyo, lists };
  };

  it('4.9 4.24 of the rate takes the RateLimit headers away and no other', () => {
    const { headers } = world({ kind: 'rate_limited', retryAfter: 3 }, POST_JOBS, { limits: true }).importProfiles(people(1));
    expect(headers).toMatchObject({ 'Retry-After': '3', CID: 'SANDBX', 'X-Klaviyo-API-Revision': '2026-07-15' });
    expect(Object.keys(headers).filter((name) => name.startsWith('RateLimit'))).toEqual([]);
  });

  it('4.24 of the edge has the words of its page', () => {
    expect(world({ kind: 'html_403' }).importProfiles(people(1)).text).toContain('<title>Just a moment...</title>');
    expect(world({ kind: 'html_502' }).importProfiles(people(1)).text).toContain('<title>502 Bad Gateway</title>');
  });

  it('4.24 of a bomb inflates to what is asked, to 200 MiB when nothing is', () => {
    const bombOf = (bytes?: number) => world({ kind: 'gzip_bomb', ...(bytes && { bytes }) }).importProfiles(people(1)).body as Buffer;
    const two = bombOf(2 * 1024 * 1024);
    expect(gunzipSync(two).equals(Buffer.alloc(2 * 1024 * 1024, 0x20))).toBe(true);
    expect(bombOf().length).toBe(100 * two.length);
  });

  it('4.24 deletes the list of the path, the one that is named, or all of them', () => {
    const ofPath = world({ kind: 'list_deleted' }, 'GET /api/lists/{id}');
    expect([ofPath.get('/api/lists/LIST5K').status, ofPath.lists()]).toEqual([404, ['LIS25K', 'LI100K']]);
    const other = world({ kind: 'list_deleted', listId: 'LIS25K' }, 'GET /api/lists/{id}');
    expect([other.get('/api/lists/LIST5K').status, other.lists()]).toEqual([200, ['LIST5K', 'LI100K']]);
    const all = world({ kind: 'list_deleted' });
    expect([all.importProfiles(people(1)).status, all.lists()]).toEqual([400, []]);
  });

  it('4.24 lets a person leave the list that is named, or all of them, and a stranger none', () => {
    const left = (more: object, email = 'Person1@example.com') => {
      const { get, members } = world({ kind: 'person_left', email, ...more }, 'GET /api/accounts');
      get('/api/accounts');
      return [members('LIST5K').length, members('LIS25K').length];
    };
    expect([left({ listId: 'LIS25K' }), left({}), left({}, 'nobody@example.com')]).toEqual([
      [3, 2],
      [2, 2],
      [3, 3],
    ]);
  });

  it('4.24 of the revision says which one', () => {
    const { headers } = world({ kind: 'revision_fell_forward', revision: '2027-01-15' }).importProfiles(people(1));
    expect(headers['X-Klaviyo-API-Revision']).toBe('2027-01-15');
  });

  it('4.24 of a key says nothing of rates or accounts (4.2)', () => {
    const { headers } = world({ kind: 'key_revoked' }).importProfiles(people(1));
    expect(Object.keys(headers)).toEqual(['Content-Type']);
  });

  it('4.24 ignores the filter of profiles as well', () => {
    const { get } = world({ kind: 'filter_ignored' }, 'GET /api/profiles');
    const asked = () => get('/api/profiles?filter=equals(email,"person1@example.com")').document.data.length;
    expect([asked(), asked()]).toEqual([3, 1]);
  });

  it.each<[Fault, string, number]>([
    [{ kind: 'job_cancelled' }, 'cancelled', 5],
    [{ kind: 'job_cancelled', afterRows: 0 }, 'cancelled', 0],
    [{ kind: 'job_ends_late' }, 'processing', 5],
    [{ kind: 'job_stuck', afterRows: 0 }, 'processing', 0],
  ])('4.24 %j shows a job as %s, half of its rows done unless told', (fault, status, completed) => {
    const { importProfiles, get } = world(fault);
    const { id } = importProfiles(people(10, 100)).document.data;
    expect(get(`${JOBS}/${id}`).document.data.attributes).toMatchObject({ status, completed_count: completed });
  });

  it('4.24 ends a job at the row that is named, also past the first turn', () => {
    const { importProfiles, get } = world({ kind: 'job_cancelled', afterRows: 300 });
    const { id } = importProfiles(people(600, 100)).document.data;
    expect(get(`${JOBS}/${id}`).document.data.attributes).toMatchObject({ status: 'cancelled', completed_count: 300 });
  });

  it('4.24 lets a late job go on at its very instant', () => {
    const { importProfiles, members, wait } = world({ kind: 'job_ends_late', ms: 1000 });
    importProfiles(people(10, 100));
    wait(999);
    expect(members()).toHaveLength(8);
    wait(1);
    expect(members()).toHaveLength(13);
  });

  it('4.24 lets late requests arrive in the order of their instants', () => {
    const { sandbox, importProfiles, wait, get } = aSandbox({ processing: 'instant', limits: false });
    for (const ms of [3_000, 2_000]) {
      sandbox.faults.add({ endpoint: POST_JOBS, fault: { kind: 'late_admission', ms } });
      importProfiles(people(ms / 1000));
    }
    wait(5_000);
    const totals = get(`${JOBS}?sort=created_at`).document.data.map(
      ({ attributes }: { attributes: { total_count: number } }) => attributes.total_count,
    );
    expect(totals).toEqual([2, 3]);
  });
});

describe('processing', () => {
  it('4.20 4.24 a delayed job keeps no other one waiting, and is not begun before its time', () => {
    const { sandbox, importProfiles, wait } = aSandbox({ limits: false, processing: { startDelayMs: 0, concurrentJobs: 1 } });
    for (let at = 0; at < 12; at += 1) {
      if (at % 2 === 0) sandbox.faults.add({ endpoint: POST_JOBS, fault: { kind: 'job_delay', ms: 86_400_000 } });
      importProfiles(people(2, at));
    }
    wait(1_000);
    const statuses = () => [...sandbox.state.accounts.get('SANDBX')!.jobs.values()].map(({ status }) => status);
    expect(statuses()).toEqual(Array.from({ length: 12 }, (_, at) => (at % 2 === 0 ? 'queued' : 'complete')));
    wait(86_400_000);
    expect(new Set(statuses())).toEqual(new Set(['complete']));
  });

  it('4.20 does no more rows at a time than it is let, and catches up no more than it is told', () => {
    const { sandbox, importProfiles, now } = aSandbox({ processing: { rowsPerSecond: 1000, startDelayMs: 0 } });
    importProfiles(people(9_000));
    const taken = (atMs: number, maxRows?: number, maxLagMs?: number) => {
      sandbox.advance(now() + atMs, maxRows, maxLagMs);
      return [...sandbox.state.accounts.get('SANDBX')!.jobs.values()][0]!.taken;
    };
    expect([taken(100), taken(2_000, 300), taken(2_000, 300), taken(2_000)]).toEqual([100, 400, 700, 2_000]);
    expect(taken(8_000, Infinity, 1_000)).toBe(3_000);
  });
});
