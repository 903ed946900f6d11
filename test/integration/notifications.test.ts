import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { registerTimer } from '../../functions/timer/refresh';
import { instantOfRunId } from '../../shared/ids';
import { createServices } from '../../shared/services';
import { parseEnv } from '../../shared/env';
import { createOutsideCalls } from '../support/outside-calls';
import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';

/** From a run that fails to the receiver, and on: real storage, vault, Klaviyo sandbox and receivers on loopback. */
let fixture: RunnerFixture;
beforeAll(async () => {
  fixture = await startRunnerFixture({ env: { NOTIFICATION_PRIVATE_HOSTS: 'true' }, sandbox: { limits: false, processing: 'instant' } });
  await fixture.writeSegments({ segments: [{ name: 'HighValueSegment', rows: 60 }] });
});
afterAll(() => fixture.close());

interface Got {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
type Answer = (response: ServerResponse) => void;

/** A receiver that answers as the test says. */
const startReceiver = async (answer: Answer = (response) => response.writeHead(204).end()) => {
  const got: Got[] = [];
  let now = answer;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => (body += String(part)));
    request.on('end', () => {
      got.push({ headers: request.headers, body });
      now(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    got,
    answers: (next: Answer) => (now = next),
    messages: () =>
      got.map(({ body }) => JSON.parse(body) as { type: string; items: { kind: string; subject: { name: string } }[]; more: number }),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
};
type Receiver = Awaited<ReturnType<typeof startReceiver>>;

const setChannels = async (channels: readonly Record<string, unknown>[]) => {
  const { etag } = await fixture.services.notifications.getSettings({ caller: { role: 'Administrator' }, signal: testSignal() });
  const wanted = { channels: channels as never, digest: { time: '08:00', timeZone: 'UTC' }, rejectedShare: 0.05, lateMinutes: 15 };
  return fixture.services.notifications.setSettings(wanted, { ifMatch: etag, signal: testSignal() });
};
/** An instance whose clock is ahead. */
const later = (minutes: number) => createServices(parseEnv(fixture.environment), { now: () => new Date(Date.now() + minutes * 60_000) });
const tick = (minutes = 0) => (minutes === 0 ? fixture.services : later(minutes)).notificationTick.tick({ signal: testSignal() });
const forget = async () => {
  for (const name of ['notifications', 'exports'] as const) {
    const table = fixture.services.tables[name];
    for await (const { partitionKey, rowKey } of table.listEntities()) await table.deleteEntity(partitionKey!, rowKey!);
  }
};
const outbox = async (): Promise<string[]> => {
  const rows: string[] = [];
  for await (const { rowKey } of fixture.services.tables.notifications.listEntities()) if (rowKey!.startsWith('out_')) rows.push(rowKey!);
  return rows;
};
const deliveries = async () =>
  (await fixture.services.notifications.getSettings({ caller: { role: 'Administrator' }, signal: testSignal() })).value.channels.map(
    ({ delivery }) => delivery,
  );

let receivers: Receiver[] = [];
const aReceiver = async (answer?: Answer): Promise<Receiver> => {
  const receiver = await startReceiver(answer);
  receivers.push(receiver);
  return receiver;
};
beforeEach(forget);
afterEach(async () => {
  for (const receiver of receivers) receiver.close();
  receivers = [];
  await setChannels([]);
});
/** An export whose last run failed, as its list is gone. */
const failing = async (name = 'Newsletter', more: Record<string, unknown> = {}) => {
  const connection = await fixture.connect();
  const segmentExport = await fixture.anExport(connection, { name, listId: 'NOLIST', schedule: { kind: 'off' }, ...more });
  const run = await fixture.runToEnd(segmentExport.id);
  expect(run.state).toBe('failed');
  return segmentExport;
};

it('a run that failed is told, signed, once; the next good one tells that it is over', async () => {
  const receiver = await aReceiver();
  const { value } = await setChannels([{ name: 'On call', form: 'json', scope: 'all', url: receiver.url }]);
  await tick();
  expect(receiver.got).toEqual([]);
  const segmentExport = await failing();
  expect(await tick()).toMatchObject({ messageCount: 2, sentCount: 1, unsentCount: 0 });
  await tick(2);
  expect(receiver.messages()).toEqual([
    expect.objectContaining({
      ...{ version: 1, type: 'condition.opened', more: 0 },
      items: [
        expect.objectContaining({ kind: 'run_failed', subject: { type: 'export', id: segmentExport.id, name: 'Newsletter' }, count: 1 }),
      ],
    }),
  ]);
  const [{ headers, body }] = receiver.got as [Got];
  const key = Buffer.from(value.channels[0]!.signingSecret!.slice('whsec_'.length), 'base64');
  const signed = `${headers['webhook-id'] as string}.${headers['webhook-timestamp'] as string}.${body}`;
  expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  expect(await outbox()).toEqual([]);

  const { value: stored, etag } = (await fixture.services.exportStore.find(segmentExport.id, { signal: testSignal() }))!;
  await fixture.services.exportStore.replace({ ...stored, listId: 'LIST5K' as never }, { ifMatch: etag, signal: testSignal() });
  expect((await fixture.runToEnd(segmentExport.id)).state).toBe('successful');
  await tick(3);
  await tick(4);
  expect(receiver.messages().map(({ type }) => type)).toEqual(['condition.opened', 'condition.recovered']);
  expect(await deliveries()).toMatchObject([{ state: 'working', status: 204, waiting: 0 }]);
});

it('one bad receiver delays no other; what it missed comes under the same id when it answers again', async () => {
  let hold: ServerResponse[] = [];
  const [good, busy, hanging, broken] = [
    await aReceiver(),
    await aReceiver((response) => response.writeHead(429, { 'retry-after': '600' }).end()),
    await aReceiver((response) => void hold.push(response)),
    await aReceiver((response) => response.writeHead(410).end('gone')),
  ];
  const [moved, wordy] = [
    await aReceiver((response) => response.writeHead(307, { location: good.url }).end()),
    await aReceiver((response) => {
      response.writeHead(200);
      const part = Buffer.alloc(64 * 1024, 'x');
      const more = (): void => {
        while (!response.destroyed && response.write(part));
        if (!response.destroyed) response.once('drain', more);
      };
      more(); // without end
    }),
  ];
  const names = { good, busy, hanging, broken, moved, wordy };
  await setChannels(Object.entries(names).map(([name, { url }]) => ({ name, form: 'json', scope: 'all', url })));
  await failing('VIP');
  const ticking = tick();
  while (good.got.length === 0 || hold.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  // the one that hangs is let go before its ten seconds are over, so that this test need not wait
  for (const response of hold) response.destroy();
  hold = [];
  await ticking;
  expect(await deliveries()).toMatchObject([
    { state: 'working', status: 204, waiting: 0 },
    { state: 'failing', status: 429, code: 'throttled', waiting: 1 },
    { state: 'failing', code: 'no_answer', waiting: 1 },
    { state: 'broken', status: 410, code: 'gone', waiting: 0 },
    { state: 'failing', status: 307, code: 'redirected', waiting: 1 },
    { state: 'working', status: 200, waiting: 0 },
  ]);
  expect(good.got).toHaveLength(1); // the redirect was not followed

  hanging.answers((response) => response.writeHead(200).end());
  busy.answers((response) => response.writeHead(200).end());
  await tick(2);
  // what they missed, and that the channel of another one is broken
  expect([hanging.got.length, busy.got.length]).toEqual([3, 1]);
  await tick(11);
  expect([busy.got.length, broken.got.length, good.got.length]).toEqual([3, 1, 2]);
  expect(good.messages()[1]!.items).toMatchObject([{ kind: 'channel_broken', subject: { name: 'broken' } }]);
  for (const { got } of [hanging, busy]) expect(got[1]!.headers['webhook-id']).toBe(got[0]!.headers['webhook-id']);
  expect(hanging.got[1]!.body).toBe(hanging.got[0]!.body);
  const activity = await fixture.services.activity.page({ kind: 'notification_given_up' }, { size: 5, signal: testSignal() });
  expect(activity.entries).toMatchObject([{ details: { channel: 'broken', status: 410 } }]);
});

it('a key that Klaviyo refuses is told once, of its connection, to those who are told of all and those that its exports name', async () => {
  const [all, chosen] = [await aReceiver(), await aReceiver()];
  const { value } = await setChannels([
    { name: 'All', form: 'teams', scope: 'all', url: all.url },
    { name: 'Chosen', form: 'slack', scope: 'chosen', url: chosen.url },
  ]);
  const connection = await fixture.connect({ apiKey: 'pk_of_nobody_at_all' });
  const notify = { channelIds: [value.channels[1]!.id] };
  for (const name of ['One', 'Two']) {
    const segmentExport = await fixture.anExport(connection, { name, schedule: { kind: 'off' }, ...(name === 'One' ? { notify } : {}) });
    await fixture.runToEnd(segmentExport.id);
  }
  await tick();
  expect([all.got.length, chosen.got.length]).toEqual([1, 1]);
  expect(all.got[0]!.body).toContain(`Klaviyo refuses the API key of the connection “${connection.displayName}”`);
  expect([all.got[0]!.body, chosen.got[0]!.body].join()).not.toMatch(/failed|“One”|pk_/);
  await fixture.services.secrets.set(connection.secretName, 'pk_sandbox_full', { signal: testSignal() });
  await fixture.services.connections.test(connection.id, { signal: testSignal() });
  await tick(2);
  await tick(3);
  expect(all.got.slice(1).map(({ body }) => body)).toEqual([expect.stringContaining('accepts the API key')]);
});

it('a run that stands queued is told as one that did not start', async () => {
  const receiver = await aReceiver();
  await setChannels([{ name: 'On call', form: 'json', scope: 'all', url: receiver.url }]);
  const segmentExport = await fixture.anExport(await fixture.connect(), { schedule: { kind: 'off' } });
  const { run } = await fixture.services.runs.start(
    { exportId: segmentExport.id, trigger: { kind: 'onDemand', by: 'tester' }, full: false, dryRun: false },
    { signal: testSignal() },
  );
  await tick(14);
  expect(receiver.got).toEqual([]);
  await tick(16);
  expect(receiver.messages()).toMatchObject([{ items: [{ kind: 'did_not_start', since: instantOfRunId(run.id).toISOString() }] }]);
  await fixture.pump(() => fixture.ended(run.id));
  await tick(17);
  expect(receiver.messages().map(({ type }) => type)).toEqual(['condition.opened', 'condition.recovered']);
});

it('an address that is no longer allowed, and one whose secret is gone, get nothing; both are shown', async () => {
  const receiver = await aReceiver();
  await setChannels([
    { name: 'Private', form: 'json', scope: 'all', url: receiver.url },
    { name: 'Lost', form: 'slack', scope: 'all', url: receiver.url },
  ]);
  const { value } = await fixture.services.settings.getNotifications({ signal: testSignal() });
  await fixture.services.secrets.remove(value.channels[1]!.secretName, { signal: testSignal() });
  await failing();
  const strict = fixture.newInstance({ NOTIFICATION_PRIVATE_HOSTS: 'false' });
  await strict.notificationTick.tick({ signal: testSignal() });
  expect([receiver.got, await deliveries()]).toMatchObject([
    [],
    [
      { state: 'failing', code: 'not_https', waiting: 1 },
      { state: 'failing', code: 'secret_missing', waiting: 1 },
    ],
  ]);
});

it('a minute in which nothing happens costs two storage calls more than one without notifications', async () => {
  await failing();
  await tick();
  const outside = createOutsideCalls();
  let handler: (() => Promise<void>) | undefined;
  const { services } = fixture;
  registerTimer({ timer: (_: string, options: { handler: () => Promise<void> }) => (handler = options.handler) } as never, services);
  try {
    await handler!();
    const { calls: all } = await outside.metered(() => handler!());
    const without = { ...services, notificationTick: { tick: async () => ({ messageCount: 0, sentCount: 0, unsentCount: 0 }) } };
    registerTimer({ timer: (_: string, options: { handler: () => Promise<void> }) => (handler = options.handler) } as never, without);
    await handler!();
    const { calls: before } = await outside.metered(() => handler!());
    expect(all.length - before.length).toBe(2);
    const written = (calls: typeof all) => calls.map(({ name }) => name).filter((name) => !name.startsWith('GET '));
    expect(written(all)).toEqual(written(before));
  } finally {
    outside.close();
  }
});

it('what a newer version wrote waits for that version: nothing is told, nothing is lost, and schedules go on', async () => {
  const receiver = await aReceiver();
  await setChannels([{ name: 'On call', form: 'json', scope: 'all', url: receiver.url }]);
  const { notifications, settings } = fixture.services.tables;
  const state = { partitionKey: 'notifications', rowKey: 'state', document: JSON.stringify({ version: 2, all: 'new' }) };
  await notifications.upsertEntity(state, 'Replace');
  await failing();
  expect(await tick()).toEqual({ messageCount: 0, sentCount: 0, unsentCount: 0 });
  expect(await deliveries()).toMatchObject([{ state: 'new' }]);
  expect((await notifications.getEntity('notifications', 'state')).document).toBe(state.document);
  const row = await settings.getEntity<{ document: string }>('settings', 'notifications');
  await settings.updateEntity({ ...row, document: JSON.stringify({ channels: 'of another kind' }) } as never, 'Replace');
  try {
    await fixture.services.fanOut.tick({ signal: testSignal() });
    await expect(tick()).rejects.toThrow();
  } finally {
    await settings.updateEntity(row as never, 'Replace');
  }
  await notifications.deleteEntity('notifications', 'state');
  await tick();
  expect(receiver.messages()).toHaveLength(1);
});
