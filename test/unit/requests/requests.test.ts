import { z } from 'zod';
import { ConflictError, NotFoundError, UpstreamError } from '../../../shared/errors';
import { Export } from '../../../shared/exports/export';
import type { ActivityEntry, NewActivityEntry } from '../../../shared/activity/entry';
import { createPoison } from '../../../shared/requests/poison';
import type { PoisonEnvelope } from '../../../shared/requests/poison';
import { createRequests } from '../../../shared/requests/requests';
import { RunId } from '../../../shared/ids';
import { createRunMessages } from '../../../shared/requests/run-messages';
import type { Queue } from '../../../shared/platform/queues';
import { noTelemetry } from '../../../shared/platform/telemetry';
import { messageOf } from '../../../shared/runs/run';
import type { Run, RunMessage } from '../../../shared/runs/run';
import { defaultSystemSchedule } from '../../../shared/schedules/schedule';
import type { StartRequest } from '../../../shared/schedules/start-all';

const signal = new AbortController().signal;
const NOW = '2026-06-01T12:00:00.000Z';
const idOf = (number: number): string => `exp_${String(number).padStart(10, '0')}`;

const anExport = (number: number, fields: object = {}): Export =>
  Export.parse({
    id: idOf(number),
    name: `Export ${number}`,
    connectionId: 'con_0000000001',
    listId: 'YafG4m',
    segments: ['HighValue'],
    mapping: { email: 'EMail' },
    createdAt: NOW,
    createdBy: 'a',
    updatedAt: NOW,
    updatedBy: 'a',
    ...fields,
  });
const custom = { kind: 'custom', repeat: 'daily', times: ['02:00'], timeZone: 'UTC' };
const exportsOfEachKind = [
  anExport(1),
  anExport(2, { schedule: custom }),
  anExport(3, { schedule: { kind: 'off' } }),
  anExport(4, { connectionId: undefined }),
  anExport(5, { schedule: custom, connectionId: undefined }),
  anExport(6, { paused: true }),
  anExport(7, { schedule: custom, paused: true }),
];
const event = {
  eventType: 'Microsoft.Storage.BlobCreated',
  subject: '/blobServices/default/containers/lake/blobs/ci/model.json',
  data: { api: 'PutBlob', eTag: '0x1' },
};

const runIdOf = ({ exportId }: StartRequest): RunId => RunId.parse(`run_of${exportId.slice(4)}`);

const aWorld = ({ systemActive = false }: { systemActive?: boolean } = {}) => {
  const world = {
    hasModel: false,
    started: [] as StartRequest[],
    refuse: new Map<string, Error>(),
    recorded: [] as ActivityEntry[],
    poisoned: [] as PoisonEnvelope[],
    advanced: [] as RunMessage[],
    logged: [] as string[],
    storageIsAway: false,
  };
  const poisonQueue = {
    send: async (message: unknown) => {
      world.poisoned.push(message as PoisonEnvelope);
      return { id: '1', receipt: '1' };
    },
  } as unknown as Queue<unknown>;
  const log = (name: string, fields?: object) => void world.logged.push(JSON.stringify({ name, ...fields }));
  const record = async (entries: NewActivityEntry | readonly NewActivityEntry[]): Promise<void> => {
    if (world.storageIsAway) throw new UpstreamError('storage', { code: 'storage_unavailable', message: 'away', retryable: true });
    world.recorded.push(...[entries].flat());
  };
  const poison = createPoison({ activity: { record }, now: () => new Date(NOW), log });
  const requests = createRequests({
    segmentExports: {
      readAll: async function* () {
        for (const value of exportsOfEachKind) yield { value };
      },
    },
    settings: { getSchedule: async () => ({ value: { ...defaultSystemSchedule, active: systemActive } }) },
    runs: {
      start: async (request) => {
        const error = world.refuse.get(request.exportId);
        if (error) throw error;
        world.started.push(request);
        return { run: { id: runIdOf(request) }, created: true };
      },
    },
    poison,
    poisonQueue,
    source: { container: 'lake', folder: 'ci', hasModel: () => Promise.resolve(world.hasModel) },
    activity: { record },
    now: () => new Date(NOW),
    telemetry: noTelemetry,
    log,
  });
  const runMessages = createRunMessages({ advanceRun: async (message) => void world.advanced.push(message), poison, poisonQueue });
  const receive = (message: unknown, { messageId = 'm1', attempt = 1 } = {}) => requests.receive(message, { messageId, attempt, signal });
  return { world, receive, runMessages, poison };
};

