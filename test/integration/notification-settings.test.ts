import { createChannelSecrets } from '../../shared/notifications/channel-secrets';
import { createChannels } from '../../shared/notifications/channels';
import { createWebhooks } from '../../shared/platform/webhooks';
import { NotificationSettings } from '../../shared/settings/notification-settings';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { aConnection, anExport, startApi } from '../support/api';
import type { Api } from '../support/api';

/** Channels as administrators set them: what is stored, what is shown, and what lies in the vault. */
let api: Api;
let logged: string[] = [];
beforeAll(async () => {
  api = await startApi({ settings: { NOTIFICATION_PRIVATE_HOSTS: 'true' }, log: (line) => logged.push(line) });
});
afterAll(() => api.close());
const { signal } = new AbortController();
const ADDRESS = '/api/settings/notifications';

type Shown = Record<string, unknown> & { id: string; signingSecret?: string };
const read = async (as: 'Administrator' | 'Viewer' = 'Administrator') => {
  const { status, json, headers, text } = await api.call('GET', ADDRESS, { as });
  return { status, value: json as unknown as { channels: Shown[] } & Record<string, unknown>, etag: headers.get('etag')!, text };
};
const put = async (body: Record<string, unknown>, ifMatch?: string) =>
  api.call('PUT', ADDRESS, { body, ifMatch: ifMatch ?? (await read()).etag });
const saved = async (body: Record<string, unknown>): Promise<Shown[]> => {
  const { status, json, text } = await put(body);
  if (status !== 200) throw new Error(text);
  return json.channels as Shown[];
};
/** As they are shown, sent back as they may be sent. */
const asInput = ({ id, name, form, scope, kinds }: Shown, more: Record<string, unknown> = {}) => ({
  id,
  name,
  form,
  scope,
  kinds,
  ...more,
});
const stored = async () => (await api.services.settings.getNotifications({ signal })).value.channels;
const secretOf = async (id: string): Promise<Record<string, unknown>> => {
  const { secretName } = (await stored()).find((channel) => channel.id === id)!;
  return JSON.parse((await api.services.secrets.get(secretName, { signal })).value) as Record<string, unknown>;
};
const SECRET_PATH = 'T000/B000/very-secret-path';
const slack = { name: 'Marketing', form: 'slack', scope: 'chosen', url: `https://hooks.example/services/${SECRET_PATH}` };
const onCall = { name: 'On call', form: 'json', url: 'https://on-call.example:8443/hook?token=very-secret-token' };

afterEach(async () => {
  logged = [];
  await saved({});
});

it('tells nobody until somebody is named, with a digest in the morning', async () => {
  expect(await read('Viewer')).toMatchObject({
    status: 200,
    etag: expect.any(String) as string,
    value: { channels: [], digest: { time: '08:00', timeZone: 'UTC' }, rejectedShare: 0.05, lateMinutes: 15 },
  });
  expect((await api.call('PUT', ADDRESS, { body: {} })).status).toBe(428);
  const { etag } = await read();
  expect((await put({ lateMinutes: 30 }, etag)).json).toMatchObject({ lateMinutes: 30, rejectedShare: 0.05 });
  expect((await put({ lateMinutes: 40 }, etag)).status).toBe(412);
  expect((await api.call('GET', '/api/notifications', { as: 'Viewer' })).json).toEqual({ value: [] });
});

it('shows hosts to administrators alone, as some are as good as a key', async () => {
  await saved({ channels: [slack] });
  expect((await read('Viewer')).value.channels).toEqual([expect.not.objectContaining({ host: expect.anything() as string })]);
  expect(JSON.stringify(await read('Viewer'))).not.toContain('hooks.example');
  expect((await read()).value.channels).toMatchObject([{ host: 'hooks.example' }]);
});

