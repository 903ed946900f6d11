import { createConfigurationClaim } from '../../shared/configuration/claim';
import { createConfiguration } from '../../shared/configuration/configuration';
import { createReadCurrent } from '../../shared/configuration/current';
import { Configuration } from '../../shared/configuration/document';
import type { ConfigurationPlan } from '../../shared/configuration/document';
import { UpstreamError } from '../../shared/errors';
import { aConnection, anExport, createCaller, startApi } from '../support/api';
import type { Api, ApiCall } from '../support/api';
import { createOutsideCalls } from '../support/outside-calls';

/** The configuration as a document: kept in Git, brought from one deployment to another. */
let api: Api;
const { signal } = new AbortController();
const outside = createOutsideCalls();
let asked: string[] = [];
let call: Api['call'];

beforeAll(async () => {
  api = await startApi();
  for (const name of ['klaviyo-news', 'klaviyo-shop']) await api.services.secrets.set(name, 'pk_sandbox_full', { signal });
  await api.services.secrets.set('klaviyo-blind', 'pk_sandbox_no_lists_read', { signal });
  ({ call } = createCaller(api.services, {
    tenantId: api.vault.tenantId,
    around: async (_operation, work) => {
      const { result, calls } = await outside.metered(work);
      asked = calls.map(({ name }) => name);
      return result;
    },
  }));
});
afterAll(async () => {
  outside.close();
  await api.close();
});

type Draft = Omit<Configuration, 'settings' | 'connections' | 'exports'> &
  Partial<Pick<Configuration, 'settings'>> & {
    connections: Record<string, unknown>[];
    exports: Record<string, unknown>[];
  };
const empty: Draft = { version: 1, connections: [], exports: [] };
const read = async () => {
  const { status, json, headers, text } = await call('GET', '/api/configuration');
  expect(status).toBe(200);
  return { document: json as unknown as Draft, etag: headers.get('etag')!, text };
};
const put = async (document: unknown, query = 'dryRun=false', more: ApiCall = {}) => {
  const { status, json, headers, text } = await call('PUT', `/api/configuration?${query}`, { body: document, ...more });
  return { status, plan: json as unknown as ConfigurationPlan, problem: json, etag: headers.get('etag'), text };
};
/** Applied as it is, or the message. */
const applied = async (document: unknown, query?: string): Promise<ConfigurationPlan> => {
  const { status, plan, text } = await put(document, query);
  if (status !== 200) throw new Error(text);
  return plan;
};
const schedule = { active: false, repeat: 'daily' as const, days: [], daysOfMonth: [], times: ['02:00'], timeZone: 'UTC' };
const clear = () => applied({ ...empty, settings: { schedule, limits: {} } }, 'dryRun=false&prune=true');
beforeEach(clear);

const news = { displayName: 'News', secretName: 'klaviyo-news' };
const shop = { displayName: 'Shop', access: 'administratorsAndContributors', secretName: 'klaviyo-shop' };
const agreed = { agreed: true };
const vip = {
  name: 'VIP',
  connection: 'News',
  listId: 'LIST5K',
  segments: ['Loyal'],
  mapping: { email: 'EMail' },
  schedule: { kind: 'off' },
};
const whole: Draft = {
  version: 1,
  settings: { schedule: { ...schedule, times: ['02:30'], timeZone: 'Europe/Paris' } },
  connections: [
    { ...shop, ...agreed },
    { ...news, ...agreed },
  ],
  exports: [
    { ...vip, name: 'Newcomers', connection: 'Shop', segments: ['NewCustomers'], membership: 'mirror', maxProfiles: 5_000, paused: true },
    vip,
  ],
};
const namesOf = (items: readonly { what: string; name: string }[]): string[] => items.map(({ what, name }) => `${what} ${name}`);

