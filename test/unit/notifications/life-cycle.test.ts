import fc from 'fast-check';
import { MAX_AN_HOUR, MAX_WAITING } from '../../../shared/notifications/decide';
import { MAX_CONDITIONS } from '../../../shared/notifications/follow';
import { MAX_DIGEST_ITEMS, MAX_ITEMS } from '../../../shared/notifications/message';
import { MAX_CHANNELS } from '../../../shared/settings/notification-settings';
import { MAX_CHANGES } from '../../../shared/notifications/notification-store';
import type { Sent } from '../../../shared/notifications/send';
import type { Outgoing } from '../../../shared/notifications/state';
import { MAX_A_TICK } from '../../../shared/notifications/tell';
import { defaultSystemSchedule } from '../../../shared/schedules/schedule';
import { aChannel, anExport, channelId, connectionId, createWorld, exportId, refused } from './world';
import type { World } from './world';

/** When what is told: at once, by the digest, its end; each once, never as a storm, whatever dies in between. */

const withExports = (world: World, count: number): World => {
  world.exports = Array.from({ length: count }, (_, index) => anExport(index + 1));
  return world;
};
const ticks = async (world: World, minutes: number): Promise<void> => {
  for (let minute = 0; minute < minutes; minute += 1) await world.tick();
};