it('lets a channel keep the kinds of a later version, and takes no others', async () => {
  const [channel] = await saved({ channels: [slack] });
  const { value, etag } = await api.services.settings.getNotifications({ signal });
  const kinds = ['run_failed', 'of_later'];
  await api.services.settings.setNotifications({ ...value, channels: [{ ...value.channels[0]!, kinds }] }, { ifMatch: etag, signal });
  const { url: _, ...kept } = slack;
  expect(await saved({ channels: [{ ...kept, id: channel!.id, name: 'Renamed', kinds }] })).toMatchObject([{ name: 'Renamed', kinds }]);
  const refused = await put({ channels: [{ ...kept, id: channel!.id, kinds: ['of_later', 'of_nobody'] }] });
  expect([refused.status, refused.json.errors.map(({ pointer }) => pointer)]).toEqual([400, ['/channels/0/kinds/1']]);
});

it('keeps addresses and signing secrets in the vault alone, and shows a signing secret once', async () => {
  const [marketing, program] = await saved({ channels: [slack, onCall] });
  expect(marketing).toMatchObject({
    ...{ name: 'Marketing', form: 'slack', scope: 'chosen', host: 'hooks.example' },
    delivery: { state: 'new' },
  });
  expect(marketing!.signingSecret).toBeUndefined();
  expect(program).toMatchObject({ form: 'json', scope: 'all', host: 'on-call.example:8443', secretMadeAt: expect.any(String) as string });
  expect(Buffer.from(program!.signingSecret!.replace(/^whsec_/, ''), 'base64')).toHaveLength(32);
  expect(await secretOf(marketing!.id)).toEqual({ url: slack.url });
  expect(await secretOf(program!.id)).toEqual({ url: onCall.url, signingSecret: program!.signingSecret });

  const again = await read();
  expect(again.value.channels.map(({ signingSecret }) => signingSecret)).toEqual([undefined, undefined]);
  const everywhere = [
    again.text,
    (await api.call('GET', '/api/activity')).text,
    (await api.call('GET', '/api/configuration')).text,
    ...logged,
  ];
  for (const table of ['settings', 'notifications', 'activity'] as const) {
    for await (const row of api.services.tables[table].listEntities()) everywhere.push(JSON.stringify(row));
  }
  expect(everywhere.join('\n')).not.toMatch(/very-secret|whsec_/);
  expect(everywhere.join('\n')).toContain('on-call.example');
});

it('changes what is named and keeps the rest; another secret signs beside the one before for a day', async () => {
  const [first] = await saved({ channels: [onCall] });
  const before = (await stored())[0]!;
  const [renamed] = await saved({ channels: [asInput(first!, { name: 'Night shift', kinds: ['run_failed'] })] });
  expect(renamed).toMatchObject({ id: first!.id, name: 'Night shift', kinds: ['run_failed'], host: first!.host });
  expect((await stored())[0]!.secretName).toBe(before.secretName);

  const [rotated] = await saved({ channels: [asInput(renamed!, { newSecret: true })] });
  expect(await secretOf(first!.id)).toEqual({
    url: onCall.url,
    signingSecret: rotated!.signingSecret,
    before: { signingSecret: first!.signingSecret, until: expect.any(String) as string },
  });
  await expect(api.services.secrets.get(before.secretName, { signal })).rejects.toMatchObject({ code: 'secret_missing' });

  const [moved] = await saved({ channels: [asInput(rotated!, { url: 'https://elsewhere.example/hook' })] });
  expect([moved!.host, moved!.signingSecret]).toEqual(['elsewhere.example', undefined]);
  expect(await secretOf(first!.id)).toMatchObject({ url: 'https://elsewhere.example/hook', signingSecret: rotated!.signingSecret });

  const { secretName } = (await stored())[0]!;
  await saved({});
  await expect(api.services.secrets.get(secretName, { signal })).rejects.toMatchObject({ code: 'secret_missing' });
});

it('is mended by its address where its secret has gone from the vault', async () => {
  const [channel] = await saved({ channels: [onCall] });
  await api.services.secrets.remove((await stored())[0]!.secretName, { signal });
  const renewed = await put({ channels: [asInput(channel!, { newSecret: true })] });
  expect([renewed.status, renewed.json.code]).toEqual([409, 'secret_missing']);
  const [mended] = await saved({ channels: [asInput(channel!, { url: onCall.url })] });
  expect([mended!.id, mended!.signingSecret]).toEqual([channel!.id, expect.stringMatching(/^whsec_/)]);
  expect(await secretOf(channel!.id)).toEqual({ url: onCall.url, signingSecret: mended!.signingSecret });
});

