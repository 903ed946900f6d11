import type { Phase } from '../../../shared/runs/slice';
import { createWorld } from './runner-world';
import type { Death, WorldOptions } from './runner-world';

/** The state machine with clock and faults as arguments: rows of failures.md about turns, leases and deaths. */

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['performance'] });
});
afterEach(() => {
  jest.clearAllTimers();
  jest.useRealTimers();
});

const begin = (options: WorldOptions = {}) => {
  const world = createWorld(options);
  world.send({ exportId: world.exportId, runId: world.runId, turn: 1 });
  return world;
};

/** Waits so often, so long, with a call to Klaviyo each time, then goes on to finish. */
const waiting = (times: number, waitMs: number): Phase => {
  let left = times;
  return async (slice) => {
    await (await slice.klaviyo()).send('importJobs', { signal: slice.signal });
    return (left -= 1) < 0 ? { next: 'finish' } : { waitMs };
  };
};
/** Looks again every half minute until an hour has passed. */
const anHour: Phase = async (slice) => {
  await (await slice.klaviyo()).send('importJobs', { signal: slice.signal });
  return slice.now().getTime() - Date.parse(slice.document.run.submittedAt) > 3_600_000 ? { next: 'finish' } : { waitMs: 30_000 };
};
/** Works for so long in one slice. */
const working =
  (seconds: number): Phase =>
  async (slice) => {
    for (let done = 0; done < seconds; done += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await (await slice.klaviyo()).send('importJobsCreate', { signal: slice.signal });
    }
    return { next: 'finish' };
  };

/** The run is over, and nothing of it goes on: no message, no second chain, the export is free, its row says so. */
const expectOver = async (world: ReturnType<typeof begin>, state = 'successful'): Promise<void> => {
  expect(world.documentOf().run).toMatchObject({ state });
  const { turn } = world.documentOf();
  await world.pass(660); // what a dead host had comes back after ten minutes
  expect(world.messages()).toEqual([]);
  expect(world.documentOf().turn).toBe(turn);
  expect(world.activity().activeRunId).toBeUndefined();
  expect(world.activity().activeState).toBeUndefined();
  expect(world.activity().last).toMatchObject({ runId: world.runId, state });
  expect(world.row()).toMatchObject({ state });
  expect(world.world.zombieCalls).toBe(0);
};

it('a run without any fault takes one turn and one message', async () => {
  const world = begin();
  await world.pass(60, world.ended);
  await expectOver(world);
  expect([world.documentOf().turn, world.world.deliveries]).toEqual([1, 1]);
});

it('row 1: chains do not multiply, whatever messages come twice, late or from a dead host', async () => {
  const deaths: Death[] = [20, 35, 50, 30, 45].map((call) => ({ call, when: 'after' }));
  const world = begin({ phases: { settle: anHour }, deaths });
  // the queue delivers twice and late; now and then somebody wakes the run before its time
  let surplus = 0;
  let early = 0;
  for (let minute = 0; minute < 70 && !world.ended(); minute += 1) {
    const { turn } = world.documentOf();
    for (const behind of [0, 0, 1, 5]) world.send({ exportId: world.exportId, runId: world.runId, turn: Math.max(1, turn - behind) });
    surplus += 4;
    if (minute % 10 === 0) {
      world.send({ exportId: world.exportId, runId: world.runId, turn: turn + 1 });
      early += 1;
    }
    await world.pass(60, world.ended);
  }
  await world.pass(3_600, world.ended);
  await expectOver(world);
  expect(world.world.diedAtMs).toHaveLength(deaths.length);
  const turns = world.count('slice_begun');
  expect(turns).toBeLessThanOrEqual(121 + early + deaths.length);
  // a death costs the message that its host had, which comes back, and at most two that the timer sends
  expect(world.world.deliveries).toBeLessThanOrEqual(turns + surplus + early + 3 * deaths.length);
}, 30_000);

