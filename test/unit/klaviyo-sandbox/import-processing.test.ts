import { createSandbox } from '../../../infra/local/klaviyo/core';
import { aLog, aProfile, aSandbox, JOBS, people, START_MS } from './harness';

const jobOf = ({ get }: ReturnType<typeof aSandbox>, id: string) => get(`${JOBS}/${id}`).document.data.attributes;
const profileOf = ({ get }: ReturnType<typeof aSandbox>, email: string) =>
  get(`/api/profiles?filter=equals(email,"${email}")&additional-fields[profile]=subscriptions`).document.data[0];

describe('import processing', () => {
  it('4.17 admits a profile of more than 100,000 bytes and fails its row', () => {
    const klaviyo = aSandbox();
    const { importProfiles, wait, get, members } = klaviyo;
    const { status, document } = importProfiles([...people(2), aProfile('big@example.com', { properties: { text: 'x'.repeat(100_000) } })]);
    expect(status).toBe(202);
    wait(5000);
    expect(jobOf(klaviyo, document.data.id)).toMatchObject({ status: 'complete', completed_count: 2, failed_count: 1 });
    const [error] = get(`${JOBS}/${document.data.id}/import-errors`).document.data;
    expect(error).toMatchObject({ type: 'import-error', attributes: { original_payload: { attributes: { email: 'big@example.com' } } } });
    expect(members()).toHaveLength(2);
  });

  it('4.18 ignores null and honours unset, append and unappend', () => {
    const klaviyo = aSandbox();
    const { importProfiles, wait } = klaviyo;
    importProfiles([
      aProfile('a@example.com', { first_name: 'Ada', location: { city: 'Paris' }, properties: { plan: 'gold', tags: ['x'], old: 1 } }),
    ]);
    wait(5000);
    const meta = { patch_properties: { unset: ['old'], append: { tags: ['y', 'z'] }, unappend: { tags: 'x' } } };
    importProfiles([
      { ...aProfile('A@Example.com', { first_name: null, location: { city: null, zip: '1' }, properties: { plan: null } }), meta },
    ]);
    wait(5000);
    expect(profileOf(klaviyo, 'a@example.com').attributes).toMatchObject({
      ...{ first_name: 'Ada', location: { city: 'Paris', zip: '1' } },
      properties: { plan: 'gold', tags: ['y', 'z'] },
    });
    expect(profileOf(klaviyo, 'a@example.com').attributes.properties).not.toHaveProperty('old');
  });

  it('4.20 goes from queued through processing to complete only with time, its rows in shuffled order', () => {
    const klaviyo = aSandbox({ processing: { rowsPerSecond: 1000, startDelayMs: 300 } });
    const { importProfiles, wait, members } = klaviyo;
    const { id } = importProfiles(people(2000)).document.data;
    wait(299);
    expect(jobOf(klaviyo, id)).toMatchObject({ status: 'queued', started_at: null });
    wait(501);
    const half = jobOf(klaviyo, id);
    expect(half).toMatchObject({ status: 'processing', completed_count: 500, completed_at: null });
    expect(half.started_at).not.toBeNull();
    expect(members()).toHaveLength(500);
    expect(members()).not.toEqual(
      people(500)
        .map(({ attributes }) => attributes.email)
        .sort(),
    );
    wait(1499);
    expect(jobOf(klaviyo, id).status).toBe('processing');
    wait(2);
    expect(jobOf(klaviyo, id)).toMatchObject({ status: 'complete', completed_count: 2000, failed_count: 0 });
    expect(members()).toHaveLength(2000);
  });

  it('4.20 shares the speed of an account between its jobs', () => {
    const { importProfiles, wait, sandbox } = aSandbox({ processing: { rowsPerSecond: 1000, startDelayMs: 0, concurrentJobs: 2 } });
    for (const from of [0, 1000, 2000]) importProfiles(people(1000, from));
    wait(1000);
    const jobs = [...sandbox.state.accounts.get('SANDBX')!.jobs.values()];
    expect(jobs.map(({ taken }) => taken)).toEqual([500, 500, 0]);
    wait(2000);
    expect(jobs.map(({ status }) => status)).toEqual(['complete', 'complete', 'complete']);
  });

  it('4.20 gives each profile a ULID, also when it was made between two milliseconds', () => {
    const { importProfiles, wait, get } = aSandbox({ processing: { rowsPerSecond: 3333 } });
    importProfiles(people(20));
    wait(400);
    const ids = get('/api/lists/LIST5K/profiles').document.data.map(({ id }: { id: string }) => id) as string[];
    expect(ids).toHaveLength(20);
    for (const id of ids) expect([id, get(`/api/profiles/${id}`).status]).toEqual([expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/), 200]);
  });

  it('4.20 takes so many jobs in hand a second as it is told', () => {
    const { importProfiles, wait, get } = aSandbox({ processing: { jobsPerSecond: 2, concurrentJobs: 9, startDelayMs: 0 } });
    for (let at = 0; at < 5; at += 1) importProfiles(people(1, at));
    const done = () =>
      get(JOBS).document.data.filter((job: { attributes: { status: string } }) => job.attributes.status === 'complete').length;
    const counts = [400, 500, 500, 500, 500].map((ms) => {
      wait(ms);
      return done();
    });
    expect(counts).toEqual([1, 2, 3, 4, 5]);
  });

  it('4.20 takes jobs in hand in another order than they came in, the same one for the same seed', () => {
    const orderOf = (seed: number) => {
      const { importProfiles, wait, get } = aSandbox({ seed, limits: false, processing: { jobsPerSecond: 10, concurrentJobs: 1 } });
      const ids = Array.from({ length: 8 }, (_, at) => importProfiles(people(1, at)).document.data.id as string);
      const order: number[] = [];
      for (let tick = 0; tick < 30; tick += 1) {
        wait(50);
        const complete = get(`${JOBS}?filter=equals(status,"complete")`).document.data.map(({ id }: { id: string }) =>
          ids.indexOf(id),
        ) as number[];
        order.push(...complete.filter((at) => !order.includes(at)));
      }
      return order;
    };
    const order = orderOf(3);
    expect([...order].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(order).not.toEqual([...order].sort());
    expect(orderOf(3)).toEqual(order);
    expect(orderOf(4)).not.toEqual(order);
  });

  it('4.20 completes at once when told to be instant', () => {
    const { importProfiles, members } = aSandbox({ processing: 'instant' });
    expect(importProfiles(people(300)).document.data.attributes).toMatchObject({ status: 'queued', completed_count: 0 });
    expect(members()).toHaveLength(300);
  });

  it('4.21 matches by e-mail without case, by phone, by external id and by id', () => {
    const klaviyo = aSandbox({ processing: 'instant' });
    const { importProfiles, sandbox } = klaviyo;
    importProfiles([aProfile('a@example.com', { phone_number: '+15005550006', external_id: 'c-1' })]);
    const { id } = profileOf(klaviyo, 'a@example.com');
    const rows = [
      aProfile('A@EXAMPLE.com', { title: '1' }),
      aProfile(undefined, { phone_number: '+15005550006', organization: '2' }),
      aProfile(undefined, { external_id: 'c-1', locale: '3' }),
      { type: 'profile', id, attributes: { last_name: '4' } },
    ];
    for (const row of rows) importProfiles([row]);
    expect(sandbox.state.accounts.get('SANDBX')!.profiles.count()).toBe(1);
    expect(profileOf(klaviyo, 'a@example.com').attributes).toMatchObject({ title: '1', organization: '2', locale: '3', last_name: '4' });
  });

  it('4.21 keeps one survivor of the duplicates in a job', () => {
    const klaviyo = aSandbox({ processing: 'instant' });
    const { id } = klaviyo.importProfiles([aProfile('a@example.com'), aProfile('A@example.com'), aProfile('b@example.com')]).document.data;
    expect(klaviyo.members()).toEqual(['a@example.com', 'b@example.com']);
    expect(jobOf(klaviyo, id)).toMatchObject({ status: 'complete', total_count: 3, completed_count: 2, failed_count: 0 });
  });

  it('4.21 fails a row whose identifiers belong to two profiles', () => {
    const klaviyo = aSandbox({ processing: 'instant' });
    klaviyo.importProfiles([aProfile('a@example.com'), aProfile('b@example.com', { phone_number: '+15005550006' })]);
    const { id } = klaviyo.importProfiles([aProfile('a@example.com', { phone_number: '+15005550006' })]).document.data;
    expect(jobOf(klaviyo, id)).toMatchObject({ status: 'complete', completed_count: 0, failed_count: 1 });
    const [error] = klaviyo.get(`${JOBS}/${id}/import-errors`).document.data;
    expect(error.attributes.detail).toBe('A profile already exists with one of these identifiers.');
  });

  it('4.22 keeps consent, suppression and the first joined time', () => {
    const klaviyo = aSandbox({ processing: 'instant' });
    const { importProfiles, wait, get, sandbox } = klaviyo;
    importProfiles([aProfile('a@example.com')]);
    const marketing = () => profileOf(klaviyo, 'a@example.com').attributes.subscriptions.email.marketing;
    const joined = () => Date.parse(get('/api/lists/LIST5K/profiles').document.data[0].attributes.joined_group_at);
    expect(marketing().consent).toBe('NEVER_SUBSCRIBED');
    const { profiles } = sandbox.state.accounts.get('SANDBX')!;
    profiles.setConsent(0, 'UNSUBSCRIBED');
    profiles.setSuppressed(0, true);
    const first = joined();
    wait(60_000);
    importProfiles([aProfile('a@example.com', { first_name: 'Ada' })]);
    expect(marketing()).toMatchObject({ consent: 'UNSUBSCRIBED', can_receive_email_marketing: false });
    expect(profiles.isSuppressed(0)).toBe(true);
    expect(joined()).toBe(first);
  });

  it('4.23 makes two jobs of the same body, with the same final state', () => {
    const { importProfiles, members, sandbox } = aSandbox({ processing: 'instant' });
    const ids = [importProfiles(people(50)), importProfiles(people(50))].map(({ document }) => document.data.id);
    expect(new Set(ids).size).toBe(2);
    expect(members()).toHaveLength(50);
    expect(sandbox.state.accounts.get('SANDBX')!.profiles.count()).toBe(50);
  });

  it('replays its journal into the same state and goes on with open jobs', () => {
    const log = aLog();
    const before = aSandbox({ processing: { rowsPerSecond: 1000, startDelayMs: 0 } }, log);
    before.importProfiles(people(1000));
    before.wait(400);
    const { profiles, lists } = before.sandbox.state.accounts.get('SANDBX')!;
    const after = createSandbox({ processing: { rowsPerSecond: 1000, startDelayMs: 0 } }, START_MS + 400, log);
    const again = after.state.accounts.get('SANDBX')!;
    expect(again.profiles.count()).toBe(400);
    expect(again.profiles.idOf(17)).toBe(profiles.idOf(17));
    expect(again.lists.get('LIST5K')!.members.joinedAt(17)).toBe(lists.get('LIST5K')!.members.joinedAt(17));
    after.advance(START_MS + 1001);
    expect(again.lists.get('LIST5K')!.members.count()).toBe(1000);
    expect(again.open).toEqual([]);
  });
});