describe('a condition', () => {
  it('is told at once, then by the digest alone, then its end once', async () => {
    const world = withExports(createWorld({ digest: { time: '08:00', timeZone: 'UTC' } }), 1);
    await world.tick();
    world.fails(1);
    await world.tick();
    await ticks(world, 30);
    expect(world.words(1)).toEqual(['opened run_failed/Export 1']);
    await world.tick({ minutes: 8 * 60 });
    await ticks(world, 30);
    expect(world.words(1)).toEqual(['opened run_failed/Export 1', 'digest run_failed/Export 1']);
    world.fails(1);
    await ticks(world, 5);
    await world.tick({ minutes: 24 * 60 });
    expect(world.words(1).slice(2)).toEqual(['digest run_failed/Export 1']);
    expect(world.received.at(-1)!.message.items[0]).toMatchObject({ count: 2, sentence: expect.stringContaining('2 times') as string });
    world.ended(1);
    await ticks(world, 90);
    expect(world.words(1).slice(3)).toEqual(['recovered run_failed/Export 1']);
    expect(world.received.at(-1)!.message.items[0]).toMatchObject({ how: 'resolved', until: expect.any(String) as string });
    await world.tick({ minutes: 24 * 60 });
    expect(world.words(1)).toHaveLength(4);
    expect(world.state().conditions).toEqual([]);
  });

  it('that comes back within an hour is told by the digest; later it is news', async () => {
    const world = withExports(createWorld(), 1);
    world.fails(1);
    await world.tick();
    for (let round = 0; round < 5; round += 1) {
      world.ended(1);
      await ticks(world, 5);
      world.fails(1);
      await ticks(world, 5);
    }
    // it was told once that it is open, and once that it is over: nobody heard of what came and went since
    expect(world.words(1)).toEqual(['opened run_failed/Export 1', 'recovered run_failed/Export 1']);
    // it stays, so that "runs again" must not be the last word
    await ticks(world, 54);
    expect(world.words(1)).toHaveLength(2);
    await ticks(world, 30);
    expect(world.words(1).slice(2)).toEqual(['opened run_failed/Export 1']);
    world.ended(1);
    await world.tick();
    expect(world.words(1).slice(3)).toEqual(['recovered run_failed/Export 1']);
    await ticks(world, 61);
    world.fails(1);
    await world.tick();
    expect(world.words(1).slice(4)).toEqual(['opened run_failed/Export 1']);
  });

  it('that comes back within an hour of its end, and before the digest, is told by that, and not once more', async () => {
    const world = withExports(createWorld({ digest: { time: '00:30', timeZone: 'UTC' } }), 1);
    world.fails(1);
    await world.tick();
    world.ended(1);
    await world.tick();
    world.fails(1);
    await ticks(world, 120);
    expect(world.words(1)).toEqual(['opened run_failed/Export 1', 'recovered run_failed/Export 1', 'digest run_failed/Export 1']);
  });

  const aConnection = (status: string, since = '2026-11-22T00:00:00.000Z') => ({
    connection: { id: connectionId, displayName: 'Main' },
    note: { status, since, checkedAt: since },
  });
  it.each<[string, (world: World) => void, (world: World) => void, (world: World) => void, string]>([
    [
      'run that failed, and fails now for its key',
      (world) => world.fails(1),
      (world) => {
        world.connections = [aConnection('keyRefused')];
        world.fails(1, 'key_refused');
      },
      (world) => {
        world.connections = [aConnection('connected')];
        world.ended(1);
      },
      'run_failed/Export 1',
    ],
    [
      'key that was refused, and cannot be read now',
      (world) => (world.connections = [aConnection('keyRefused')]),
      (world) => (world.connections = [aConnection('secretMissing')]),
      (world) => (world.connections = [aConnection('connected')]),
      'key_refused/Main',
    ],
    [
      'share of refused rows, of which too few were sent since to judge',
      (world) => world.ended(1, { rejected: 45, accepted: 400 }),
      (world) => world.ended(1, { rejected: 45, accepted: 0 }),
      (world) => world.ended(1, { rejected: 1, accepted: 99 }),
      'rejected_share/Export 1',
    ],
    [
      'share of refused rows, after a run that failed',
      (world) => world.ended(1, { rejected: 45, accepted: 400 }),
      (world) => world.fails(1),
      (world) => world.ended(1),
      'rejected_share/Export 1',
    ],
    [
      'connection that cannot be read any more',
      (world) => (world.connections = [aConnection('keyRefused')]),
      (world) => {
        world.connections = [];
        world.unreadableRows = [connectionId];
      },
      (world) => {
        world.connections = [aConnection('connected')];
        world.unreadableRows = [];
      },
      'key_refused/Main',
    ],
    [
      'connection whose note cannot be read any more',
      (world) => (world.connections = [aConnection('secretMissing')]),
      (world) => {
        world.connections = [{ ...aConnection('connected'), note: undefined }];
        world.unreadableRows = [`${connectionId}~note`];
      },
      (world) => {
        world.connections = [aConnection('connected')];
        world.unreadableRows = [];
      },
      'secret_missing/Main',
    ],
  ])('is not told to be over while it may not be: a %s', async (_, begins, goesOn, ends, words) => {
    const world = withExports(createWorld(), 1);
    begins(world);
    await world.tick();
    expect(world.words(1)).toEqual([`opened ${words}`]);
    goesOn(world);
    await ticks(world, 90);
    expect(world.words(1).filter((one) => one.startsWith('recovered'))).toEqual([]);
    ends(world);
    await ticks(world, 2);
    expect(world.words(1).at(-1)).toMatch(new RegExp(`^recovered .*${words}`));
  });

  it('that a later version knows stays as it is', async () => {
    const world = withExports(createWorld(), 1);
    const of = {
      kind: 'of_later',
      since: world.now().toISOString(),
      openedAt: world.now().toISOString(),
      seenAt: world.now().toISOString(),
    };
    const app = { type: 'app' as const, name: 'it' };
    const rest = { count: 1, token: '', quiet: false, owed: [], told: ['log', channelId(1)] };
    world.setState((state) => ({ ...state, conditions: [{ ...of, ...rest, subject: app }] }));
    await ticks(world, 3);
    expect([world.words(1), world.state().conditions]).toMatchObject([[], [{ kind: 'of_later', told: ['log', channelId(1)] }]]);
  });

  it('of other kinds is told also where the schedule cannot be read; that one did not start is then neither begun nor over', async () => {
    const world = withExports(createWorld(), 2);
    world.exports[1] = anExport(2, { schedule: { kind: 'custom', repeat: 'daily', times: ['00:00'], timeZone: 'UTC' } });
    await ticks(world, 20);
    expect(world.words(1)).toEqual(['opened did_not_start/Export 2']);
    world.refresh = 'unreadable';
    world.fails(1);
    await ticks(world, 5);
    expect(world.words(1).slice(1)).toEqual(['opened run_failed/Export 1']);
    world.refresh = defaultSystemSchedule;
    world.exports[1] = anExport(2);
    await ticks(world, 2);
    expect(world.received.at(-1)!.message.items[0]!.sentence).toBe('No run of the export “Export 2” is overdue any more.');
  });

  it.each<[string, (world: World) => void, string]>([
    ['removed', (world) => (world.exports = []), 'removed'],
    ['paused', (world) => (world.exports = [anExport(1, { paused: true })]), 'paused'],
    ['detached', (world) => (world.exports = [anExport(1, { connectionId: undefined })]), 'paused'],
  ])('ends when its export is %s', async (_, change, how) => {
    const world = withExports(createWorld(), 1);
    world.fails(1);
    await world.tick();
    change(world);
    await ticks(world, 3);
    expect(world.words(1)).toEqual(['opened run_failed/Export 1', 'recovered run_failed/Export 1']);
    expect(world.received.at(-1)!.message.items[0]).toMatchObject({ how });
  });

  it('does not end because its export cannot be read', async () => {
    const world = withExports(createWorld(), 1);
    world.fails(1);
    await world.tick();
    world.exports = [];
    world.unreadable.add(exportId(1));
    await ticks(world, 3);
    expect(world.words(1)).toEqual(['opened run_failed/Export 1']);
    expect(world.state().conditions).toEqual([expect.not.objectContaining({ recoveredAt: expect.anything() as string })]);
  });

  it('whose end could not be told yet, and which comes back, is open as it was for those who know it so', async () => {
    const world = withExports(createWorld(), MAX_AN_HOUR + 1);
    for (let index = 1; index <= MAX_AN_HOUR; index += 1) {
      world.fails(index);
      await world.tick();
    }
    // the hour is full
    world.ended(1);
    await ticks(world, 2);
    world.fails(1);
    await ticks(world, 90);
    const ofFirst = world.received.flatMap(({ message: { type, items } }) =>
      items.filter(({ subject }) => subject.id === exportId(1)).map(() => type),
    );
    expect(ofFirst).toEqual(['condition.opened']);
    world.ended(1);
    await ticks(world, 3);
    expect(world.words(1).at(-1)).toBe('recovered run_failed/Export 1');
  });

  it('that begins with others in the same minute comes in one message with them; more than ten are summed up', async () => {
    const world = withExports(createWorld(), 25);
    for (let index = 1; index <= 25; index += 1) world.fails(index);
    await world.tick();
    expect(world.received).toHaveLength(1);
    expect(world.received[0]!.message).toMatchObject({ items: { length: MAX_ITEMS }, more: 15 });
    await world.tick({ minutes: 24 * 60 });
    expect(world.received[1]!.message).toMatchObject({ type: 'digest', items: { length: MAX_DIGEST_ITEMS }, more: 5 });
    // each a line of its own in the log, from which e-mail is sent
    const lines = world.logged.filter(({ event }) => event === 'notification');
    expect(lines.filter(({ stage }) => stage === 'first')).toHaveLength(25);
    expect(lines[0]).toEqual({
      ...{ event: 'notification', kind: 'run_failed', stage: 'first', exportId: exportId(1), name: 'Export 1' },
      sentence: 'The export “Export 1” failed (list_unknown); its last run says why.',
    });
  });

  it('is logged also where there is no channel', async () => {
    const world = withExports(createWorld({ channels: [] }), 1);
    world.fails(1);
    await ticks(world, 3);
    world.ended(1);
    await ticks(world, 3);
    expect(world.logged.map(({ event, stage }) => [event, stage])).toEqual([
      ['notification', 'first'],
      ['notification', 'recovered'],
    ]);
  });

  it('costs nothing while nothing happens: one read a minute, nothing written', async () => {
    const world = withExports(createWorld(), 3);
    world.fails(1);
    await ticks(world, 2);
    const before = world.calls();
    await ticks(world, 30);
    expect(world.calls() - before).toBe(30);
  });

  it('is one of at most so many, whatever else is wrong', async () => {
    const world = withExports(createWorld(), MAX_CONDITIONS + 100);
    for (let index = 1; index <= MAX_CONDITIONS + 100; index += 1) world.fails(index);
    await ticks(world, 2);
    expect(world.state().conditions).toHaveLength(MAX_CONDITIONS);
    for (let index = 1; index <= MAX_CONDITIONS; index += 1) world.ended(index);
    await ticks(world, 3);
    expect(world.state().conditions.filter(({ recoveredAt }) => recoveredAt === undefined)).toHaveLength(100);
  });

  it('fits into its row with all the others, whatever its export is called and however many are told', async () => {
    const world = withExports(
      createWorld({ channels: Array.from({ length: MAX_CHANNELS }, (_, index) => aChannel(index)) }),
      MAX_CONDITIONS,
    );
    world.exports = world.exports.map((one) => ({ ...one, name: '"\u0001字'.repeat(60) }));
    for (let index = 1; index <= MAX_CONDITIONS; index += 1) world.fails(index, 'x'.repeat(40));
    await ticks(world, 2);
    expect(world.state().conditions).toHaveLength(MAX_CONDITIONS);
    expect(JSON.stringify(world.state()).length).toBeLessThan(448_000);
  });
});

