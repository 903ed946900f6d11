import { ConflictError, NotFoundError, UpstreamError } from '../../../shared/errors';
import { Export } from '../../../shared/exports/export';
import type { ExportId } from '../../../shared/ids';
import { createFanOut, dueOccurrence, occurrenceKey } from '../../../shared/schedules/fan-out';
import { defaultSystemSchedule, SystemSchedule } from '../../../shared/schedules/schedule';
import type { SystemRefresh } from '../../../shared/schedules/schedule';
import type { StartRequest } from '../../../shared/schedules/start-all';
import type { Tick } from '../../../shared/schedules/tick-store';

const signal = new AbortController().signal;
const LONG_AGO = '2025-01-01T00:00:00.000Z';

const anExport = (
  number: number,
  fields: { schedule?: object; createdAt?: string; scheduleSetAt?: string; paused?: boolean; connectionId?: string | undefined } = {},
): Export =>
  Export.parse({
    id: `exp_${String(number).padStart(10, '0')}`,
    name: `Export ${number}`,
    connectionId: 'con_0000000001',
    listId: 'YafG4m',
    segments: ['HighValue'],
    mapping: { email: 'EMail' },
    createdAt: LONG_AGO,
    createdBy: 'a',
    updatedAt: LONG_AGO,
    updatedBy: 'a',
    ...fields,
  });
const daily = (time: string, timeZone = 'UTC'): object => ({ kind: 'custom', repeat: 'daily', times: [time], timeZone });

/** A small world with a clock that can be set; what `start` refuses is given by export id. */
const aWorld = ({ exports = [], system = defaultSystemSchedule }: { exports?: Export[]; system?: SystemRefresh } = {}) => {
  const world = {
    exports,
    system,
    clock: '2026-06-01T00:00:00.000Z',
    started: [] as StartRequest[],
    refuse: new Map<ExportId, Error>(),
    row: undefined as { value: Tick; etag: string } | undefined,
    events: [] as string[],
    settings: { getRefresh: async () => ({ value: world.system }) },
    segmentExports: {
      readAll: async function* () {
        for (const value of world.exports) yield { value };
      },
    },
  };
  const fanOut = createFanOut({
    segmentExports: world.segmentExports,
    settings: world.settings,
    runs: {
      start: async (request) => {
        const error = world.refuse.get(request.exportId);
        if (error) throw error;
        world.started.push(request);
      },
    },
    tickStore: {
      find: async () => world.row,
      save: async (value, { ifMatch }) => {
        if (ifMatch !== world.row?.etag) throw new ConflictError({ code: 'changed_meanwhile', message: 'changed' });
        world.row = { value, etag: `${Number(ifMatch ?? 0) + 1}` };
      },
    },
    now: () => new Date(world.clock),
    log: (event) => void world.events.push(event),
  });
  const tickAt = async (clock: string): Promise<string[]> => {
    world.clock = clock;
    world.started = [];
    await fanOut.tick({ signal });
    return world.started.map(({ exportId, requestKey }) => `${Number(exportId.slice(4))} ${requestKey}`);
  };
  return { world, fanOut, tickAt };
};

