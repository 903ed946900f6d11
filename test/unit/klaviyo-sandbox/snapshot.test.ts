import fc from 'fast-check';
import { describeState } from '../../../infra/local/klaviyo/control';
import type { Op } from '../../../infra/local/klaviyo/ops';
import { aLog, aProfile, aSandbox, JOBS } from './harness';

type Klaviyo = ReturnType<typeof aSandbox>;
const OPTIONS = { limits: false, processing: { rowsPerSecond: 100, startDelayMs: 100, concurrentJobs: 2 } };

/** Everything an account can be asked for, without what differs between two answers to the same question. */
const seen = ({ sandbox, get, now }: Klaviyo) => {
  const all = (url: string): unknown[] => {
    const { data, links } = get(url).document;
    return links?.next ? [...data, ...all(links.next.replace('http://sandbox.test', ''))] : data;
  };
  const account = sandbox.state.accounts.get('SANDBX')!;
  const jobs = [...account.jobs.keys()].flatMap((id) => [
    get(`${JOBS}/${id}`).document.data,
    all(`${JOBS}/${id}/import-errors`),
    all(`${JOBS}/${id}/relationships/profiles`),
  ]);
  const { lists, openJobs, profiles, keys } = describeState(sandbox, now()).accounts[0]!;
  const members = lists.map(({ id }) => all(`/api/lists/${id}/profiles?additional-fields[profile]=subscriptions`));
  const text = JSON.stringify([
    profiles,
    keys,
    lists,
    openJobs,
    jobs,
    members,
    all('/api/profiles?additional-fields[profile]=subscriptions'),
  ]);
  return JSON.parse(text.replace(/(\d\d:\d\d:\d\d)(\.\d+)?\+00:00/g, '$1')) as unknown; // 4.29: with and without microseconds
};

const email = (who: number) => `person${who}@example.com`;
const ACTIONS = fc.oneof(
  fc.record({
    kind: fc.constant('import' as const),
    who: fc.array(fc.nat(30), { minLength: 1, maxLength: 30 }),
    list: fc.constantFrom('LIST5K', 'LIS25K'),
    phone: fc.option(fc.nat(20)),
    fault: fc.constantFrom(undefined, 'row_errors' as const, 'job_stuck' as const, 'job_cancelled' as const, 'job_ends_late' as const),
  }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(400) }),
  fc.record({
    kind: fc.constantFrom('leave' as const, 'merge' as const, 'consent' as const, 'suppress' as const),
    who: fc.nat(30),
    other: fc.nat(30),
  }),
  fc.record({ kind: fc.constant('rename' as const), who: fc.nat(30), other: fc.nat(30) }),
  fc.constant({ kind: 'list' as const }),
);
type Action = typeof ACTIONS extends fc.Arbitrary<infer A> ? A : never;

const act = (klaviyo: Klaviyo, action: Action): void => {
  const { sandbox, importProfiles, wait, call, post } = klaviyo;
  const { profiles } = sandbox.state.accounts.get('SANDBX')!;
  const idOf = (who: number): string => {
    const row = profiles.byEmail(email(who));
    return row < 0 ? 'nobody' : profiles.idOf(row);
  };
  if (action.kind === 'wait') return wait(action.ms);
  if (action.kind === 'list') return void post('/api/lists', { data: { type: 'list', attributes: { name: 'New' } } });
  if (action.kind === 'import') {
    const { who, list, phone, fault } = action;
    if (fault)
      sandbox.faults.add({ endpoint: `POST ${JOBS}`, fault: fault === 'row_errors' ? { kind: fault, probability: 0.3 } : { kind: fault } });
    const number = phone === null ? {} : { phone_number: `+1500555${1000 + phone}`, external_id: `c-${phone}` };
    return void importProfiles(
      who.map((one, at) => aProfile(email(one), { first_name: 'Ada', ...(at === 0 && number) })),
      [list],
    );
  }
  const [id, other] = [idOf(action.who), idOf(action.other)];
  if (action.kind === 'leave') call('DELETE', '/api/lists/LIST5K/relationships/profiles', { json: { data: [{ type: 'profile', id }] } });
  if (action.kind === 'merge' && id !== other)
    post('/api/profile-merge', {
      data: { type: 'profile-merge', id, relationships: { profiles: { data: [{ type: 'profile', id: other }] } } },
    });
  if (action.kind === 'rename')
    call('PATCH', `/api/profiles/${id}`, {
      json: { data: { type: 'profile', id, attributes: { email: email(action.other), phone_number: null } } },
    });
  const row = profiles.byEmail(email(action.who));
  if (row < 0) return;
  if (action.kind === 'consent') profiles.setConsent(row, 'UNSUBSCRIBED');
  if (action.kind === 'suppress') profiles.setSuppressed(row, true);
};