it('leaves nothing in the vault when two save at once, nor when a crash comes in between', async () => {
  const { etag } = await read();
  const both = await Promise.all([put({ channels: [onCall] }, etag), put({ channels: [slack] }, etag)]);
  expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
  const [winner] = await stored();
  // as a process leaves it that dies between vault and row
  const orphan = 'notify-00000000000000000000000000000000';
  const notes = api.services.tables.notifications;
  const note = (rowKey: string, at: string) => notes.upsertEntity({ partitionKey: 'secrets', rowKey, document: JSON.stringify({ at }) });
  await api.services.secrets.set(orphan, '{}', { signal });
  await note(orphan, '2026-01-01T00:00:00.000Z');
  await note(winner!.secretName, '2026-01-01T00:00:00.000Z');
  await note('notify-of-a-call-under-way', new Date().toISOString());
  expect(await api.services.channels.sweep({ signal })).toBe(1);
  await expect(api.services.secrets.get(orphan, { signal })).rejects.toMatchObject({ code: 'secret_missing' });
  expect(await secretOf(winner!.id)).toMatchObject({ url: expect.any(String) as string });
  const left: unknown[] = [];
  for await (const { partitionKey, rowKey } of notes.listEntities()) if (partitionKey === 'secrets') left.push(rowKey);
  expect(left).toEqual(['notify-of-a-call-under-way']);
  await notes.deleteEntity('secrets', 'notify-of-a-call-under-way');
});

it('leaves the secrets of a save that was cut short to the sweep, as their write may still be on its way', async () => {
  const { tables, secrets, settings } = api.services;
  const ending = new AbortController();
  const webhooks = createWebhooks({ allowPrivate: false });
  const at = (ms: number) => {
    const now = () => new Date(Date.now() + ms);
    return createChannels({
      settings: {
        getNotifications: settings.getNotifications,
        setNotifications: () => {
          ending.abort();
          return Promise.reject(ending.signal.reason as Error);
        },
      },
      secrets: createChannelSecrets({ table: tables.notifications, secrets, now }),
      webhooks,
      now,
    });
  };
  const wanted = NotificationSettings.parse({ channels: [onCall] });
  const { etag } = await settings.getNotifications({ signal });
  await expect(at(0).set(wanted, { ifMatch: etag, signal: ending.signal })).rejects.toMatchObject({ name: 'AbortError' });
  expect(await at(0).sweep({ signal })).toBe(0);
  expect(await at(3_600_000).sweep({ signal })).toBe(1);
  await webhooks.close();
});

it.each<[string, Record<string, unknown>, string, string]>([
  ['a new one without an address', { channels: [{ ...onCall, url: undefined }] }, 'channel_url_needed', '/channels/0/url'],
  ['one that is not there', { channels: [{ ...onCall, id: 'chn_00000000' }] }, 'channel_unknown', '/channels/0/id'],
  [
    'a user in the address',
    { channels: [slack, { ...onCall, url: 'https://a:b@hooks.example/' }] },
    'channel_url_refused',
    '/channels/1/url',
  ],
  ['no address at all', { channels: [{ ...onCall, url: 'hooks.example' }] }, 'channel_url_refused', '/channels/0/url'],
  ['a name twice', { channels: [onCall, { ...slack, name: 'on CALL' }] }, 'invalid_input', '/channels/1/name'],
  ['a kind that is none', { channels: [{ ...onCall, kinds: ['weather'] }] }, 'invalid_input', '/channels/0/kinds/0'],
  ['a signing secret for people', { channels: [{ ...slack, newSecret: true }] }, 'invalid_input', '/channels/0/newSecret'],
  ['an unknown field', { channels: [{ ...onCall, host: 'hooks.example' }] }, 'invalid_input', '/channels/0/host'],
  [
    'more channels than there may be',
    { channels: Array.from({ length: 11 }, (_, index) => ({ ...onCall, name: `${index}` })) },
    'invalid_input',
    '/channels',
  ],
  ['a zone that is none', { digest: { time: '08:00', timeZone: 'Mars' } }, 'invalid_input', '/digest/timeZone'],
  ['a share above one', { rejectedShare: 5 }, 'invalid_input', '/rejectedShare'],
])('refuses %s, and makes nothing', async (_, body, code, pointer) => {
  const { status, json } = await put(body);
  expect([status, json.code, json.errors.map((error) => error.pointer)]).toEqual([400, code, [pointer]]);
  expect(await stored()).toEqual([]);
});