describe('the fan-out', () => {
  it('starts an export once when it is due', async () => {
    const { world, tickAt } = aWorld({ exports: [anExport(1, { schedule: daily('02:30', 'Europe/Paris') })] });
    expect(await tickAt('2026-06-01T00:29:00.000Z')).toEqual([]);
    expect(await tickAt('2026-06-01T00:30:00.100Z')).toEqual(['1 occ-20260601T003000Z']);
    expect(world.started[0]).toEqual({
      exportId: 'exp_0000000001',
      trigger: { kind: 'schedule', by: 'schedule' },
      full: false,
      dryRun: false,
      requestKey: 'occ-20260601T003000Z',
    });
    expect(await tickAt('2026-06-01T00:31:00.000Z')).toEqual([]);
  });

  it('X12 starts many that are due at the same minute, each once; to spread them, any minute may be chosen', async () => {
    const at = (minute: number) => daily(`02:${String(minute).padStart(2, '0')}`);
    const exports = Array.from({ length: 120 }, (_, number) => anExport(number, { schedule: at(number < 60 ? 0 : number - 60) }));
    const { tickAt } = aWorld({ exports });
    await tickAt('2026-06-01T01:59:30.000Z');
    expect(await tickAt('2026-06-01T02:00:30.000Z')).toHaveLength(61);
    for (let minute = 1; minute < 60; minute++) {
      const clock = `2026-06-01T02:${String(minute).padStart(2, '0')}:30.000Z`;
      expect(await tickAt(clock)).toEqual([`${60 + minute} occ-20260601T02${String(minute).padStart(2, '0')}00Z`]);
    }
  });

  it('starts nothing on its very first tick', async () => {
    const { world, tickAt } = aWorld({ exports: [anExport(1, { schedule: daily('00:00') })] });
    expect(await tickAt('2026-06-01T00:00:10.000Z')).toEqual([]);
    expect(world.row?.value.at).toBe('2026-06-01T00:00:10.000Z');
  });

  it('runs exports on the system refresh with it, and only while it is on', async () => {
    const exports = [anExport(1), anExport(2, { schedule: { kind: 'off' } }), anExport(3, { schedule: daily('05:00') }), anExport(4)];
    const system = SystemSchedule.parse({ active: true, repeat: 'daily', times: ['02:00'], timeZone: 'UTC' });
    const { world, tickAt } = aWorld({ exports, system });
    await tickAt('2026-06-01T01:59:30.000Z');
    expect(await tickAt('2026-06-01T02:00:30.000Z')).toEqual(['1 occ-20260601T020000Z', '4 occ-20260601T020000Z']);
    world.system = { ...system, active: false };
    await tickAt('2026-06-02T01:59:30.000Z');
    expect(await tickAt('2026-06-02T02:00:30.000Z')).toEqual([]);
  });

  it('does not run a detached export', async () => {
    const { tickAt } = aWorld({ exports: [anExport(1, { schedule: daily('02:00'), connectionId: undefined })] });
    await tickAt('2026-06-01T01:59:30.000Z');
    expect(await tickAt('2026-06-01T02:00:30.000Z')).toEqual([]);
  });

  it('catches up one missed occurrence at most, the newest', async () => {
    const { tickAt } = aWorld({ exports: [anExport(1, { schedule: daily('02:00') }), anExport(2, { schedule: daily('23:00') })] });
    await tickAt('2026-06-01T01:00:00.000Z');
    expect(await tickAt('2026-06-09T12:00:00.000Z')).toEqual(['1 occ-20260609T020000Z', '2 occ-20260608T230000Z']);
    expect(await tickAt('2026-06-09T12:01:00.000Z')).toEqual([]);
  });

  it('does not catch up what lies before the export was made', async () => {
    const { tickAt } = aWorld({ exports: [anExport(1, { schedule: daily('02:00'), createdAt: '2026-06-01T02:00:10.000Z' })] });
    await tickAt('2026-06-01T01:59:30.000Z');
    expect(await tickAt('2026-06-01T02:00:30.000Z')).toEqual([]);
  });

  it.each([
    ['changed to a time just gone by', { scheduleSetAt: '2026-06-01T02:00:10.000Z' }, []],
    ['changed at that very instant', { scheduleSetAt: '2026-06-01T02:00:00.000Z' }, []],
    ['changed a moment before', { scheduleSetAt: '2026-06-01T01:59:59.999Z' }, ['1 occ-20260601T020000Z']],
    ['paused', { paused: true }, []],
    ['resumed after it', { scheduleSetAt: '2026-06-01T02:00:20.000Z' }, []],
  ])('runs an export that was %s only where the time is its own', async (_, fields, expected) => {
    const exports = [anExport(1, { schedule: daily('02:00'), ...fields })];
    const { tickAt } = aWorld({ exports });
    await tickAt('2026-06-01T01:59:30.000Z');
    expect(await tickAt('2026-06-01T02:00:30.000Z')).toEqual(expected);
    expect(await tickAt('2026-06-02T02:00:30.000Z')).toEqual('paused' in fields ? [] : ['1 occ-20260602T020000Z']);
  });

  it('runs nothing when the system refresh was set to a time just gone by', async () => {
    const system = SystemSchedule.parse({ active: true, repeat: 'daily', times: ['02:00'], timeZone: 'UTC' });
    const { world, tickAt } = aWorld({ exports: [anExport(1), anExport(2, { schedule: daily('02:00') })], system });
    await tickAt('2026-06-01T01:59:30.000Z');
    world.system = { ...system, setAt: '2026-06-01T02:00:10.000Z' };
    expect(await tickAt('2026-06-01T02:00:30.000Z')).toEqual(['2 occ-20260601T020000Z']);
    expect(await tickAt('2026-06-02T02:00:30.000Z')).toEqual(['1 occ-20260602T020000Z', '2 occ-20260602T020000Z']);
  });

  it('goes on with the others where a zone is unknown to this machine', async () => {
    const odd = { ...daily('02:00'), timeZone: 'Mars/Olympus' };
    const system = {
      ...SystemSchedule.parse({ active: true, repeat: 'daily', times: ['02:00'], timeZone: 'UTC' }),
      timeZone: 'Mars/Olympus',
    };
    const exports = [anExport(1, { schedule: odd }), anExport(2, { schedule: daily('02:00') }), anExport(3)];
    const { world, tickAt } = aWorld({ exports, system });
    await tickAt('2026-06-01T01:59:30.000Z');
    expect(await tickAt('2026-06-01T02:00:30.000Z')).toEqual(['2 occ-20260601T020000Z']);
    expect(world.events.filter((event) => event === 'schedule_not_computed').length).toBeGreaterThanOrEqual(2);
  });

  it('takes no harm from a clock that goes back a little', async () => {
    const { tickAt } = aWorld({ exports: [anExport(1, { schedule: daily('02:00') })] });
    await tickAt('2026-06-01T01:59:30.000Z');
    expect(await tickAt('2026-06-01T02:00:30.000Z')).toEqual(['1 occ-20260601T020000Z']);
    expect(await tickAt('2026-06-01T01:59:50.000Z')).toEqual([]);
    expect(await tickAt('2026-06-01T02:00:20.000Z')).toEqual([]);
    expect(await tickAt('2026-06-01T02:01:20.000Z')).toEqual([]);
    expect(await tickAt('2026-06-02T02:00:00.000Z')).toEqual(['1 occ-20260602T020000Z']);
  });

  it('goes on after a clock that stood years ahead was set right', async () => {
    const { world, tickAt } = aWorld({ exports: [anExport(1, { schedule: daily('02:00') })] });
    await tickAt('2026-06-01T01:59:30.000Z');
    await tickAt('2036-06-01T01:59:30.000Z');
    expect(await tickAt('2026-06-01T01:59:40.000Z')).toEqual([]);
    expect(world.events).toContain('tick_clock_back');
    expect(await tickAt('2026-06-01T02:00:30.000Z')).toEqual(['1 occ-20260601T020000Z']);
  });

  it('starts the others when one cannot be started, and forgets what will not pass', async () => {
    const { world, tickAt } = aWorld({ exports: [1, 2, 3].map((number) => anExport(number, { schedule: daily('02:00') })) });
    world.refuse.set(anExport(2).id, new NotFoundError({ code: 'not_found', message: 'gone' }));
    await tickAt('2026-06-01T01:59:30.000Z');
    expect(await tickAt('2026-06-01T02:00:30.000Z')).toEqual(['1 occ-20260601T020000Z', '3 occ-20260601T020000Z']);
    expect(world.events).toContain('run_not_started');
    world.refuse.clear();
    expect(await tickAt('2026-06-01T02:01:30.000Z')).toEqual([]);
  });

  it('X13 tries again by itself, for an hour, what may pass', async () => {
    const { world, tickAt } = aWorld({ exports: [anExport(1, { schedule: daily('02:00') }), anExport(2, { schedule: daily('02:00') })] });
    const away = new UpstreamError('keyVault', { code: 'vault_unavailable', message: 'no answer', retryable: true });
    world.refuse.set(anExport(1).id, away);
    world.refuse.set(anExport(2).id, away);
    await tickAt('2026-06-01T01:59:30.000Z');
    expect(await tickAt('2026-06-01T09:00:30.000Z')).toEqual([]); // late after a stop, and refused
    world.refuse.delete(anExport(1).id);
    expect(await tickAt('2026-06-01T09:30:30.000Z')).toEqual(['1 occ-20260601T020000Z']);
    expect(await tickAt('2026-06-01T10:05:30.000Z')).toEqual([]);
    world.refuse.clear();
    expect(await tickAt('2026-06-01T10:06:30.000Z')).toEqual([]);
  });

  it('does not try again for an export that was turned off meanwhile', async () => {
    const { world, tickAt } = aWorld({ exports: [anExport(1, { schedule: daily('02:00') })] });
    world.refuse.set(anExport(1).id, new Error('unforeseen'));
    await tickAt('2026-06-01T01:59:30.000Z');
    await tickAt('2026-06-01T02:00:30.000Z');
    world.refuse.clear();
    world.exports = [anExport(1, { schedule: { kind: 'off' } })];
    expect(await tickAt('2026-06-01T02:01:30.000Z')).toEqual([]);
  });

  it('does not try again for an export whose schedule was changed meanwhile', async () => {
    const { world, tickAt } = aWorld({ exports: [anExport(1, { schedule: daily('02:00') })] });
    world.refuse.set(anExport(1).id, new Error('unforeseen'));
    await tickAt('2026-06-01T01:59:30.000Z');
    await tickAt('2026-06-01T02:00:30.000Z');
    world.refuse.clear();
    world.exports = [anExport(1, { schedule: daily('05:00'), scheduleSetAt: '2026-06-01T02:00:50.000Z' })];
    expect(await tickAt('2026-06-01T02:01:30.000Z')).toEqual([]);
  });

  it('keeps the span open when more fail than it can remember', async () => {
    const exports = Array.from({ length: 450 }, (_, number) => anExport(number, { schedule: daily('02:00') }));
    const { world, tickAt } = aWorld({ exports });
    for (const { id } of exports) world.refuse.set(id, new Error('unforeseen'));
    await tickAt('2026-06-01T01:59:30.000Z');
    await tickAt('2026-06-01T02:00:30.000Z');
    expect(JSON.stringify(world.row?.value).length).toBeLessThan(32_000);
    world.refuse.clear();
    expect(await tickAt('2026-06-01T02:01:30.000Z')).toHaveLength(450);
    expect(await tickAt('2026-06-01T02:02:30.000Z')).toEqual([]);
  });

  it('survives two ticks at the same time', async () => {
    const { world, fanOut, tickAt } = aWorld({ exports: [anExport(1, { schedule: daily('02:00') })] });
    await tickAt('2026-06-01T01:59:30.000Z');
    world.clock = '2026-06-01T02:00:30.000Z';
    await Promise.all([fanOut.tick({ signal }), fanOut.tick({ signal })]);
    expect(new Set(world.started.map(({ requestKey }) => requestKey))).toEqual(new Set(['occ-20260601T020000Z']));
    expect(world.events).toContain('tick_elsewhere');
  });

  it('looks at the same span again when reading the exports failed', async () => {
    const { world, tickAt } = aWorld({ exports: [anExport(1, { schedule: daily('02:00') })] });
    await tickAt('2026-06-01T01:59:30.000Z');
    const { readAll } = world.segmentExports;
    world.segmentExports.readAll = () => {
      throw new UpstreamError('storage', { code: 'storage_unavailable', message: 'no answer', retryable: true });
    };
    await expect(tickAt('2026-06-01T02:00:30.000Z')).rejects.toThrow('no answer');
    world.segmentExports.readAll = readAll;
    expect(await tickAt('2026-06-01T02:01:30.000Z')).toEqual(['1 occ-20260601T020000Z']);
  });

  it('goes through thousands of schedules in a tick', async () => {
    const zones = Intl.supportedValuesOf('timeZone');
    const exports = Array.from({ length: 5_000 }, (_, number) => {
      const time = (index: number) => {
        const minute = (number * 7 + index * 361) % 1_440;
        return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
      };
      const timeZone = zones[number % zones.length];
      return anExport(number, { schedule: { kind: 'custom', repeat: 'daily', times: [0, 1, 2, 3].map(time), timeZone } });
    });
    const { tickAt } = aWorld({ exports });
    await tickAt('2026-03-29T00:59:30.000Z');
    const took: number[] = [];
    for (const clock of ['2026-03-29T01:00:30.000Z', '2026-03-29T01:01:30.000Z', '2026-04-29T01:00:30.000Z']) {
      const begun = performance.now();
      await tickAt(clock);
      took.push(Math.round(performance.now() - begun));
    }
    process.stdout.write(
      `5,000 schedules in ${zones.length} zones: first tick ${took[0]} ms, next ${took[1]} ms, a month later ${took[2]} ms\n`,
    );
  });
});

describe('a due occurrence', () => {
  const until = new Date('2026-06-01T12:00:00.000Z');
  const after = new Date('2026-06-01T00:00:00.000Z');
  const system = new Date('2026-06-01T02:00:00.000Z');
  it.each([
    ['of the system refresh', { schedule: { kind: 'system' } }, '2026-06-01T02:00:00.000Z'],
    ['of its own schedule', { schedule: daily('05:00') }, '2026-06-01T05:00:00.000Z'],
    ['none when off', { schedule: { kind: 'off' } }, undefined],
    ['none when detached', { schedule: { kind: 'system' }, connectionId: undefined }, undefined],
    ['none before it was made', { schedule: daily('05:00'), createdAt: '2026-06-01T06:00:00.000Z' }, undefined],
  ])('is %s', (_, fields, expected) => {
    expect(dueOccurrence(anExport(1, fields), { system, after, until })?.toISOString()).toBe(expected);
  });

  it('has a key without signs that a table refuses', () => {
    expect(occurrenceKey(system)).toBe('occ-20260601T020000Z');
  });
});