describe('a read', () => {
  it('gives everything by names, in an order that does not change, and neither ids nor secrets', async () => {
    await applied(whole);
    const typed = await api.call('POST', '/api/connections', { body: aConnection({ displayName: 'By hand' }) });
    expect(typed.status).toBe(201);
    const { document, text } = await read();
    expect(document.connections).toEqual([
      { displayName: 'By hand', type: 'klaviyo', access: 'administrators', secret: 'managed' },
      { displayName: 'News', type: 'klaviyo', access: 'administrators', secretName: 'klaviyo-news' },
      { displayName: 'Shop', type: 'klaviyo', access: 'administratorsAndContributors', secretName: 'klaviyo-shop' },
    ]);
    expect(document.exports.map(({ name }) => name)).toEqual(['Newcomers', 'VIP']);
    expect(document.exports[1]).toEqual({
      ...{
        name: 'VIP',
        connection: 'News',
        listId: 'LIST5K',
        listName: expect.any(String),
        segments: ['Loyal'],
        mapping: { email: 'EMail' },
      },
      ...{ membership: 'add', schedule: { kind: 'off' }, paused: false, canaryRows: 100 },
    });
    expect(Object.keys(document)).toEqual(['version', 'settings', 'connections', 'exports']);
    expect(text).not.toMatch(/con_|exp_|pk_|klaviyo-[0-9a-f]{32}|connectionId|At"|By"/);
    expect((await read()).text).toBe(text);
  });

  it('has a version that changes with what it says, and only then', async () => {
    await applied(whole);
    const { etag } = await read();
    const [first] = (await call('GET', '/api/exports?search=VIP')).json.value;
    const target = `/api/exports/${String(first!.id)}`;
    const change = async (body: object) => call('PATCH', target, { body, ifMatch: (await call('GET', target)).headers.get('etag')! });
    expect((await change({ canaryRows: 7 })).status).toBe(200);
    expect((await read()).etag).not.toBe(etag);
    expect((await change({ canaryRows: 100 })).status).toBe(200);
    expect((await read()).etag).toBe(etag);
  });

  it('shows a schedule of an earlier version, with a time twice or a zone that is unknown here, and can be put again', async () => {
    await applied(whole);
    const edit = async (
      table: 'exports' | 'settings',
      partition: string,
      row: string,
      change: (document: Record<string, unknown>) => void,
    ) => {
      const { document: text } = await api.services.tables[table].getEntity<{ document: string }>(partition, row);
      const document = JSON.parse(text) as Record<string, unknown>;
      change(document);
      await api.services.tables[table].updateEntity(
        { partitionKey: partition, rowKey: row, document: JSON.stringify(document) },
        'Replace',
      );
    };
    const twice = { repeat: 'weekly', days: ['monday', 'monday'], daysOfMonth: [], times: ['02:30', '02:30'], timeZone: 'UTC' };
    const once = { ...twice, days: ['monday'], times: ['02:30'] };
    for await (const { value } of api.services.exportStore.readAll({ signal })) {
      const isVip = value.name === 'VIP';
      await edit('exports', 'export', value.id, (document) => {
        document.schedule = { kind: 'custom', ...twice, ...(isVip ? {} : { timeZone: 'Atlantis/Capital' }) };
      });
    }
    await edit('settings', 'settings', 'schedule', (document) => Object.assign(document, twice));
    const { document } = await read();
    expect(document.settings!.schedule).toEqual({ active: false, ...once });
    expect(document.exports.map((entry) => entry.schedule)).toEqual([
      { kind: 'custom', ...once, timeZone: 'Atlantis/Capital' },
      { kind: 'custom', ...once },
    ]);
    const known = { ...document, exports: document.exports.slice(1) };
    expect(await applied(known)).toMatchObject({ created: [], changed: [], deleted: [] });
  });

  it('is for administrators', async () => {
    for (const as of ['Contributor', 'Viewer'] as const) {
      expect((await call('GET', '/api/configuration', { as })).status).toBe(403);
      expect((await call('PUT', '/api/configuration', { as, body: whole })).status).toBe(403);
    }
  });
});