describe('a channel', () => {
  it('hears of its kinds, and where it is chosen of the exports that name it and of their connections', async () => {
    const channels = [
      aChannel(1, { kinds: ['key_refused'] }),
      aChannel(2, { scope: 'chosen' }),
      aChannel(3, { scope: 'chosen', kinds: ['removals_held'] }),
      aChannel(4),
    ];
    const world = createWorld({ channels });
    world.exports = [anExport(1, { notify: { channelIds: [channelId(2), channelId(3)] } }), anExport(2)];
    world.connections = [
      {
        connection: { id: connectionId, displayName: 'Main' },
        note: { status: 'keyRefused', since: '2026-11-22T00:00:00.000Z', checkedAt: '2026-11-22T00:00:00.000Z' },
      },
    ];
    world.fails(1);
    world.fails(2);
    await world.tick();
    expect([1, 2, 3, 4].map((index) => world.words(index))).toEqual([
      ['opened key_refused/Main'],
      ['opened run_failed/Export 1 key_refused/Main'],
      [],
      ['opened run_failed/Export 1 run_failed/Export 2 key_refused/Main'],
    ]);
  });

  it('that is added later hears of what is open by the digest, and of the end of that', async () => {
    const world = withExports(createWorld(), 1);
    world.fails(1);
    await world.tick();
    world.notifications = createWorld({ channels: [aChannel(1), aChannel(2)] }).notifications;
    await ticks(world, 3);
    expect(world.words(2)).toEqual([]);
    await world.tick({ minutes: 24 * 60 });
    world.ended(1);
    await world.tick();
    expect(world.words(2)).toEqual(['digest run_failed/Export 1', 'recovered run_failed/Export 1']);
  });

  it('that fails is asked with growing waits, one message at a time, for a day; then the message is given up', async () => {
    let asked: number[] = [];
    const world = withExports(
      createWorld({
        answer: (_, atMs): Sent => {
          asked.push(atMs);
          return refused;
        },
      }),
      2,
    );
    world.fails(1);
    await world.tick();
    const first = asked[0]!;
    world.fails(2);
    await ticks(world, 60);
    expect(asked.map((atMs) => (atMs - first) / 60_000)).toEqual([0, 1, 3, 8, 18, 48]);
    for (let hour = 0; hour < 30; hour += 1) await world.tick({ minutes: 60 });
    expect(world.outbox().filter(({ createdAt }) => Date.parse(createdAt) === first)).toEqual([]);
    expect(world.recorded[0]).toMatchObject({
      kind: 'notification_given_up',
      details: { channel: 'Channel 1', code: 'failing', status: 500 },
      reason: expect.stringContaining('nobody took it for a day') as string,
    });
    asked = [];
  });

  it('that names a time is not asked before', async () => {
    const asked: number[] = [];
    const world = withExports(
      createWorld({
        answer: (_, atMs): Sent => {
          asked.push(atMs);
          return asked.length === 1
            ? { ok: false, status: 429, code: 'throttled', isGone: false, retryAfterMs: 45 * 60_000 }
            : { ok: true, status: 200 };
        },
      }),
      1,
    );
    world.fails(1);
    await ticks(world, 60);
    expect(asked.map((atMs) => (atMs - asked[0]!) / 60_000)).toEqual([0, 45]);
    expect(world.words(1)).toEqual(['opened run_failed/Export 1']);
  });

  it('that is no more is sent nothing, until its address changes', async () => {
    let asked = 0;
    const world = withExports(
      createWorld({
        answer: (): Sent => {
          asked += 1;
          return asked === 1 ? { ok: false, status: 410, code: 'gone', isGone: true } : { ok: true, status: 200 };
        },
      }),
      3,
    );
    world.fails(1);
    await world.tick();
    world.fails(2);
    await ticks(world, 90);
    expect([asked, world.outbox()]).toEqual([1, []]);
    expect(world.recorded).toEqual([expect.objectContaining({ kind: 'notification_given_up' })]);
    world.notifications.channels[0]!.secretName = 'notify-new';
    await world.tick();
    world.fails(3);
    await world.tick();
    expect(world.words(1)).toEqual(['opened run_failed/Export 3']);
    await world.tick({ minutes: 24 * 60 });
    expect(world.words(1)[1]).toBe('digest run_failed/Export 1 run_failed/Export 2 run_failed/Export 3');
  });

  it('whose address was changed while the old one was tried is tried at the new one, with all that waits', async () => {
    const tried: string[] = [];
    const world: World = withExports(
      createWorld({
        answer: (): Sent => {
          const [channel] = world.notifications.channels;
          tried.push(channel!.secretName);
          if (channel!.secretName !== 'notify-1') return { ok: true, status: 200 };
          if (tried.length === 1) return refused;
          // somebody saves another one before the answer is there
          world.notifications = { ...world.notifications, channels: [{ ...channel!, secretName: 'notify-new' }] };
          return { ok: false, status: 410, code: 'gone', isGone: true };
        },
      }),
      2,
    );
    world.fails(1);
    await world.tick({ minutes: 1 });
    world.fails(2);
    await ticks(world, 4);
    expect(tried.slice(0, 3)).toEqual(['notify-1', 'notify-1', 'notify-new']);
    expect(world.words(1)).toEqual(['opened run_failed/Export 2']);
  });

  it('whose receiver is not found is tried for more than an hour before it counts as gone, and the others are told of that', async () => {
    const asked: number[] = [];
    const notFound: Sent = { ok: false, status: 404, code: 'gone', isGone: false };
    const world = withExports(
      createWorld({
        channels: [aChannel(1), aChannel(2)],
        answer: (id, atMs): Sent => {
          if (id === channelId(2)) return { ok: true, status: 200 };
          asked.push(atMs);
          return notFound;
        },
      }),
      1,
    );
    world.fails(1);
    await world.tick();
    await ticks(world, 59);
    expect([world.outbox().length, world.words(2)]).toEqual([1, ['opened run_failed/Export 1']]);
    await ticks(world, 30);
    expect(asked.map((atMs) => (atMs - asked[0]!) / 60_000)).toEqual([0, 1, 3, 8, 18, 48, 78]);
    expect([world.outbox(), world.words(2).slice(1)]).toEqual([[], ['opened channel_broken/Channel 1']]);
    expect(world.logged.filter(({ kind }) => kind === 'channel_broken')).toEqual([
      expect.objectContaining({ stage: 'first', sentence: expect.stringContaining('“Channel 1” gets no more notifications') as string }),
    ]);
    world.notifications = { ...world.notifications, channels: [aChannel(2)] as never };
    await ticks(world, 2);
    expect(world.received.at(-1)!.message.items[0]).toMatchObject({
      how: 'removed',
      sentence: expect.stringContaining('The channel “Channel 1” was removed') as string,
    });
  });

  it('that is not found once is not given up for it', async () => {
    let asked = 0;
    const world = withExports(
      createWorld({
        answer: (): Sent => ((asked += 1) === 1 ? { ok: false, status: 404, code: 'gone', isGone: false } : { ok: true, status: 200 }),
      }),
      1,
    );
    world.fails(1);
    await ticks(world, 3);
    expect(world.words(1)).toEqual(['opened run_failed/Export 1']);
  });

  const waiting = (index: number, count: number): Outgoing[] =>
    Array.from({ length: count }, (_, number) => ({
      ...{ id: `msg_${index}_${String(number).padStart(3, '0')}`, channelId: channelId(index), attempts: 0 },
      ...{ createdAt: '2026-11-22T23:00:00.000Z', nextAt: '2026-11-22T23:00:00.000Z' },
      message: { version: 1, type: 'condition.opened', timestamp: '2026-11-22T23:00:00.000Z', items: [], more: 0 },
    }));

  it('is sent so many messages a tick, and none once its time is over', async () => {
    const world = createWorld();
    world.setOutbox(waiting(1, 9));
    await world.tick();
    expect(world.received).toHaveLength(MAX_A_TICK);
    world.slow(26_000);
    await world.tick();
    expect(world.received).toHaveLength(MAX_A_TICK + 1);
  });

  it('takes all its messages with it in as many transactions as that needs', async () => {
    const world = createWorld({ channels: [] });
    world.setOutbox(waiting(1, MAX_CHANGES + 20));
    await world.tick();
    expect(world.outbox()).toHaveLength(21);
    await world.tick();
    expect(world.outbox()).toEqual([]);
  });

  it('is sent nothing twice because somebody else wrote at the same moment, whose word stays', async () => {
    const world = withExports(createWorld({ channels: [aChannel(1), aChannel(2)] }), 1);
    await world.tick();
    world.setOutbox(waiting(1, 1));
    world.meanwhile((state) => ({ ...state, channels: { [channelId(2)]: { sentAt: [], digestOwed: true } } }));
    await world.tick();
    expect([world.outbox(), world.received.length]).toEqual([[], 1]);
    expect(world.state().channels).toMatchObject({ [channelId(1)]: { delivery: { ok: true } }, [channelId(2)]: { digestOwed: true } });
  });

  it('that has gone takes its messages with it', async () => {
    const world = withExports(createWorld({ answer: () => refused }), 1);
    world.fails(1);
    await world.tick();
    expect(world.outbox()).toHaveLength(1);
    world.notifications = { ...world.notifications, channels: [] };
    await ticks(world, 2);
    expect([world.outbox(), world.state().channels]).toEqual([[], {}]);
  });

  it('whose hour is full is told the rest in the next message, when it has room', async () => {
    const world = withExports(createWorld(), 60);
    for (let index = 1; index <= 60; index += 1) {
      world.fails(index);
      await world.tick();
    }
    const firstHour = world.received.filter(({ atMs }) => atMs - world.received[0]!.atMs < 3_600_000);
    expect(firstHour).toHaveLength(MAX_AN_HOUR);
    await ticks(world, 3);
    const told = world.received.flatMap(({ message: { items, more } }) => [
      ...items.map(({ subject }) => subject.name),
      ...Array<string>(more).fill('more'),
    ]);
    expect(told).toHaveLength(60);
    expect(world.received[MAX_AN_HOUR]!.message).toMatchObject({ items: { length: MAX_ITEMS }, more: expect.any(Number) as number });
  });
});