it('row 3: whose message met the held lease and is gone, the run goes on when its holder dies right after', async () => {
  const world = begin({ phases: { prepare: working(100) } });
  await world.pass(21);
  // the next turn's message appears although its time has not come, meets the lease and ends
  const [guard] = world.messages().filter(({ body }) => body.turn === 2);
  guard!.visibleAtMs = world.nowMs();
  await world.pass(0.5);
  expect(world.messages().filter(({ body }) => body.turn === 2)).toEqual([]);
  world.instances.find(({ instance }) => instance.busy)!.instance.dead = true;
  const diedAtMs = world.nowMs();
  await world.pass(130, () => world.count('slice_begun') === 2);
  expect(world.count('slice_begun')).toBe(2);
  expect(world.nowMs() - diedAtMs).toBeLessThanOrEqual(130_000);
  await world.pass(400, world.ended);
  await expectOver(world);
}, 30_000);

const everyCall = Array.from({ length: 45 }, (_, index) => index + 1);
it('row 4: dead at any call to storage, the run goes on within 130 seconds, as a rule after 45', async () => {
  const resumedAfterMs: number[] = [];
  for (const call of everyCall) {
    for (const when of ['before', 'after'] as const) {
      const world = begin({ phases: { settle: waiting(2, 1_000) }, deaths: [{ call, when }] });
      await world.pass(60, () => world.world.diedAtMs.length > 0 || world.ended());
      const [diedAtMs] = world.world.diedAtMs;
      if (diedAtMs === undefined) continue;
      const slices = world.count('slice_begun');
      const wasOver = world.ended();
      await world.pass(130, () => world.count('slice_begun') > slices || world.activity().activeRunId === undefined);
      if (!wasOver) {
        expect({ call, when, slices: world.count('slice_begun') }).toEqual({ call, when, slices: slices + 1 });
        resumedAfterMs.push(world.nowMs() - diedAtMs);
      }
      await world.pass(130, () => world.ended() && world.activity().activeRunId === undefined);
      if (call % 9 === 0) await expectOver(world);
      const { last, activeState } = world.activity();
      expect({ call, when, ended: world.ended(), zombies: world.world.zombieCalls }).toEqual({ call, when, ended: true, zombies: 0 });
      expect([call, when, last?.runId, activeState]).toEqual([call, when, world.runId, undefined]);
    }
  }
  resumedAfterMs.sort((one, other) => one - other);
  expect(resumedAfterMs.length).toBeGreaterThan(30);
  expect(resumedAfterMs[Math.floor(resumedAfterMs.length / 2)]).toBeLessThanOrEqual(46_000);
  expect(resumedAfterMs.at(-1)).toBeLessThanOrEqual(130_000);
}, 60_000);

it('row 5: a quiet wait draws no message from the timer that looks for runs that stand still', async () => {
  const world = begin({ phases: { settle: waiting(8, 900_000) } });
  await world.pass(3 * 3_600, world.ended);
  expect(world.count('run_woken')).toBe(0);
  expect(world.world.deliveries).toBe(9);
  await expectOver(world);
}, 60_000);

it('L3 twenty minutes is no cut-off: a run that waits longer for Klaviyo ends well', async () => {
  const world = begin({ phases: { settle: waiting(3, 900_000) } });
  await world.pass(3_600, world.ended);
  expect(world.nowMs()).toBeGreaterThan(2 * 20 * 60_000);
  await expectOver(world);
}, 60_000);

it('row 6: an instance that stalls before any call to Klaviyo, and wakes when another one has the run, calls no more', async () => {
  let stalled = 0;
  for (const call of everyCall.filter((one) => one > 4)) {
    const world = begin({ phases: { submit: working(20) } });
    await world.pass(60, () => world.instances.some(({ instance }) => instance.calls >= call) || world.ended());
    const holder = world.instances.find(({ instance }) => instance.busy);
    if (!holder) continue;
    stalled += 1;
    const calls = world.world.klaviyoCalls;
    holder.instance.stalledUntilMs = world.nowMs() + 90_000;
    await world.pass(89, () => world.count('slice_begun') === 2);
    expect(world.count('slice_begun')).toBe(2);
    await world.pass(200, world.ended);
    expect(world.world.klaviyoCalls).toBeGreaterThan(calls);
    await expectOver(world);
  }
  expect(stalled).toBeGreaterThan(30);
}, 60_000);