describe('a document that is put', () => {
  it('is only looked at unless dryRun=false says otherwise', async () => {
    for (const query of ['', 'dryRun=true']) {
      const { status, plan } = await put(whole, query);
      expect(status).toBe(200);
      expect(plan).toMatchObject({ applied: false, problems: [], unchanged: 0, deleted: [], notInDocument: [] });
      expect(namesOf(plan.created)).toEqual(['connection Shop', 'connection News', 'export Newcomers', 'export VIP']);
      expect(namesOf(plan.changed)).toEqual(['setting schedule']);
    }
    expect((await read()).document).toMatchObject({ connections: [], exports: [] });
  });

  it('makes an empty deployment what it says; put again it changes nothing, and what is read then is the same', async () => {
    const plan = await applied(whole);
    expect([plan.applied, plan.problems, plan.created.length]).toEqual([true, [], 4]);
    const again = await put(whole);
    expect(again.plan).toEqual({ applied: true, created: [], changed: [], deleted: [], notInDocument: [], unchanged: 5, problems: [] });
    const { document, etag } = await read();
    expect(again.etag).toBe(etag);
    await clear();
    const elsewhere = { ...document, connections: document.connections.map((connection) => ({ ...connection, ...agreed })) };
    await applied(elsewhere);
    expect(await read()).toMatchObject({ document, etag });
  });

  it('that was just read writes nothing', async () => {
    await applied(whole);
    await api.call('POST', '/api/connections', { body: aConnection({ displayName: 'By hand' }) });
    const { document, etag } = await read();
    const { plan, etag: after } = await put(document, 'dryRun=false&prune=true');
    expect([asked.length > 0, asked.filter((name) => !name.startsWith('GET '))]).toEqual([true, []]);
    expect(plan).toMatchObject({ applied: true, created: [], changed: [], deleted: [], unchanged: 8 });
    expect(after).toBe(etag);
  });

  it('changes just the fields that differ, before and after in the plan', async () => {
    await applied(whole);
    const { document } = await read();
    const [newcomers, second] = document.exports;
    const { maxProfiles: _, ...unbound } = newcomers!;
    const { connection: __, ...detached } = second!;
    const next = {
      ...document,
      connections: document.connections.map((one) =>
        one.displayName === 'News' ? { ...one, access: 'administratorsAndContributors' } : one,
      ),
      exports: [{ ...unbound, connection: 'News', paused: false, mapping: { email: 'EMail', firstName: 'FirstName' } }, detached],
    };
    const plan = await applied(next);
    expect(plan.changed).toEqual([
      { what: 'connection', name: 'News', before: { access: 'administrators' }, after: { access: 'administratorsAndContributors' } },
      {
        ...{ what: 'export', name: 'Newcomers' },
        before: { connection: 'Shop', mapping: { email: 'EMail' }, paused: true, maxProfiles: 5_000 },
        after: { connection: 'News', mapping: { email: 'EMail', firstName: 'FirstName' }, paused: false },
      },
      { what: 'export', name: 'VIP', before: { connection: 'News' }, after: {} },
    ]);
    expect((await read()).document).toEqual(next);
  });

  it('gives a connection another secret, and never the way back to a typed key', async () => {
    await api.call('POST', '/api/connections', { body: aConnection({ displayName: 'By hand' }) });
    const named = { ...empty, connections: [{ displayName: 'By hand', secretName: 'klaviyo-news' }] };
    expect((await applied(named)).changed).toEqual([
      { what: 'connection', name: 'By hand', before: { secret: 'managed' }, after: { secretName: 'klaviyo-news' } },
    ]);
    const back = await put({ ...empty, connections: [{ displayName: 'By hand', secret: 'managed' }] }, 'dryRun=true');
    expect(back.plan.problems).toEqual([expect.objectContaining({ pointer: '/connections/0', code: 'secret_given' })]);
  });

  it('keeps what it does not name, unless it is told to prune', async () => {
    await applied(whole);
    const less = { ...empty, connections: [news], exports: [vip] };
    const kept = await applied(less);
    expect(namesOf(kept.notInDocument)).toEqual(['export Newcomers', 'connection Shop']);
    expect([kept.deleted, (await read()).document.exports.length]).toEqual([[], 2]);
    const pruned = await applied(less, 'dryRun=false&prune=true');
    expect(namesOf(pruned.deleted)).toEqual(['export Newcomers', 'connection Shop']);
    expect(pruned.deleted[0]!.before).toMatchObject({ connection: 'Shop', segments: ['NewCustomers'] });
    const { document } = await read();
    expect([document.exports.map(({ name }) => name), document.connections.map(({ displayName }) => displayName)]).toEqual([
      ['VIP'],
      ['News'],
    ]);
  });

  it('does not remove what a single call would not remove', async () => {
    await applied(whole);
    const { plan } = await put({ ...empty, exports: [vip] }, 'prune=true');
    expect(plan.problems).toEqual([expect.objectContaining({ what: 'connection', name: 'News', pointer: '', code: 'connection_in_use' })]);
    expect(namesOf(plan.deleted)).toEqual(['export Newcomers', 'connection News', 'connection Shop']);
    const { status, problem } = await put({ ...empty, exports: [vip] }, 'dryRun=false&prune=true');
    expect([status, problem.code]).toEqual([409, 'configuration_refused']);
    expect((await read()).document.exports).toHaveLength(2);
  });

  it('is held to the rules of the single routes before anything is changed, and names each problem where it stands', async () => {
    await applied({ ...empty, connections: [{ ...news, ...agreed }] });
    const before = await read();
    const bad = {
      ...empty,
      settings: { limits: { maxProfiles: 2_000_000 } },
      connections: [
        { displayName: 'Other', secretName: 'no-such-secret', agreed: true },
        { displayName: 'Blind', secretName: 'klaviyo-blind', agreed: true },
        shop,
        { displayName: 'Carried', secret: 'managed', agreed: true },
        news,
        { ...news, displayName: 'NEWS' },
      ],
      exports: [
        { ...vip, name: 'One', listId: 'NOLIST' },
        { ...vip, name: 'Two', segments: ['Loyal', 'Vanished'] },
        { ...vip, name: 'Three', mapping: { email: 'Mail' } },
        { ...vip, name: 'Four', connection: 'Nowhere' },
        { ...vip, name: 'Five', connection: undefined },
        { ...vip, name: 'Six', maxProfiles: 2_000_000 },
        { ...vip, name: 'Seven', connection: 'Other' },
        { ...vip, name: 'Eight' },
        { ...vip, name: 'Eight' },
        { ...vip, name: 'Nine', id: 'exp_elsewhere01' },
      ],
    };
    const { plan } = await put(bad, 'dryRun=true');
    expect(plan.problems.map(({ pointer, code }) => `${pointer} ${code}`).sort()).toEqual([
      '/connections/0/secretName secret_unknown',
      '/connections/1/secretName scope_missing',
      '/connections/2 agreement_needed',
      '/connections/3 secret_needed',
      '/connections/5 name_twice',
      '/exports/0/listId list_unknown',
      '/exports/1/segments/1 segment_unknown',
      '/exports/2/mapping/email field_unknown',
      '/exports/3/connection connection_unknown',
      '/exports/4/connection connection_needed',
      '/exports/5/maxProfiles cap_too_high',
      '/exports/6/connection connection_not_made',
      '/exports/8 name_ambiguous',
      '/exports/9/id export_unknown',
      '/settings/limits/maxProfiles cap_too_high',
    ]);
    const refused = await put(bad);
    expect([refused.status, refused.problem.code]).toEqual([409, 'configuration_refused']);
    expect((refused.problem.details as { problems: unknown[] }).problems).toHaveLength(15);
    expect(await read()).toEqual(before);
  });

  it('tells exports of one name apart by id, and asks for it where it is missing', async () => {
    await applied({ ...empty, connections: [{ ...news, ...agreed }], exports: [vip] });
    const connection = (await call('GET', '/api/connections')).json.value[0]!;
    await api.call('POST', '/api/exports', {
      body: anExport({ ...vip, connection: undefined, connectionId: connection.id, name: 'VIP', canaryRows: 3 }),
    });
    const { document } = await read();
    expect(document.exports.map(({ name, id }) => [name, typeof id])).toEqual([
      ['VIP', 'string'],
      ['VIP', 'string'],
    ]);
    expect((await applied(document)).unchanged).toBe(6);
    const without = { ...document, exports: document.exports.map(({ id: _, ...rest }) => rest) };
    expect((await put(without, '')).plan.problems.map(({ code }) => code)).toEqual(['name_ambiguous', 'name_ambiguous']);
    const renamed = { ...document, exports: document.exports.map((one) => (one.canaryRows === 3 ? { ...one, name: 'VIP two' } : one)) };
    expect((await applied(renamed)).changed).toEqual([
      { what: 'export', name: 'VIP two', before: { name: 'VIP' }, after: { name: 'VIP two' } },
    ]);
    expect((await read()).document.exports.map(({ name, id }) => [name, id])).toEqual([
      ['VIP', undefined],
      ['VIP two', undefined],
    ]);
  });

  it('may be bound to the version that was read', async () => {
    await applied(whole);
    const { document, etag } = await read();
    const changed = { ...document, exports: [] };
    expect((await put(changed, 'dryRun=true', { ifMatch: etag })).status).toBe(200);
    await applied({ ...document, settings: { limits: { reportDays: 60 } } });
    const stale = await put(changed, 'dryRun=true', { ifMatch: etag });
    expect([stale.status, stale.problem.code]).toEqual([412, 'changed_meanwhile']);
  });

  it.each([
    ['an unknown field', { ...empty, conections: [] }, '/conections'],
    ['an unknown field of an export', { ...empty, exports: [{ ...vip, list: 'x' }] }, '/exports/0/list'],
    ['another version', { ...empty, version: 2 }, '/version'],
    ['a key', { ...empty, connections: [{ displayName: 'News', apiKey: 'pk_sandbox_full' }] }, '/connections/0/apiKey'],
    ['neither secret', { ...empty, connections: [{ displayName: 'News' }] }, '/connections/0/secretName'],
  ])('is refused with %s', async (_, document, pointer) => {
    const { status, problem, text } = await put(document);
    expect([status, problem.errors.map((error) => error.pointer).includes(pointer)]).toEqual([400, true]);
    expect(text).not.toContain('pk_sandbox_full');
  });

  it('may hold a thousand exports, and not more than 8 MB', async () => {
    const large = {
      ...vip,
      connection: 'Nowhere',
      mapping: { email: 'EMail', properties: Array.from({ length: 20 }, (_, n) => ({ field: `Field${n}`, name: `p${n}` })) },
    };
    const { status, plan } = await put(
      { ...empty, exports: Array.from({ length: 1_000 }, (_, n) => ({ ...large, name: `Export ${n}` })) },
      '',
    );
    expect([status, plan.problems.length]).toEqual([200, 1_000]);
    expect((await put({ ...empty, exports: 'x'.repeat(8_000_000) })).status).toBe(413);
    expect((await put(empty, 'dryRun=perhaps')).problem.errors[0]!.pointer).toBe('?dryRun');
  });

  it('stands in the activity log, as a whole and object by object, but not when it was only looked at', async () => {
    const entries = async () => (await api.services.activity.page({}, { size: 1_000, signal })).entries;
    const before = (await entries()).length;
    await put(whole, 'dryRun=true');
    expect(await entries()).toHaveLength(before);
    await applied(whole);
    const told = (await entries()).slice(0, -before || undefined);
    expect(told.map(({ kind }) => kind).sort()).toEqual(
      [
        'configuration_applied',
        'connection_created',
        'connection_created',
        'export_created',
        'export_created',
        'system_schedule_changed',
      ].sort(),
    );
    expect(told.every(({ byName }) => byName === 'Ada Administrator')).toBe(true);
    const summary = told.find(({ kind }) => kind === 'configuration_applied');
    expect(summary!.details).toEqual({ created: 4, changed: 1, deleted: 0, complete: true });
    expect(told.find(({ name }) => name === 'Newcomers')).toMatchObject({
      exportId: expect.stringMatching(/^exp_/),
      after: { connection: 'Shop' },
    });
  });
});

