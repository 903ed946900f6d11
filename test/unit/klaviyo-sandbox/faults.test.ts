import { checkRule, FAULT_KINDS, type Fault, type FaultRule } from '../../../infra/local/klaviyo/faults';
import { aSandbox, JOBS, people } from './harness';

const withFault = (fault: Fault, rule: Partial<FaultRule> = {}, options = {}) => {
  const klaviyo = aSandbox({ processing: 'instant', ...options });
  klaviyo.sandbox.faults.add({ endpoint: `POST ${JOBS}`, fault, ...rule });
  return klaviyo;
};

describe('fault plan', () => {
  it.each([
    [{ kind: 'rate_limited', retryAfter: 7 }, 429, 'throttled'],
    [{ kind: 'error_500' }, 500, 'error'],
    [{ kind: 'error_503' }, 503, 'error'],
    [{ kind: 'plan_limit' }, 403, 'forbidden'],
    [{ kind: 'key_revoked' }, 401, 'authentication_failed'],
    [{ kind: 'list_deleted' }, 400, 'invalid'],
    [{ kind: 'bad_row_admission', indexes: [1] }, 400, 'invalid'],
  ] as [Fault, number, string][])('4.24 answers %j with %d %s', (fault, status, code) => {
    const { importProfiles, sandbox } = withFault(fault);
    expect(importProfiles(people(3))).toMatchObject({ status, document: { errors: [{ status, code }] } });
    expect(sandbox.state.accounts.get('SANDBX')!.jobs.size).toBe(0);
  });

  it('4.24 refuses a key for good once it is revoked', () => {
    const { importProfiles, get } = withFault({ kind: 'key_revoked' });
    expect([importProfiles(people(1)).status, importProfiles(people(1)).status, get('/api/lists').status]).toEqual([401, 401, 401]);
  });

  it('4.24 sends the pages of the edge as HTML', () => {
    expect(withFault({ kind: 'html_403' }).importProfiles(people(1))).toMatchObject({
      status: 403,
      headers: { 'cf-mitigated': 'challenge' },
    });
    expect(withFault({ kind: 'html_502' }).importProfiles(people(1))).toMatchObject({
      status: 502,
      headers: { 'Content-Type': 'text/html; charset=UTF-8' },
    });
  });

  it('4.24 resets before and after admission', () => {
    const before = withFault({ kind: 'reset_before' });
    expect(before.importProfiles(people(2)).transport).toEqual({ kind: 'reset' });
    expect(before.members()).toEqual([]);
    const after = withFault({ kind: 'reset_after_admission' });
    expect(after.importProfiles(people(2)).transport).toEqual({ kind: 'reset' });
    expect(after.members()).toHaveLength(2);
  });

  it('4.24 admits late, after the socket is gone', () => {
    const { importProfiles, wait, members } = withFault({ kind: 'late_admission', ms: 3000 });
    expect(importProfiles(people(2)).transport).toEqual({ kind: 'reset' });
    wait(2999);
    expect(members()).toEqual([]);
    wait(1);
    expect(members()).toHaveLength(2);
  });

  it.each([
    [{ kind: 'job_stuck' }, 'processing', 5],
    [{ kind: 'job_cancelled', afterRows: 3 }, 'cancelled', 3],
    [{ kind: 'job_delay', ms: 86_400_000 }, 'queued', 0],
  ] as [Fault, string, number][])('4.24 ends %j as %s', (fault, status, rows) => {
    const { importProfiles, wait, get, members } = withFault(fault, {}, { processing: {} });
    const { id } = importProfiles(people(10)).document.data;
    wait(60_000);
    expect(get(`${JOBS}/${id}`).document.data.attributes).toMatchObject({ status, completed_count: rows });
    expect(members()).toHaveLength(rows);
  });

  it('4.24 delays a job until after the deadline of whoever waits for it, and ends it then', () => {
    const { importProfiles, wait, members } = withFault({ kind: 'job_delay', ms: 86_400_000 }, {}, { processing: {} });
    importProfiles(people(10));
    wait(86_400_000);
    expect(members()).toEqual([]);
    wait(400);
    expect(members()).toHaveLength(10);
  });

  it('4.24 lets a job stand still half done and end late, while other jobs go on', () => {
    const { importProfiles, wait, get, members } = withFault(
      { kind: 'job_ends_late', ms: 3_600_000, afterRows: 4 },
      {},
      { processing: { concurrentJobs: 1 } },
    );
    const { id } = importProfiles(people(10)).document.data;
    importProfiles(people(5, 100), ['LIS25K']);
    const seen = () => {
      const { status, completed_count: completed, completed_at: at } = get(`${JOBS}/${id}`).document.data.attributes;
      return [status, completed, at?.slice(0, 16), members().length, members('LIS25K').length];
    };
    wait(3_599_999);
    expect(seen()).toEqual(['processing', 4, undefined, 4, 5]);
    wait(60_001);
    expect(seen()).toEqual(['complete', 10, '2026-11-23T11:00', 10, 5]);
  });

  it('4.24 ends a late job also when one step of the clock passes over its whole life', () => {
    const { importProfiles, wait, members } = withFault({ kind: 'job_ends_late', ms: 1000 }, {}, { processing: {} });
    importProfiles(people(10));
    wait(86_400_000);
    expect(members()).toHaveLength(10);
  });

  it('4.24 fails rows by address and by probability, the same ones for the same seed', () => {
    const named = withFault({ kind: 'row_errors', emails: ['Person3@example.com'] });
    const { id } = named.importProfiles(people(5)).document.data;
    expect(named.members()).toHaveLength(4);
    const [error] = named.get(`${JOBS}/${id}/import-errors`).document.data;
    expect(error.attributes.original_payload).toMatchObject({ type: 'profile', attributes: { email: 'person3@example.com' } });
    const runs = [1, 2].map(() => {
      const some = withFault({ kind: 'row_errors', probability: 0.2, seed: 4 });
      some.importProfiles(people(200));
      return some.members();
    });
    expect(runs[0]).toEqual(runs[1]);
    expect(runs[0]!.length).toBeGreaterThan(130);
    expect(runs[0]!.length).toBeLessThan(190);
  });

  it('4.24 slows and cuts an answer that is otherwise right', () => {
    const slow = withFault({ kind: 'slow_body', ms: 9 }).importProfiles(people(1));
    expect(slow).toMatchObject({ status: 202, transport: { kind: 'slow', ms: 9 } });
    expect(withFault({ kind: 'truncated_json' }).importProfiles(people(1)).transport).toEqual({ kind: 'truncate' });
  });

  it('4.24 ignores filters, adds strangers and lets a person leave', () => {
    const endpoint = 'GET /api/lists/{id}/relationships/profiles';
    const url = '/api/lists/LIST5K/relationships/profiles?filter=equals(email,"person1@example.com")';
    const ask = (fault: Fault) => {
      const klaviyo = aSandbox({ processing: 'instant' });
      klaviyo.importProfiles(people(3));
      klaviyo.importProfiles(people(2, 50), []);
      klaviyo.sandbox.faults.add({ endpoint, fault });
      return klaviyo.get(url).document.data.length as number;
    };
    expect(ask({ kind: 'filter_ignored' })).toBe(3);
    expect(ask({ kind: 'strangers_in_page', strangers: 2 })).toBe(3);
    expect(ask({ kind: 'person_left', email: 'person1@example.com' })).toBe(0);
  });

  it('4.24 lets the revision fall forward', () => {
    const { headers } = withFault({ kind: 'revision_fell_forward', revision: '2026-10-15' }).importProfiles(people(1));
    expect(headers['X-Klaviyo-API-Revision']).toBe('2026-10-15');
  });

  it('4.24 sends a small body that inflates to what is asked', () => {
    const { body, headers } = withFault({ kind: 'gzip_bomb', bytes: 8 * 1024 * 1024 }).importProfiles(people(1));
    expect(headers['Content-Encoding']).toBe('gzip');
    expect(body.length).toBeLessThan(100_000);
  });

  it('4.24 refuses gzip when told, and plain bodies not', () => {
    const { importProfiles } = withFault({ kind: 'unsupported_encoding' }, { count: 2 });
    expect(importProfiles(people(1), ['LIST5K'], { headers: { 'content-encoding': 'gzip' } }).status).toBe(415);
    expect(importProfiles(people(1)).status).toBe(202);
  });

  it('4.24 obeys after, count, probability, account and endpoint', () => {
    const statuses = (rule: Partial<FaultRule>, calls = 5) => {
      const { importProfiles } = withFault({ kind: 'error_500' }, rule);
      return Array.from({ length: calls }, () => importProfiles(people(1)).status);
    };
    expect(statuses({})).toEqual([500, 202, 202, 202, 202]);
    expect(statuses({ after: 2, count: 2 })).toEqual([202, 202, 500, 500, 202]);
    expect(statuses({ account: 'OTHERX', count: 9 })).toEqual([202, 202, 202, 202, 202]);
    expect(statuses({ endpoint: '*', count: 5 })).toEqual([500, 500, 500, 500, 500]);
    const some = statuses({ probability: 0.5, seed: 3 }, 10);
    expect(some).toEqual(statuses({ probability: 0.5, seed: 3 }, 10));
    expect(new Set(some)).toEqual(new Set([202, 500]));
  });

  it('4.24 names every kind of fault once', () => {
    expect(new Set(FAULT_KINDS).size).toBe(FAULT_KINDS.length);
    expect(FAULT_KINDS).toHaveLength(25);
  });

  const SOUND = { endpoint: `POST ${JOBS}`, fault: { kind: 'error_500' } };
  it.each([
    [undefined, 'endpoint and fault'],
    [{ endpoint: `POST ${JOBS}` }, 'endpoint and fault'],
    [{ ...SOUND, endpoint: 'POST /api/profile-bulk-import-job' }, '"endpoint" must be * or one of'],
    [{ ...SOUND, fault: { kind: 'eror_500' } }, '"kind" of a fault must be one of rate_limited, '],
    [{ ...SOUND, times: 3 }, 'a rule has no "times": it takes endpoint, account, after, count, probability, seed'],
    [{ ...SOUND, count: -1 }, '"count" of a rule must be a whole number of at least 0'],
    [{ ...SOUND, probability: 20 }, '"probability" of a rule must be a number from 0 to 1'],
    [{ ...SOUND, fault: { kind: 'error_500', ms: 3 } }, 'error_500 has no "ms": it takes nothing'],
    [{ ...SOUND, fault: { kind: 'slow_body', ms: '3' } }, '"ms" of slow_body must be a whole number'],
    [{ ...SOUND, fault: { kind: 'row_errors', emails: 'a@example.com' } }, '"emails" of row_errors must be a list of texts'],
    [{ ...SOUND, fault: { kind: 'bad_row_admission', indexes: [-1] } }, '"indexes" of bad_row_admission must be a list of whole numbers'],
    [{ ...SOUND, fault: { kind: 'row_errors', payloadNull: 1 } }, '"payloadNull" of row_errors must be true or false'],
    [{ ...SOUND, fault: { kind: 'list_deleted', listId: '' } }, '"listId" of list_deleted must be a text'],
    [{ ...SOUND, fault: { kind: 'person_left' } }, 'person_left needs the "email"'],
  ])('refuses %j: it would never do what was meant', (rule, message) => {
    expect(() => checkRule(rule)).toThrow(message);
    expect(() => aSandbox().sandbox.faults.add(rule as FaultRule)).toThrow(message);
  });

  it('takes every kind with what it needs, and values that were left undefined', () => {
    for (const kind of FAULT_KINDS)
      expect(
        checkRule({ endpoint: '*', count: undefined, fault: { kind, ...(kind === 'person_left' && { email: 'a@example.com' }) } }),
      ).toBeTruthy();
  });
});
