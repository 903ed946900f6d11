import { aProfile, aSandbox, JOBS, people } from './harness';

describe('job reads', () => {
  it('4.25 answers 404 Invalid job id to an unknown, an expired and another account’s job', () => {
    const { get, importProfiles, wait, sandbox, now } = aSandbox();
    sandbox.addAccount({ id: 'OTHERX', keys: [{ key: 'pk_other' }] }, now());
    const { id } = importProfiles(people(1)).document.data;
    const error = { status: 404, document: { errors: [{ code: 'not_found', detail: 'Invalid job id', source: { pointer: '/data/' } }] } };
    for (const part of ['', '/import-errors', '/profiles', '/relationships/profiles', '/lists', '/relationships/lists'])
      expect(get(`${JOBS}/nope${part}`)).toMatchObject(error);
    expect(get(`${JOBS}/${id}`, { key: 'pk_other' })).toMatchObject(error);
    expect(get(`${JOBS}/${id}`).status).toBe(200);
    wait(7 * 86_400_000);
    expect(get(`${JOBS}/${id}`)).toMatchObject(error);
    expect(get(JOBS).document.data).toEqual([]);
  });

  it.each([
    [JOBS, 0],
    [JOBS, 101],
    [JOBS, 'x'],
    ['/api/lists', 11],
    ['/api/lists/LIST5K/profiles', 101],
    ['/api/lists/LIST5K/relationships/profiles', 101],
    ['/api/profiles', 101],
  ])('4.26 refuses %s with page[size]=%s', (url, size) => {
    const answer = aSandbox().get(`${url}?page[size]=${size}`);
    expect(answer).toMatchObject({ status: 400, document: { errors: [{ code: 'invalid', source: { parameter: 'page[size]' } }] } });
  });

  it('4.26 gives 20 entries a page, lists 10', () => {
    const { get, importProfiles, sandbox, now } = aSandbox({ processing: 'instant' });
    sandbox.addAccount({ id: 'SANDBX', lists: Array.from({ length: 12 }, (_, at) => ({ name: `List ${at}` })) }, now());
    importProfiles(people(25));
    expect(get('/api/lists/LIST5K/profiles').document.data).toHaveLength(20);
    expect(get('/api/profiles').document.data).toHaveLength(20);
    expect(get('/api/lists').document.data).toHaveLength(10);
  });

  it.each([
    [`${JOBS}?filter=equals(total_count,3)`, 'filter'],
    [`${JOBS}?filter=equals(status,"cancelled")`, 'filter'],
    [`${JOBS}?filter=contains(status,"queued")`, 'filter'],
    [`${JOBS}?filter=any(status,["queued"`, 'filter'],
    [`${JOBS}?sort=status`, 'sort'],
    [`${JOBS}?include=lists`, 'include'],
    [`${JOBS}?fields[profile-bulk-import-job]=colour`, 'fields[profile-bulk-import-job]'],
    [`${JOBS}?fields[list]=name`, 'fields[list]'],
    [`${JOBS}?page[number]=2`, 'page[number]'],
    ['/api/lists/LIST5K?include=profiless', 'include'],
    ['/api/lists/LIST5K?additional-fields[list]=members', 'additional-fields[list]'],
    ['/api/lists/LIST5K/profiles?filter=equals(external_id,"1")', 'filter'],
    ['/api/lists/LIST5K/profiles?filter=greater-than(joined_group_at,soon)', 'filter'],
    ['/api/profiles?filter=any(email,[])', 'filter'],
  ])('4.27 refuses %s naming %s', (url, parameter) => {
    const { importProfiles, get } = aSandbox({ processing: 'instant' });
    importProfiles(people(1));
    expect(get(url)).toMatchObject({ status: 400, document: { errors: [{ source: { parameter } }] } });
  });

  it('4.27 takes the fields of included flows that the published document names, and no other', () => {
    const { get } = aSandbox();
    expect(get('/api/lists?fields[flow]=archived,created,id,name,status,trigger_type,updated').status).toBe(200);
    expect(get('/api/lists?fields[flow]=colour').document.errors[0]!.source).toEqual({ parameter: 'fields[flow]' });
  });

  it('4.27 filters jobs by status and sorts them by creation', () => {
    const { get, importProfiles, wait } = aSandbox();
    const first = importProfiles(people(1)).document.data.id;
    wait(5000);
    const second = importProfiles(people(1)).document.data.id;
    const ids = (url: string) => get(url).document.data.map(({ id }: { id: string }) => id);
    expect(ids(`${JOBS}?filter=any(status,["queued","processing"])`)).toEqual([second]);
    expect(ids(`${JOBS}?filter=equals(status,"complete")`)).toEqual([first]);
    expect(ids(`${JOBS}?sort=created_at`)).toEqual([first, second]);
    expect(ids(`${JOBS}?sort=-created_at`)).toEqual([second, first]);
  });

  it('4.27 gives only the fields asked for, and included lists', () => {
    const { get, importProfiles } = aSandbox();
    const { id } = importProfiles(people(1)).document.data;
    const { document } = get(`${JOBS}/${id}?fields[profile-bulk-import-job]=status&include=lists`);
    expect(document.data.attributes).toEqual({ status: 'queued' });
    expect(document.included).toMatchObject([{ type: 'list', id: 'LIST5K' }]);
  });

  it.each([
    [JOBS, 'jobs'],
    ['/api/lists/LIST5K/profiles', 'members'],
    ['/api/lists/LIST5K/profiles?sort=-joined_group_at', 'members'],
    ['/api/lists/LIST5K/relationships/profiles', 'members'],
    ['/api/lists/LIST5K/relationships/profiles?filter=greater-or-equal(joined_group_at,2026-11-23T00:00:00Z)', 'members'],
    ['/api/profiles', 'members'],
    ['/api/profiles?sort=-email', 'members'],
  ])('4.28 pages %s by absolute links with an opaque cursor to a null', (url) => {
    const { get, importProfiles, wait } = aSandbox({ processing: 'instant' });
    for (let job = 0; job < 5; job += 1) {
      importProfiles(people(1, job));
      wait(1000);
    }
    const seen: string[] = [];
    let pages = 0;
    let next: string | null = `${url}${url.includes('?') ? '&' : '?'}page[size]=2`;
    while (next !== null) {
      const { status, document } = get(next.replace('http://sandbox.test', ''));
      expect(status).toBe(200);
      seen.push(...document.data.map(({ id }: { id: string }) => id));
      next = document.links.next;
      if (next !== null) expect(next).toMatch(/^http:\/\/sandbox\.test\/api\/.*page%5Bcursor%5D=[\w-]+/);
      pages += 1;
    }
    expect([pages, new Set(seen).size, seen.length]).toEqual([3, 5, 5]);
  });

  it('4.28 pages import errors, whose payload may be null', () => {
    const { get, importProfiles, sandbox } = aSandbox({ processing: 'instant' });
    sandbox.faults.add({ endpoint: `POST ${JOBS}`, fault: { kind: 'row_errors', probability: 1, payloadNull: true } });
    const { id } = importProfiles(people(5)).document.data;
    const { document } = get(`${JOBS}/${id}/import-errors?page[size]=3`);
    expect(document.data).toHaveLength(3);
    expect(document.data[0].attributes).toMatchObject({ code: 'invalid', title: 'Invalid input', original_payload: null });
    expect(get(document.links.next!.replace('http://sandbox.test', '')).document).toMatchObject({ data: [{}, {}], links: { next: null } });
  });

  it('4.28 refuses a junk cursor', () => {
    expect(aSandbox().get(`${JOBS}?page[cursor]=abc`)).toMatchObject({
      status: 400,
      document: { errors: [{ source: { parameter: 'page[cursor]' } }] },
    });
  });

  it('4.29 writes instants now with, now without microseconds, and adds what the schema does not know', () => {
    const { get, importProfiles } = aSandbox({ processing: 'instant' });
    importProfiles([aProfile('a@example.com')]);
    const stamps = [get('/api/profiles'), get('/api/profiles')].map(({ document }) => document.data[0].attributes.created as string);
    expect(stamps.map((stamp) => stamp.length).sort()).toEqual([25, 32]);
    expect(get('/api/profiles').document.data[0].attributes).toHaveProperty('anonymous_id');
    expect(get('/api/lists').document.meta).toEqual({ agent_hints: { next_steps: [] } });
    expect(get('/api/lists/NOPE').document.errors[0]).not.toHaveProperty('links');
    expect(get('/api/lists?sort=x').document.errors[0]).toMatchObject({ links: {}, meta: {} });
  });
});