describe('a digest', () => {
  it('comes at its time by the clock on the wall, also on days on which that changes', async () => {
    const world = withExports(createWorld({ digest: { time: '02:30', timeZone: 'Europe/Paris' } }), 1);
    world.fails(1);
    const minutesTo = (instant: string): number => (Date.parse(instant) - world.now().getTime()) / 60_000;
    await world.tick({ minutes: minutesTo('2027-03-26T12:00:00Z') });
    // winter, the day without 02:30, summer
    for (const [before, at] of [
      ['2027-03-27T01:29:00Z', '2027-03-27T01:30:00Z'],
      ['2027-03-28T00:59:00Z', '2027-03-28T01:00:00Z'],
      ['2027-03-29T00:29:00Z', '2027-03-29T00:30:00Z'],
    ]) {
      const count = world.received.length;
      await world.tick({ minutes: minutesTo(before!) });
      expect(world.received).toHaveLength(count);
      await world.tick({ minutes: minutesTo(at!) });
      expect(world.received).toHaveLength(count + 1);
      await world.tick({ minutes: 120 });
      expect(world.received).toHaveLength(count + 1);
    }
  });

  it('says nothing where nothing is open, and nothing twice when the app slept over it', async () => {
    const world = withExports(createWorld(), 1);
    await world.tick({ minutes: 72 * 60 });
    expect(world.received).toEqual([]);
    world.fails(1);
    await world.tick();
    await world.tick({ minutes: 5 * 24 * 60 });
    await ticks(world, 5);
    expect(world.words(1)).toEqual(['opened run_failed/Export 1', 'digest run_failed/Export 1']);
  });

  it('does not come at once because its time was set to one that has just gone by', async () => {
    const world = withExports(createWorld({ digest: { time: '23:00', timeZone: 'UTC' } }), 1);
    world.fails(1);
    // digests up to here were told before 09:00, which the new time is
    await world.tick({ minutes: 8 * 60 });
    await world.tick({ minutes: 2 * 60 });
    const digestSetAt = new Date(world.now().getTime() + 1_000).toISOString();
    world.notifications = { ...world.notifications, digest: { time: '09:00', timeZone: 'UTC' }, digestSetAt };
    await ticks(world, 10);
    expect(world.words(1)).toEqual(['opened run_failed/Export 1']);
    await world.tick({ minutes: 23 * 60 });
    expect(world.words(1)).toHaveLength(2);
  });
});