describe('two documents at once', () => {
  it('do not both make what is new: one of them is refused, and can be sent again', async () => {
    await applied({ ...whole, exports: [] });
    const answers = await Promise.all(Array.from({ length: 4 }, () => put({ ...empty, exports: [vip] })));
    const other = answers.filter(({ status }) => status !== 200);
    expect(other.map(({ status, problem }) => [status, problem.code])).toEqual(other.map(() => [409, 'configuration_busy']));
    expect(answers.flatMap(({ status, plan }) => (status === 200 ? namesOf(plan.created) : []))).toEqual(['export VIP']);
    expect(namesOf((await applied({ ...empty, exports: [vip] })).created)).toEqual([]);
    expect((await read()).document.exports).toHaveLength(1);
  });

  it('do not wait for one whose process died, after four minutes', async () => {
    const { tables } = api.services;
    let now = Date.parse('2026-11-23T12:00:00Z');
    const claim = createConfigurationClaim({ table: tables.settings, now: () => new Date(now) });
    const work = async () => 'done';
    await new Promise<void>((begun) => {
      const dies = () => {
        begun();
        return new Promise<never>(() => undefined);
      };
      void claim(dies, { signal });
    });
    now += 239_000;
    await expect(claim(work, { signal })).rejects.toMatchObject({ code: 'configuration_busy' });
    now += 1_000;
    expect(await claim(work, { signal })).toBe('done');
    expect(await claim(work, { signal })).toBe('done');
  });
});