/** Another sandbox that starts from these changes. */
const startedFrom = (entries: { op: Op; body?: Buffer }[], at: Klaviyo): Klaviyo => {
  const copy = aSandbox(OPTIONS, aLog(entries));
  copy.wait(0);
  copy.travel(at.now());
  return copy;
};
const snapshotOf = (klaviyo: Klaviyo): { op: Op; body?: Buffer }[] => {
  const log = aLog();
  for (const { op, body } of klaviyo.sandbox.snapshot(klaviyo.now())) log.write(op, body && Buffer.from(body));
  return log.entries;
};

describe('snapshot', () => {
  it('holds what the sandbox holds, and it goes on from there alike', () => {
    fc.assert(
      fc.property(fc.array(ACTIONS, { maxLength: 25 }), (actions) => {
        const original = aSandbox(OPTIONS);
        for (const action of actions) act(original, action);
        const copy = startedFrom(snapshotOf(original), original);
        expect(seen(copy)).toEqual(seen(original));
        for (const klaviyo of [original, copy]) {
          klaviyo.wait(7_200_000);
          act(klaviyo, { kind: 'import', who: [1, 2, 40], list: 'LIS25K', phone: null, fault: undefined });
          klaviyo.wait(1000);
        }
        const lately = ({ sandbox, members }: Klaviyo) => {
          const { profiles, jobs } = sandbox.state.accounts.get('SANDBX')!;
          const ends = [...jobs.values()].map(({ status, completed, errors }) => [status, completed, errors.length]);
          return [members('LIST5K'), members('LIS25K'), profiles.count(), ends];
        };
        expect(lately(copy)).toEqual(lately(original));
      }),
      { numRuns: 60 },
    );
  });

  it('4.21 counts a person once a job, whatever other job comes in between and whenever it is read back', () => {
    for (const wait of [0, 100, 110, 120, 130]) {
      const original = aSandbox(OPTIONS);
      for (const count of [1, 2, 3])
        original.importProfiles(
          Array.from({ length: count }, () => aProfile('a@example.com')),
          ['LIST5K'],
        );
      original.wait(wait);
      const copy = startedFrom(snapshotOf(original), original);
      for (const { sandbox, wait: pass } of [original, copy]) {
        pass(7_200_000);
        expect([...sandbox.state.accounts.get('SANDBX')!.jobs.values()].map(({ completed }) => completed)).toEqual([1, 1, 1]);
      }
    }
  });

  it('is the same after it was read back', () => {
    const original = aSandbox(OPTIONS);
    original.importProfiles([aProfile('a@example.com', { phone_number: '+15005550006' })]);
    original.wait(500);
    const entries = snapshotOf(original);
    expect(snapshotOf(startedFrom(entries, original))).toEqual(entries);
  });

  it('leaves out jobs that have expired, but none that is still open', () => {
    const original = aSandbox(OPTIONS);
    original.importProfiles([aProfile('a@example.com')]);
    original.sandbox.faults.add({ endpoint: `POST ${JOBS}`, fault: { kind: 'job_stuck' } });
    original.importProfiles([aProfile('b@example.com'), aProfile('c@example.com')]);
    original.wait(8 * 86_400_000);
    const copy = startedFrom(snapshotOf(original), original);
    expect([...copy.sandbox.state.accounts.get('SANDBX')!.jobs.values()].map(({ status }) => status)).toEqual(['processing']);
    expect(copy.members()).toEqual(original.members());
  });
});