it('a digest comes again after a clock was years ahead', async () => {
  const world = withExports(createWorld({ digest: { time: '08:00', timeZone: 'UTC' } }), 1);
  world.fails(1);
  await world.tick();
  world.setState((state) => ({ ...state, digestedUntil: '2036-01-01T00:00:00.000Z' }));
  await world.tick();
  await world.tick({ minutes: 24 * 60 });
  expect(world.words(1)).toEqual(['opened run_failed/Export 1', 'digest run_failed/Export 1']);
});

it('what cannot be read is said once, not each minute', async () => {
  const world = createWorld();
  world.setReadable(false);
  await ticks(world, 5);
  expect(world.logged.map(({ event }) => event)).toEqual(['row_unreadable']);
});

it('what was told when the time was over is written down: no log line and no message comes again', async () => {
  for (let end = 1; end <= 8; end += 1) {
    const world = withExports(createWorld({ channels: [aChannel(1), aChannel(2)] }), 1);
    await world.tick();
    world.fails(1);
    await world.tick({ end });
    await ticks(world, 10);
    expect(world.logged.filter(({ event }) => event === 'notification')).toHaveLength(1);
    expect([1, 2].map((index) => world.words(index))).toEqual([['opened run_failed/Export 1'], ['opened run_failed/Export 1']]);
  }
});