it('tells what a step has done that failed half-way', async () => {
  const { connectionStore, exportStore, settings, tables, now } = api.services;
  const caller = { id: 'a', name: 'Ada', role: 'Administrator', application: false } as const;
  const away = async () =>
    Promise.reject(new UpstreamError('storage', { code: 'unavailable', message: 'Storage is away.', retryable: true }));
  const breaking = createConfiguration({
    read: createReadCurrent({ connectionStore, exportStore, settings }),
    claim: createConfigurationClaim({ table: tables.settings, now }),
    targets: (options) => {
      const { draft, real } = api.services.configurationTargets(options);
      return { draft, real: { ...real, segmentExports: { ...real.segmentExports, pause: away } } };
    },
  });
  await applied({ ...whole, exports: [vip] });
  const told: Record<string, unknown>[] = [];
  const record = async (entries: readonly object[]) => void told.push(...(entries as Record<string, unknown>[]));
  const options = { dryRun: false, prune: false, caller, record, signal };
  const made = { ...empty, exports: [{ ...vip, name: 'Made', paused: true }] };
  await expect(breaking.put(Configuration.parse(made), options)).rejects.toMatchObject({ code: 'partly_applied' });
  expect(told).toEqual([
    expect.objectContaining({ kind: 'configuration_applied', details: expect.objectContaining({ complete: false }) as object }),
    expect.objectContaining({ kind: 'export_created', name: 'Made', after: expect.objectContaining({ paused: false }) as object }),
  ]);
  told.length = 0;
  const changed = { ...empty, exports: [{ ...vip, segments: ['NewCustomers'], paused: true }] };
  await expect(breaking.put(Configuration.parse(changed), options)).rejects.toMatchObject({ code: 'partly_applied' });
  expect(told[1]).toMatchObject({
    kind: 'export_changed',
    name: 'VIP',
    before: { segments: ['Loyal'] },
    after: { segments: ['NewCustomers'] },
  });
  expect(told[1]!.after).not.toHaveProperty('paused');
});