describe('lists', () => {
  it('4.30 names the id of an unknown list', () => {
    const { status, document } = aSandbox().get('/api/lists/NOPE01');
    expect([status, document.errors[0]!.detail]).toEqual([404, 'A list with id `NOPE01` does not exist.']);
  });

  it('4.30 gives profile_count only when asked', () => {
    const { get, importProfiles } = aSandbox({ processing: 'instant' });
    importProfiles(people(3));
    expect(get('/api/lists/LIST5K').document.data.attributes).toEqual({
      ...{ name: 'Newsletter', opt_in_process: 'single_opt_in', created: expect.any(String), updated: expect.any(String) },
    });
    expect(get('/api/lists/LIST5K?additional-fields[list]=profile_count').document.data.attributes.profile_count).toBe(3);
  });

  it('4.30 finds members by e-mail and by joined range', () => {
    const { get, importProfiles, wait } = aSandbox({ processing: 'instant' });
    importProfiles(people(3));
    wait(60_000);
    importProfiles(people(3, 10));
    importProfiles(people(1, 90), []);
    const count = (filter: string) => get(`/api/lists/LIST5K/relationships/profiles?filter=${filter}`).document.data.length;
    expect(count('any(email,["PERSON1@example.com","person90@example.com","nobody@example.com"])')).toBe(1);
    expect(count('greater-than(joined_group_at,2026-11-23T10:00:30Z)')).toBe(3);
    expect(count('less-than(joined_group_at,2026-11-23T10:00:30%2B00:00)')).toBe(3);
    expect(count('and(greater-or-equal(joined_group_at,2026-11-23T10:00:00Z),less-or-equal(joined_group_at,2026-11-23T10:00:00Z))')).toBe(
      3,
    );
  });
});
