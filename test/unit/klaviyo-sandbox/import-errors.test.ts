import { gzipSync } from 'node:zlib';
import type { Fault } from '../../../infra/local/klaviyo/faults';
import { aProfile, aSandbox, anImport, JOBS, people } from './harness';

const P = '/data/attributes/profiles';
const world = (options = {}) => {
  const klaviyo = aSandbox({ processing: 'instant', limits: false, ...options });
  const { get, importProfiles, sandbox } = klaviyo;
  const fault = (given: Fault) => sandbox.faults.add({ endpoint: `POST ${JOBS}`, fault: given });
  const run = (profiles: readonly unknown[], lists: readonly string[] = ['LIST5K']) => {
    const { id } = importProfiles(profiles, lists).document.data as { id: string };
    const errors = get(`${JOBS}/${id}/import-errors?page[size]=100`).document.data as { id: string; attributes: Record<string, unknown> }[];
    return { id, errors, job: get(`${JOBS}/${id}`).document.data.attributes as Record<string, unknown> };
  };
  return { ...klaviyo, fault, run };
};
/** A profile whose JSON has so many bytes. */
const ofBytes = (bytes: number) => {
  const make = (pad: number) => aProfile('big@example.com', { properties: { pad: 'x'.repeat(pad) } });
  return make(bytes - Buffer.byteLength(JSON.stringify(make(0))));
};
const named = (names: readonly string[], value: unknown) =>
  aProfile('big@example.com', { properties: Object.fromEntries(names.map((name) => [name, value])) });
const LETTERS = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'];
const TWO = LETTERS.flatMap((one) => LETTERS.map((two) => `${one}${two}`));

describe('an import error', () => {
  it.each([
    ['100,000 bytes', ofBytes(100_000), 0],
    ['100,001 bytes', ofBytes(100_001), 1],
    ['20,000 letters, whose JSON could be longer but is not', ofBytes(20_000), 0],
    ['many numbers under short names', named(TWO, -1.234567890123456e-300), 1],
    [
      'long names',
      named(
        Array.from({ length: 101 }, (_, at) => `${at}${'n'.repeat(1_000)}`),
        1,
      ),
      1,
    ],
  ])('4.17 comes of a profile of %s or not', (_, profile, failed) => {
    expect(world().run([profile]).job).toMatchObject({ status: 'complete', failed_count: failed, completed_count: 1 - failed });
  });

  it('4.17 4.21 4.24 says why, in a code and in words', () => {
    const { run, fault } = world();
    run([aProfile('a@example.com'), aProfile('b@example.com', { phone_number: '+15005550006' })]);
    const said = (profile: unknown) => run([profile]).errors[0]!.attributes;
    expect(said(ofBytes(100_001))).toMatchObject({
      code: 'payload_too_large',
      title: 'Invalid input',
      detail: 'Profile exceeds the maximum size of 100KB.',
    });
    expect(said(aProfile('a@example.com', { phone_number: '+15005550006' }))).toMatchObject({
      code: 'duplicate_profile',
      detail: 'A profile already exists with one of these identifiers.',
    });
    expect(said({ type: 'profile', id: '01M85D775K27550DY2ABWHMHX6', attributes: {} })).toMatchObject({
      code: 'invalid',
      detail: 'A profile with id 01M85D775K27550DY2ABWHMHX6 does not exist.',
    });
    fault({ kind: 'row_errors', probability: 1 });
    expect(said(aProfile('c@example.com'))).toMatchObject({ code: 'invalid', detail: 'Refused by the fault plan.' });
  });

  it('4.28 has an id of its own, the same one whenever it is read', () => {
    const { run, fault, get } = world();
    fault({ kind: 'row_errors', probability: 1 });
    const { id, errors } = run(people(20));
    expect(new Set(errors.map((error) => error.id)).size).toBe(20);
    const again = get(`${JOBS}/${id}/import-errors`).document;
    expect(again.data.map((error: { id: string }) => error.id)).toEqual(errors.map((error) => error.id));
    expect(again.links.next).toBeNull(); // a page that is just full is the last one
  });

  it('4.24 hits other rows with another seed', () => {
    const hit = (seed?: number) => {
      const { run, fault } = world();
      fault({ kind: 'row_errors', probability: 0.3, ...(seed !== undefined && { seed }) });
      return run(people(60))
        .errors.map(({ attributes }) => JSON.stringify(attributes['original_payload']))
        .sort();
    };
    expect(hit(4)).toEqual(hit(4));
    expect(hit(4)).not.toEqual(hit(5));
    expect(hit()).toEqual(hit());
    expect(hit()).not.toEqual(hit(5));
  });
});