it('goes on where it broke off when the same document is put again', async () => {
  const { connectionStore, exportStore, settings, configuration } = api.services;
  const caller = { id: 'a', name: 'Ada', role: 'Administrator', application: false } as const;
  const told: string[] = [];
  const breaking = createConfiguration({
    read: createReadCurrent({ connectionStore, exportStore, settings }),
    claim: createConfigurationClaim({ table: api.services.tables.settings, now: api.services.now }),
    targets: (options) => {
      const { draft, real } = api.services.configurationTargets(options);
      const create: typeof real.segmentExports.create = async (input, more) => {
        if (input.name === 'VIP') throw new UpstreamError('storage', { code: 'unavailable', message: 'Storage is away.', retryable: true });
        return real.segmentExports.create(input, more);
      };
      return { draft, real: { ...real, segmentExports: { ...real.segmentExports, create } } };
    },
  });
  const options = { dryRun: false, prune: false, caller, signal };
  const parsed = Configuration.parse(whole);
  const record = async (entries: readonly { kind?: string }[]) => void told.push(...entries.map(({ kind }) => String(kind)));
  await expect(breaking.put(parsed, { ...options, record })).rejects.toMatchObject({
    code: 'partly_applied',
    message: expect.stringContaining('Send the same document again'),
    details: { made: expect.arrayContaining([{ what: 'export', name: 'Newcomers', action: 'created' }]) },
  });
  expect(told).toEqual(expect.arrayContaining(['configuration_applied', 'connection_created', 'export_created']));
  expect(namesOf((await applied(whole)).created)).toEqual(['export VIP']);
  expect((await configuration.get({ signal })).value.exports).toHaveLength(2);
});