describe('a message of another system', () => {
  it('runs one export', async () => {
    const { world, receive } = aWorld();
    await receive({ version: 1, type: 'run', exportId: idOf(3), full: true, requestId: 'r1' });
    expect(world.started).toEqual([
      {
        exportId: idOf(3),
        trigger: { kind: 'request', by: 'queue' },
        full: true,
        dryRun: false,
        requestKey: expect.stringMatching(/^req-[0-9a-f]{32}$/) as unknown,
      },
    ]);
    expect(world.poisoned).toEqual([]);
  });

  it('is on record with each run that it started, without what the sender calls it; an event of the source is not', async () => {
    const { world, receive } = aWorld({ systemActive: true });
    await receive({ version: 1, type: 'run', exportId: idOf(3), full: true, requestId: 'order of ada@example.com' });
    await receive({ version: 1, type: 'runAll', requestId: 'r2' });
    await receive(event);
    const entry = (id: string, details: object) => {
      const runId = `run_of${id.slice(4)}`;
      const requestDigest = expect.stringMatching(/^[0-9a-f]{32}$/) as unknown;
      return {
        kind: 'run_started',
        at: NOW,
        by: 'queue',
        exportId: id,
        runId,
        details: { full: false, dryRun: false, requestDigest, ...details },
      };
    };
    expect(world.recorded).toEqual([entry(idOf(3), { full: true }), entry(idOf(1), { runAll: true }), entry(idOf(2), { runAll: true })]);
    expect(JSON.stringify(world.recorded)).not.toContain('ada@');
  });

  it('that cannot be put on record does not come back, as its run has begun', async () => {
    const { world, receive } = aWorld();
    world.storageIsAway = true;
    await receive({ version: 1, type: 'run', exportId: idOf(1) });
    expect([world.started.length, world.poisoned]).toEqual([1, []]);
    expect(world.logged.join()).toContain('activity_not_recorded');
  });

  it('has the same key when it is sent again under another message id', async () => {
    const { world, receive } = aWorld();
    await receive({ version: 1, type: 'run', exportId: idOf(1), requestId: 'r1' }, { messageId: 'm1' });
    await receive({ version: 1, type: 'run', exportId: idOf(1), requestId: 'r1' }, { messageId: 'm2' });
    await receive({ version: 1, type: 'run', exportId: idOf(1), requestId: 'r2' }, { messageId: 'm3' });
    const [first, second, third] = world.started.map(({ requestKey }) => requestKey);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  it('without a request id has the key of its message', async () => {
    const { world, receive } = aWorld();
    for (const messageId of ['m1', 'm1', 'm2']) await receive({ version: 1, type: 'run', exportId: idOf(1) }, { messageId });
    expect(new Set(world.started.map(({ requestKey }) => requestKey)).size).toBe(2);
  });

  it.each([
    [false, [idOf(2)]],
    [true, [idOf(1), idOf(2)]],
  ])('runs all exports with an active schedule; system schedule on: %s', async (systemActive, expected) => {
    const { world, receive } = aWorld({ systemActive });
    await receive({ version: 1, type: 'runAll', requestId: 'r1' });
    expect(world.started.map(({ exportId }) => exportId)).toEqual(expected);
  });

  it('as an event of the source runs the exports on the system refresh, its clock on or off', async () => {
    const { world, receive } = aWorld({ systemActive: false });
    await receive(event);
    await receive(Buffer.from(JSON.stringify({ ...event, id: 'another' })).toString('base64'), { messageId: 'm2' });
    expect(world.started.map(({ exportId, trigger }) => ({ exportId, trigger }))).toEqual(
      Array(2).fill({ exportId: idOf(1), trigger: { kind: 'event', by: 'source' } }),
    );
    expect(world.started[1]?.requestKey).toBe(world.started[0]?.requestKey);
    expect(world.started[0]?.requestKey).toMatch(/^evt-[0-9a-f]{32}$/);
  });

  it('as an event of a manifest counts where there is no model.json, which would be written, too', async () => {
    const { world, receive } = aWorld();
    const written = { ...event, subject: event.subject.replace('model.json', 'default.manifest.cdm.json') };
    world.hasModel = true;
    await receive(written);
    expect(world.started).toEqual([]);
    world.hasModel = false;
    await receive(written);
    expect(world.started.map(({ exportId }) => exportId)).toEqual([idOf(1)]);
  });

  it('as an event of something else does nothing, and nothing is kept of it', async () => {
    const { world, receive } = aWorld();
    await receive({ ...event, data: { ...event.data, api: 'CreateFile' } });
    expect([world.started, world.poisoned, world.recorded]).toEqual([[], [], []]);
    expect(world.logged.join()).toContain('event_ignored');
  });

  it.each([
    ['is no JSON', 'ada@example.com', 'neither JSON nor base64'],
    ['is a number', 35732122e2, 'a number'],
    ['has an unknown field', { version: 1, type: 'run', exportId: idOf(1), email: 'ada@example.com' }, 'unknown field email'],
    ['is half an event', { ...event, data: { eTag: '0x1' } }, 'data.api'],
    ['is a CloudEvent of another version', { specversion: '0.3', type: 'x' }, 'neither an Event Grid event nor a CloudEvent'],
  ])('that %s ends in the poison queue, its reason on record and its text not', async (_, message, reason) => {
    const { world, receive } = aWorld();
    await receive(message);
    expect(world.started).toEqual([]);
    expect(world.poisoned).toMatchObject([
      { version: 1, reason: expect.stringContaining(reason) as unknown, receivedAt: NOW, messageId: 'm1' },
    ]);
    expect(world.recorded).toEqual([
      { kind: 'message_refused', at: NOW, reason: expect.stringContaining(reason) as unknown, queue: 'export-requests', messageId: 'm1' },
    ]);
    expect(JSON.stringify([world.recorded, world.logged])).not.toContain('ada@');
  });

  it.each([
    ['unknown', new NotFoundError({ code: 'export_unknown', message: 'There is no export.' }), 'There is no export.'],
    ['detached', new ConflictError({ code: 'export_detached', message: 'It has no connection.' }), 'It has no connection.'],
    ['paused', new ConflictError({ code: 'export_paused', message: 'It is paused.' }), 'It is paused.'],
  ])('for an export that is %s ends in the poison queue with the reason', async (_, error, reason) => {
    const { world, receive } = aWorld();
    world.refuse.set(idOf(9), error);
    await receive({ version: 1, type: 'run', exportId: idOf(9) });
    expect(world.poisoned.map((envelope) => envelope.reason)).toEqual([reason]);
  });

  it('is given back while storage does not answer, and kept with a reason after the fifth time', async () => {
    const { world, receive } = aWorld();
    world.refuse.set(idOf(1), new UpstreamError('storage', { code: 'storage_unavailable', message: 'No answer.', retryable: true }));
    const message = { version: 1, type: 'run', exportId: idOf(1) };
    for (const attempt of [1, 2, 3, 4]) await expect(receive(message, { attempt })).rejects.toThrow('No answer.');
    expect(world.poisoned).toEqual([]);
    await receive(message, { attempt: 5 });
    expect(world.poisoned.map(({ reason }) => reason)).toEqual(['The request failed 5 times: No answer.']);
  });

  it('starts the others when one of them fails, and is given back for that one', async () => {
    const { world, receive } = aWorld({ systemActive: true });
    world.refuse.set(idOf(1), new Error('unforeseen'));
    await expect(receive({ version: 1, type: 'runAll' })).rejects.toThrow('unforeseen');
    expect(world.started.map(({ exportId }) => exportId)).toEqual([idOf(2)]);
    world.refuse.set(idOf(1), new NotFoundError({ code: 'export_unknown', message: 'removed meanwhile' }));
    await receive({ version: 1, type: 'runAll' });
    expect(world.poisoned).toEqual([]);
  });

  it('that cannot be recorded is given back', async () => {
    const { world, receive } = aWorld();
    world.storageIsAway = true;
    await expect(receive('?')).rejects.toThrow('away');
    expect(world.poisoned).toEqual([]);
  });

  it.each<[string, unknown, object]>([
    ['text', 'ada@example.com', { bytes: 15 }],
    [
      'a request',
      { version: 1, type: 'run', exportId: idOf(1), requestId: 'ada@example.com', email: 'ada@example.com' },
      { fields: ['version', 'type', 'exportId', 'requestId'], otherFields: 1, type: 'run', exportId: idOf(1) },
    ],
    [
      'a request for something that is no id',
      { type: 'Ada', exportId: 'ada@example.com', 'ada@example.com': 1 },
      { fields: ['type', 'exportId'], otherFields: 1 },
    ],
    ['bytes', Buffer.from('{"runId":"ada@example.com"}'), { bytes: 27, fields: ['runId'], otherFields: 0 }],
  ])('is kept by what it was, without what stood in it: %s', async (_, message, kept) => {
    const { world, receive } = aWorld();
    await receive(message);
    expect(world.poisoned).toMatchObject([{ message: kept }]);
    expect(JSON.stringify([world.poisoned, world.recorded, world.logged])).not.toMatch(/ada@|"Ada"/);
  });
});

describe('a run message', () => {
  const message = { exportId: idOf(1), runId: 'run_000000000000000001', turn: 3 };

  it.each([
    ['an object', message],
    ['text', JSON.stringify(message)],
    ['base64', Buffer.from(JSON.stringify(message)).toString('base64')],
    ['an object of a later version', { ...message, extra: 1 }],
  ])('advances its run when it comes as %s', async (_, sent) => {
    const { world, runMessages } = aWorld();
    await runMessages.receive(sent, { messageId: 'm', signal });
    expect(world.advanced).toEqual([message]);
  });

  it.each([
    ['no JSON', 'x', 'neither JSON'],
    ['without a turn', { ...message, turn: undefined }, 'turn'],
    ['with a run id that is none', { ...message, runId: '../1' }, 'runId'],
  ])('that is %s goes to the poison queue with its reason', async (_, sent, reason) => {
    const { world, runMessages } = aWorld();
    await runMessages.receive(sent, { messageId: 'm', signal });
    expect(world.advanced).toEqual([]);
    expect(world.poisoned.map((envelope) => envelope.reason)).toEqual([expect.stringContaining(reason)]);
    expect(world.recorded.map(({ queue }) => queue)).toEqual(['export-runs']);
  });

  it('is read by a version that knows no other fields', () => {
    // as it was before runs were traced: old and new read one queue during a deployment
    const older = z.strictObject({ exportId: z.string(), runId: z.string(), turn: z.int() });
    const run = { id: message.runId, exportId: message.exportId } as Run;
    const document = { run, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    expect(older.parse(messageOf(document, 3))).toEqual(message);
  });

  it('that the platform gave up is recorded with its ids', async () => {
    const { world, poison } = aWorld();
    await poison.bury(message, { from: 'export-runs-poison', messageId: 'm', signal });
    const { exportId, runId } = message;
    expect(world.recorded).toEqual([
      {
        kind: 'message_given_up',
        at: NOW,
        reason: expect.stringContaining('failed five times') as unknown,
        queue: 'export-runs-poison',
        messageId: 'm',
        exportId,
        runId,
      },
    ]);
  });

  it('in an envelope of ours is on record already', async () => {
    const { world, poison } = aWorld();
    await poison.bury({ version: 1, reason: 'x', receivedAt: NOW, body: 1 }, { from: 'export-runs-poison', messageId: 'm', signal });
    expect(world.recorded).toEqual([]);
  });

  it.each([undefined, 7, 'ada@example.com', null, []])('buried as %p never throws, also while storage is away', async (body) => {
    const { world, poison } = aWorld();
    await poison.bury(body, { from: 'export-runs-poison', messageId: 'm', signal });
    expect(world.recorded).toHaveLength(1);
    world.storageIsAway = true;
    await poison.bury(body, { from: 'export-runs-poison', messageId: 'm', signal });
    expect(JSON.stringify([world.recorded, world.logged])).not.toContain('ada@');
  });
});
