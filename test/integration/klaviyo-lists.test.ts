import { startKlaviyoSandbox } from '../../infra/local/klaviyo/server';
import type { RunningSandbox } from '../../infra/local/klaviyo/server';
import { createKlaviyo } from '../../shared/klaviyo/client';
import type { Klaviyo } from '../../shared/klaviyo/client';
import { findListsNamed, findOrCreateList, readLists } from '../../shared/klaviyo/lists';

let sandbox: RunningSandbox;
let klaviyo: Klaviyo;
beforeAll(async () => {
  sandbox = await startKlaviyoSandbox({ limits: false, processing: 'instant' });
  klaviyo = createKlaviyo({ baseUrl: sandbox.url });
});
afterAll(async () => {
  await klaviyo.close();
  await sandbox.close();
});
afterEach(() => {
  sandbox.sandbox.faults.clear();
  sandbox.sandbox.setOptions({ limits: false });
});

const { signal } = new AbortController();
const client = (apiKey = 'pk_sandbox_full') => klaviyo.client({ apiKey });
const make = (name: string) => findOrCreateList(client(), name, { signal, random: () => 0 });
const named = async (name: string): Promise<number> => {
  let count = 0;
  for await (const list of readLists(client(), { signal })) if (list.name === name) count += 1;
  return count;
};
const addLists = (...names: string[]) =>
  fetch(`${sandbox.url}/_sandbox/accounts`, {
    method: 'POST',
    body: JSON.stringify({ id: 'SANDBX', lists: names.map((name) => ({ name })) }),
  });
const callsDuring = async (work: () => Promise<unknown>): Promise<string[]> => {
  sandbox.sandbox.requests.clear();
  await work();
  return sandbox.sandbox.requests.entries().map(({ method, path }) => `${method} ${path}`);
};

describe('a list by its name', () => {
  it('is made once, however often it is asked for', async () => {
    const first = await make('Spring offers');
    expect(first).toMatchObject({ name: 'Spring offers', created: true });
    expect(await make('Spring offers')).toEqual({ ...first, created: false });
    expect(await named('Spring offers')).toBe(1);
  });

  it('is found on whatever page it stands, by one call', async () => {
    await addLists(...Array.from({ length: 25 }, (_, index) => `Page filler ${index}`), 'The last one');
    const calls = await callsDuring(async () => {
      expect(await findListsNamed(client(), 'The last one', { signal })).toHaveLength(1);
    });
    expect(calls).toEqual(['GET /api/lists']);
  });

  it('means exactly this name', async () => {
    await addLists('Summer', 'summer offers');
    expect(await findListsNamed(client(), 'Summer offers', { signal })).toEqual([]);
  });

  it.each(['The “best” of "all"', "Ada's list", 'back\\slash', 'comma, bracket) and [more', '50 % + 1 & co #1', '日本 🎉'])(
    'may be %s',
    async (name) => {
      const { id } = await make(name);
      expect(await make(name)).toMatchObject({ id, name, created: false });
    },
  );

  it.each(['reset_after_admission', 'truncated_json'])('is looked for, not made again, when the answer is lost (%s)', async (kind) => {
    sandbox.sandbox.faults.add({ endpoint: 'POST /api/lists', fault: { kind } as never });
    const name = `Lost answer ${kind}`;
    expect(await make(name)).toMatchObject({ name, created: true });
    expect(await named(name)).toBe(1);
  });

  it.each(['error_503', 'reset_before', 'html_502', 'html_403'])('is asked for again after %s', async (kind) => {
    sandbox.sandbox.faults.add({ endpoint: 'POST /api/lists', fault: { kind } as never });
    const name = `After ${kind}`;
    expect(await make(name)).toMatchObject({ name, created: true });
    expect(await named(name)).toBe(1);
  });

  it('is the same for two who ask at once', async () => {
    const both = await Promise.all([make('At once'), make('At once')]);
    expect(new Set(both.map(({ id }) => id)).size).toBe(1);
    expect((await make('At once')).id).toBe(both[0].id);
  });

  it('is refused with the day’s quota as reason once 150 were made', async () => {
    sandbox.sandbox.faults.add({ endpoint: 'POST /api/lists', count: 9, fault: { kind: 'rate_limited', retryAfter: 40_000 } });
    const calls = await callsDuring(async () => {
      await expect(make('One too many')).rejects.toMatchObject({
        code: 'list_quota_used',
        retryable: true,
        status: 429,
        message: expect.stringContaining('150 lists a day') as string,
      });
    });
    expect(calls.filter((call) => call.startsWith('POST'))).toHaveLength(1);
  });

  it('needs lists:write, and says so', async () => {
    await expect(findOrCreateList(client('pk_sandbox_no_lists_write'), 'Not mine', { signal })).rejects.toMatchObject({
      code: 'scope_missing',
      message: expect.stringContaining('lists:write') as string,
    });
  });

  it('that exists is found without the right to write', async () => {
    await make('Already there');
    expect(await findOrCreateList(client('pk_sandbox_no_lists_write'), 'Already there', { signal })).toMatchObject({ created: false });
  });
});