describe('an import request', () => {
  it('4.12 4.19 without lists makes a job without lists', () => {
    const { post, members } = world();
    const { data } = anImport(people(2), []);
    for (const relationships of [undefined, {}]) {
      const { status, document } = post(JOBS, { data: { ...data, relationships } });
      expect([status, document.data.relationships.lists.data]).toEqual([202, []]);
    }
    expect(members()).toEqual([]);
  });

  it.each([
    [{ list: { data: [] } }],
    [{ lists: { data: [{ type: 'list', id: 'LIST5K' }, { type: 'list' }] } }],
    [{ lists: { data: ['LIST5K'] } }],
    [{ lists: null }],
    ['LIST5K'],
    [[]],
  ])('4.13 refuses the relationships %j, also when only one entry is wrong', (relationships) => {
    const { data } = anImport(people(1), []);
    expect(world().post(JOBS, { data: { ...data, relationships } })).toMatchObject({
      status: 400,
      document: {
        errors: [{ detail: "'lists' must be {data: [{type: 'list', id}]}.", source: { pointer: '/data/relationships/lists' } }],
      },
    });
  });

  it('4.16 4.24 names a row once, however many reasons there are', () => {
    const { importProfiles, fault } = world();
    fault({ kind: 'bad_row_admission', indexes: [0, 1] });
    const { document } = importProfiles([aProfile('x'), aProfile('a@example.com'), aProfile('b@example.com')]);
    expect(document.errors.map(({ source }) => source.pointer)).toEqual([`${P}/data/0/attributes/email`, `${P}/data/1/attributes/email`]);
  });

  it('4.8 points at /data when the gzip is none', () => {
    const { call } = world();
    const sent = (body: Buffer) => call('POST', JOBS, { body, headers: { 'content-encoding': 'gzip' } });
    expect(sent(Buffer.from('no gzip')).document.errors[0]).toMatchObject({ detail: 'JSON parse error', source: { pointer: '/data' } });
    expect(sent(gzipSync('{')).document.errors[0]).toMatchObject({ detail: 'JSON parse error', source: { pointer: '/data' } });
  });

  it('4.5 4.20 makes its people of a body that came as gzip', () => {
    const { call, members } = world();
    const body = gzipSync(JSON.stringify(anImport(people(2))));
    expect(call('POST', JOBS, { body, headers: { 'content-encoding': 'gzip' } }).status).toBe(202);
    expect(members()).toEqual(['person0@example.com', 'person1@example.com']);
  });

  it('4.6 answers 501 to patch_identifiers in whichever part of it something stands', () => {
    const meta = { patch_identifiers: { append: {}, unappend: { email: ['b@example.com'] } } };
    expect(world().importProfiles([{ ...aProfile('a@example.com'), meta }]).status).toBe(501);
  });

  it('4.19 has started nothing when it is answered, even where a job need not wait', () => {
    const { importProfiles, sandbox } = world({ processing: { startDelayMs: 0 } });
    importProfiles(people(3));
    expect([...sandbox.state.accounts.get('SANDBX')!.jobs.values()].map(({ status }) => status)).toEqual(['queued']);
  });

  it('4.19 is known by an id of the observed form: base64url of account, second and number', () => {
    const { importProfiles } = world();
    const ids = [1, 2].map(() => Buffer.from(importProfiles(people(1)).document.data.id as string, 'base64url').toString());
    expect(ids).toEqual(
      [1, 2].map((number) => expect.stringMatching(new RegExp(`^\\w{6}:maintenance\\.SANDBX\\.1795428000\\.${number}\\.\\w{4}$`))),
    );
  });
});

describe('a job', () => {
  it('4.25 whose list is deleted in the meantime still makes its people', () => {
    const { importProfiles, call, wait, get, sandbox } = world({ processing: { startDelayMs: 1000 } });
    const { id } = importProfiles(people(3), ['LIST5K', 'LIS25K']).document.data;
    expect(call('DELETE', '/api/lists/LIST5K').status).toBe(204);
    wait(5000);
    const { data, included } = get(`${JOBS}/${id}?include=lists`).document;
    expect(data.attributes).toMatchObject({ status: 'complete', completed_count: 3 });
    expect(included!.map((list) => list.id)).toEqual(['LIS25K']);
    expect(get(`${JOBS}/${id}/lists`).document.data.map((list: { id: string }) => list.id)).toEqual(['LIS25K']);
    expect(sandbox.state.accounts.get('SANDBX')!.lists.get('LIS25K')!.members.count()).toBe(3);
  });

  it('4.27 is not found by the status cancelled, with the ones that there are', () => {
    expect(world().get(`${JOBS}?filter=equals(status,"cancelled")`).document.errors).toMatchObject([
      {
        ...{ status: 400, code: 'invalid', title: 'Invalid input.', source: { parameter: 'filter' } },
        detail: "'cancelled' is not a valid status. Choices are queued, processing, complete",
      },
    ]);
  });

  it.each(['created_at', '-created_at'])('4.28 is on one page by %s, whatever is added in between', (sort) => {
    const { importProfiles, get, wait } = world();
    const add = () => {
      wait(1000);
      return importProfiles(people(1)).document.data.id as string;
    };
    const ids = [add(), add(), add(), add(), add(), add()];
    const page = (url: string) => {
      const { data, links } = get(url.replace('http://sandbox.test', '')).document;
      return { ids: (data as { id: string }[]).map(({ id }) => id), next: links.next };
    };
    const first = page(`${JOBS}?sort=${sort}&page[size]=3`);
    if (sort === '-created_at') add();
    const second = page(first.next!);
    expect([...first.ids, ...second.ids]).toEqual(sort === 'created_at' ? ids : [...ids].reverse());
    expect(second.next).toBeNull();
  });
});