it('row 33: five slices in a row that end without a word fail the run, with a sentence, and nothing is started again', async () => {
  const deadly: Phase = () => Promise.reject(new Error('out of memory'));
  const world = begin({ phases: { submit: deadly } });
  await world.pass(1_800, world.ended);
  await expectOver(world, 'failed');
  expect(world.documentOf().run.error).toMatchObject({ code: 'gave_up', message: expect.stringContaining('"submit"') as unknown });
  expect(world.count('slice_begun')).toBe(6);
});

it('row 33: a run that hands over between deaths is not given up', async () => {
  // each instance dies once in its second slice or later, eight times in all
  const world = begin({
    phases: { settle: waiting(30, 2_000) },
    deaths: Array.from({ length: 8 }, () => ({ call: 45, when: 'after' as const })),
  });
  await world.pass(3_600, world.ended);
  expect(world.world.diedAtMs.length).toBe(8);
  await expectOver(world);
}, 30_000);

it.each([
  [600_000, -600_000],
  [-600_000, 600_000],
  [0, 600_000],
])(
  'row 36: clocks that are wrong by %i and %i ms take no run from a living holder and end none',
  async (one, other) => {
    const world = begin({
      phases: { prepare: working(150), settle: waiting(20, 30_000) },
      clocksAheadMs: [one, other],
      deaths: [{ call: 150, when: 'after' }],
    });
    await world.pass(3 * 3_600, world.ended);
    await expectOver(world);
    const { phases } = world.documentOf().run;
    expect(Object.values(phases).every((seconds) => seconds >= 0)).toBe(true);
  },
  60_000,
);

describe('lists show', () => {
  /** Stands for so many seconds, works on for as many, and goes on. */
  const standing = (seconds: number): Phase => {
    let left = seconds / 10;
    return async (slice) => {
      if ((left -= 1) >= 0) return { waitMs: 10_000, stands: true };
      delete slice.document.standsSince;
      await slice.save();
      for (let second = 0; second < seconds; second += 1) await new Promise((resolve) => setTimeout(resolve, 1_000));
      return { next: 'gate' };
    };
  };

  it('a run as queued, then running, as waiting while it stands, as running again, and as nothing when it has ended', async () => {
    const world = begin({ phases: { prepare: standing(60), submit: working(20) } });
    const shown: (string | undefined)[] = [];
    await world.pass(600, () => {
      const { activeState } = world.activity();
      if (shown.at(-1) !== activeState || shown.length === 0) shown.push(activeState);
      return world.ended() && activeState === undefined;
    });
    expect(shown).toEqual(['queued', 'waiting', 'running', undefined]);
    await expectOver(world);
  });

  it('a short pause as running', async () => {
    let left = 3;
    const short: Phase = () => Promise.resolve((left -= 1) < 0 ? { next: 'canary' } : { waitMs: 1_000, stands: true });
    const world = begin({ phases: { gate: short } });
    await world.pass(60, () => {
      expect(world.activity().activeState).not.toBe('waiting');
      return world.ended();
    });
    await expectOver(world);
  });

  it('the truth again within two minutes when the word was lost', async () => {
    const world = begin({ phases: { settle: waiting(20, 30_000) } });
    await world.pass(30);
    expect(world.activity().activeState).toBe('running');
    world.tell({ activeState: 'waiting' });
    await world.pass(120, () => world.activity().activeState === 'running');
    expect(world.activity().activeState).toBe('running');
    await world.pass(3_600, world.ended);
    await expectOver(world);
  });
});

it('promise 8: what Klaviyo or a clock asks for, a run ends within 26 hours and says so', async () => {
  const world = begin({ phases: { settle: () => Promise.resolve({ waitMs: 1_800_000 }) } });
  await world.pass(28 * 3_600, world.ended);
  expect(world.nowMs()).toBeLessThanOrEqual(26.6 * 3_600_000);
  await expectOver(world, 'failed');
  expect(world.documentOf().run.error).toMatchObject({ code: 'too_long' });
}, 120_000);
