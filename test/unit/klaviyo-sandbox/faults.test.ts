import { FAULT_KINDS, type Fault, type FaultRule } from '../../../infra/local/klaviyo/faults';
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
    expect(FAULT_KINDS).toHaveLength(24);
  });
});