describe('a test message', () => {
  it('says what the receiver answered, and nothing else of it', async () => {
    const got: { path: string | undefined; headers: Record<string, unknown>; body: string }[] = [];
    let status = 200;
    const receiver = createServer((request, response) => {
      let body = '';
      request.on('data', (part) => (body += String(part)));
      request.on('end', () => {
        got.push({ path: request.url, headers: request.headers, body });
        response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end('very-secret-answer');
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
      const [channel] = await saved({ channels: [{ ...onCall, url }] });
      const test = async () => {
        const { status: answered, json, text } = await api.call('POST', `${ADDRESS}/test`, { body: { channelId: channel!.id } });
        expect([answered, text.includes('very-secret')]).toEqual([200, false]);
        return json;
      };
      expect(await test()).toEqual({ delivered: true, status: 200, detail: 'The receiver took the message (status 200).' });
      expect(got[0]).toMatchObject({
        path: '/hook',
        headers: { 'content-type': 'application/json', 'webhook-id': expect.stringMatching(/^msg_/) as string },
      });
      expect(JSON.parse(got[0]!.body)).toMatchObject({ version: 1, type: 'test', items: [], more: 0 });
      expect((await read('Viewer')).value.channels[0]).toMatchObject({ delivery: { state: 'working', status: 200, waiting: 0 } });
      status = 302;
      expect(await test()).toMatchObject({ delivered: false, status: 302, code: 'redirected' });
      status = 410;
      expect(await test()).toMatchObject({ delivered: false, status: 410, code: 'gone' });
      expect(got).toHaveLength(3);
      expect((await read()).value.channels[0]).toMatchObject({ delivery: { state: 'failing', status: 410, code: 'gone' } });
      const activity = (await api.call('GET', '/api/activity?kind=notification_tested')).json.value;
      expect(activity.map(({ details }) => details)).toEqual([
        { channel: 'On call', delivered: false, status: 410 },
        { channel: 'On call', delivered: false, status: 302 },
        { channel: 'On call', delivered: true, status: 200 },
      ]);
    } finally {
      receiver.closeAllConnections();
      receiver.close();
    }
    const [gone] = await saved({ channels: [{ ...onCall, url: `http://127.0.0.1:1/hook` }] });
    const { json } = await api.call('POST', `${ADDRESS}/test`, { body: { channelId: gone!.id } });
    expect(json).toMatchObject({ delivered: false, code: 'no_answer' });
  });

  it('needs a channel', async () => {
    const { status, json } = await api.call('POST', `${ADDRESS}/test`, { body: { channelId: 'chn_00000000' } });
    expect([status, json.code, json.errors]).toEqual([
      400,
      'channel_unknown',
      [{ pointer: '/channelId', detail: expect.any(String) as string }],
    ]);
  });
});

describe('an export', () => {
  it('names channels that there are, also when some have gone since', async () => {
    const [channel] = await saved({ channels: [slack] });
    const connectionId = (await api.call('POST', '/api/connections', { body: aConnection({ access: 'administratorsAndContributors' }) }))
      .json.id;
    const unknown = await api.call('POST', '/api/exports', { body: anExport({ connectionId, notify: { channelIds: ['chn_00000000'] } }) });
    expect([unknown.status, unknown.json.code, unknown.json.errors.map(({ pointer }) => pointer)]).toEqual([
      400,
      'channel_unknown',
      ['/notify/channelIds/0'],
    ]);
    const notify = { channelIds: [channel!.id] };
    const { json: made } = await api.call('POST', '/api/exports', { as: 'Contributor', body: anExport({ connectionId, notify }) });
    expect(made.notify).toEqual(notify);
    expect((await api.call('POST', `/api/exports/${made.id as string}/duplicate`)).json.notify).toEqual(notify);
    await saved({});
    const change = async (body: Record<string, unknown>) => {
      const target = `/api/exports/${made.id as string}`;
      return api.call('PATCH', target, { ifMatch: (await api.call('GET', target)).headers.get('etag')!, body });
    };
    expect((await change({ canaryRows: 7 })).json).toMatchObject({ canaryRows: 7, notify });
    expect((await change({ notify: { channelIds: [channel!.id, 'chn_11111111'] } })).json.errors).toHaveLength(2);
    expect((await change({ notify: null })).json.notify).toBeUndefined();
  });
});

describe('a configuration document', () => {
  const document = async () =>
    (await api.call('GET', '/api/configuration')).json as unknown as Record<string, unknown> & {
      settings: Record<string, unknown>;
      exports: Record<string, unknown>[];
    };
  const apply = (body: unknown, dryRun = false) => api.call('PUT', `/api/configuration?dryRun=${String(dryRun)}`, { body });

  it('carries channels by name, without addresses, and brings them where it is given those', async () => {
    const [marketing] = await saved({ channels: [{ ...slack, name: 'Ops' }] });
    const connectionId = (await api.call('POST', '/api/connections', { body: aConnection() })).json.id;
    const { json: made } = await api.call('POST', '/api/exports', {
      body: anExport({ name: 'Told of', connectionId, notify: { channelIds: [marketing!.id] } }),
    });
    const whole = await document();
    expect(whole.settings.notifications).toEqual({
      channels: [{ name: 'Ops', form: 'slack', scope: 'chosen' }],
      ...{ digest: { time: '08:00', timeZone: 'UTC' }, rejectedShare: 0.05, lateMinutes: 15 },
    });
    expect(whole.exports.find(({ name }) => name === 'Told of')!.notify).toEqual({ channels: ['Ops'] });
    expect((await apply(whole)).json).toMatchObject({ created: [], changed: [], problems: [] });

    const channels = [
      { name: 'ops', form: 'slack', scope: 'chosen' },
      { name: 'Night', form: 'json' },
    ];
    const next = { ...whole, settings: { ...whole.settings, notifications: { channels, lateMinutes: 20 } } };
    expect((await apply(next, true)).json.problems).toEqual([
      expect.objectContaining({ code: 'channel_url_needed', pointer: '/settings/notifications/channels/1/url' }),
    ]);
    const given = { ...channels[1], url: onCall.url };
    const exports = whole.exports.map((one) => (one.name === 'Told of' ? { ...one, notify: { channels: ['night', 'ops'] } } : one));
    const complete = {
      ...next,
      exports,
      settings: { ...whole.settings, notifications: { channels: [channels[0], given], lateMinutes: 20 } },
    };
    const tried = await apply(complete, true);
    // its signing secret will be shown to nobody
    expect(JSON.stringify(tried.json.changed)).toContain('renew it in the settings');
    expect([tried.json.problems, (await stored()).map(({ name }) => name)]).toEqual([[], ['Ops']]);
    const done = await apply(complete);
    expect([done.status, done.text.includes('very-secret')]).toEqual([200, false]);
    const [ops, night] = await stored();
    expect([ops, night]).toMatchObject([
      { id: marketing!.id, name: 'ops' },
      { name: 'Night', host: 'on-call.example:8443' },
    ]);
    expect((await api.call('GET', `/api/exports/${made.id as string}`)).json.notify).toEqual({
      channelIds: expect.arrayContaining([night!.id, ops!.id]) as string[],
    });
    expect((await api.call('GET', '/api/activity')).text).not.toContain('very-secret');

    const without = { ...complete, settings: { ...whole.settings, notifications: { channels: [] } } };
    expect((await apply(without, true)).json.problems).toEqual([
      expect.objectContaining({
        what: 'export',
        code: 'channel_unknown',
        pointer: expect.stringMatching(/\/notify\/channels\/0$/) as string,
      }),
    ]);
  });
});