describe('whatever the order, and wherever a tick dies', () => {
  interface Step {
    readonly minutes: number;
    /** of each export: what its last run says now */
    readonly change: readonly (readonly [index: number, fails: boolean])[];
    readonly death?: { left: number; after: boolean } | undefined;
    /** the time of the tick is over at this call */
    readonly end?: number | undefined;
    readonly down: readonly number[];
  }
  const EXPORTS = 4;
  const CHANNELS = 2;
  const steps: fc.Arbitrary<readonly Step[]> = fc.array(
    fc.record({
      minutes: fc.oneof(
        { weight: 8, arbitrary: fc.constant(1) },
        { weight: 2, arbitrary: fc.integer({ min: 1, max: 90 }) },
        { weight: 1, arbitrary: fc.constant(700) },
      ),
      change: fc.array(fc.tuple(fc.integer({ min: 1, max: EXPORTS }), fc.boolean()), { maxLength: 3 }),
      death: fc.option(fc.record({ left: fc.integer({ min: 1, max: 6 }), after: fc.boolean() }), { nil: undefined, freq: 2 }),
      end: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined, freq: 2 }),
      down: fc.subarray([1, 2]),
    }),
    { minLength: 5, maxLength: 40 },
  );

  it('each is told first once, its end once, and nobody more than the most', async () => {
    let complete = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        let down: readonly number[] = [];
        const world = withExports(
          createWorld({
            channels: [aChannel(1), aChannel(2)],
            answer: (id): Sent => (down.some((index) => channelId(index) === id) ? refused : { ok: true, status: 200 }),
          }),
          EXPORTS,
        );
        for (const step of all) {
          for (const [index, fails] of step.change) (fails ? world.fails : world.ended)(index);
          down = step.down;
          await world.tick({ minutes: step.minutes, ...(step.death ? { death: step.death } : {}), ...(step.end ? { end: step.end } : {}) });
          for (let index = 1; index <= CHANNELS; index += 1)
            expect(world.outbox().filter((one) => one.channelId === channelId(index)).length).toBeLessThanOrEqual(MAX_WAITING);
        }
        // in the end all is well, and everybody answers again
        down = [];
        for (let index = 1; index <= EXPORTS; index += 1) world.ended(index);
        for (let hour = 0; hour < 10; hour += 1) await world.tick({ minutes: 61 });

        for (let index = 1; index <= CHANNELS; index += 1) {
          const byId = new Map(world.received.filter((one) => one.channelId === channelId(index)).map((one) => [one.id, one]));
          // the same message may come twice, never with another content
          for (const { id, message, channelId: channel } of world.received)
            if (channel === channelId(index)) expect(message).toEqual(byId.get(id)!.message);
          const messages = [...byId.values()]
            .map(({ message }) => message)
            .sort((one, other) => (one.timestamp < other.timestamp ? -1 : 1));
          for (const [start, { timestamp }] of messages.entries()) {
            const within = messages.slice(start).filter((one) => Date.parse(one.timestamp) - Date.parse(timestamp) < 3_600_000);
            expect(within.length).toBeLessThanOrEqual(MAX_AN_HOUR);
          }
          // who missed a message that nobody took for a day may miss a beginning, or an end
          if (world.lost() > 0) continue;
          for (let number = 1; number <= EXPORTS; number += 1) {
            // of one condition: open and over take turns, beginning with open and ending with over; digests lie in between
            let open = false;
            for (const { type, items } of messages) {
              if (!items.some(({ subject }) => subject.id === exportId(number))) continue;
              if (type === 'condition.opened') expect(open).toBe(false);
              if (type === 'condition.recovered') expect(open).toBe(true);
              open = type !== 'condition.recovered';
            }
            expect(open).toBe(false);
          }
        }
        // the log is told each once, and once more at most where a tick died between the line and the note of it
        const lines = world.logged.filter(({ event }) => event === 'notification').length;
        const { items, mayRepeat } = world.logItems();
        expect(lines).toBeGreaterThanOrEqual(items);
        expect(lines).toBeLessThanOrEqual(items + mayRepeat);

        complete += world.lost() === 0 ? 1 : 0;
        expect([world.outbox(), world.state().conditions]).toEqual([[], []]);
      }),
      { numRuns: 200 },
    );
    expect(complete).toBeGreaterThan(50);
  }, 60_000);
});
