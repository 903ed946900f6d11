import type { BlobLease } from '../../../shared/platform/blobs';
import type { Queue, SentMessage } from '../../../shared/platform/queues';
import { HoldLost, createHold } from '../../../shared/runs/hold';
import { RunMessage } from '../../../shared/runs/run';

const LEASE_SECONDS = 30;
const GUARD_SECONDS = 45;
const next = RunMessage.parse({ exportId: 'exp_0000000001', runId: 'run_0000000001', turn: 2 });

/** A lease and a queue in memory; time passes only as the test says. */
const aHold = () => {
  const world = {
    nowMs: 0,
    /** what a renewal does besides being granted */
    onRenew: undefined as (() => void | Promise<void>) | undefined,
    renewals: 0,
    released: false,
    taken: false,
    log: [] as string[],
    messages: [{ id: 'm1', delaySeconds: GUARD_SECONDS }],
    beats: 0,
  };
  const lease: BlobLease = {
    id: 'lease',
    renew: async () => {
      world.renewals += 1;
      await world.onRenew?.();
      return {};
    },
    release: async () => {
      world.released = true;
      world.log.push('release');
      return {} as Awaited<ReturnType<BlobLease['release']>>;
    },
  };
  const queue: Queue<RunMessage> = {
    ensure: async () => undefined,
    send: async (_, { delaySeconds = 0 }) => {
      const id = `m${world.messages.length + 1}`;
      world.messages.push({ id, delaySeconds });
      world.log.push(`send ${delaySeconds}`);
      return { id, receipt: id };
    },
    move: async (message: SentMessage, _, { delaySeconds }) => {
      if (world.taken) return undefined;
      world.messages.find(({ id }) => id === message.id)!.delaySeconds = delaySeconds;
      world.log.push(`move ${delaySeconds}`);
      return message;
    },
    remove: async ({ id }) => {
      world.messages = world.messages.filter((message) => message.id !== id);
      world.log.push('remove');
    },
  };
  const shutdown = new AbortController();
  const hold = createHold({
    lease,
    leasedAtMs: 0,
    queue,
    guard: { id: 'm1', receipt: 'r' },
    next,
    leaseSeconds: LEASE_SECONDS,
    guardSeconds: GUARD_SECONDS,
    monotonicMs: () => world.nowMs,
    signal: shutdown.signal,
    onBeat: async () => void (world.beats += 1),
  });
  /** Time passes while the event loop turns: timers fire in their order. */
  const pass = async (seconds: number): Promise<void> => {
    for (let ms = 0; ms < seconds * 1_000; ms += 500) {
      world.nowMs += 500;
      await jest.advanceTimersByTimeAsync(500);
    }
  };
  /** Time passes while the process is stopped: no timer fires. */
  const stall = (seconds: number): void => void (world.nowMs += seconds * 1_000);
  return { world, hold, pass, stall, shutdown };
};

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['performance'] });
});
afterEach(() => {
  jest.clearAllTimers();
  jest.useRealTimers();
});

describe('a held run', () => {
  it('stays held for as long as its heart beats, and its guard message stays away', async () => {
    const { world, hold, pass } = aHold();
    await pass(10 * LEASE_SECONDS);
    expect(hold.signal.aborted).toBe(false);
    expect(world.renewals).toBeGreaterThanOrEqual(20);
    expect(world.beats).toBe(world.renewals);
    expect(world.messages).toEqual([{ id: 'm1', delaySeconds: GUARD_SECONDS }]);
  });

  it('gets a new guard message where the old one was delivered meanwhile', async () => {
    const { world, pass } = aHold();
    world.taken = true;
    await pass(LEASE_SECONDS / 3 + 1);
    expect(world.log).toEqual([`send ${GUARD_SECONDS}`]);
  });

  it('is lost at the moment the lease runs out, when no renewal gets through', async () => {
    const { world, hold, pass } = aHold();
    world.onRenew = () => Promise.reject(new Error('storage is away'));
    await pass(LEASE_SECONDS - 1);
    expect(hold.signal.aborted).toBe(false);
    await pass(2);
    expect(hold.signal.reason).toBeInstanceOf(HoldLost);
    await expect(hold.fence(0)).rejects.toBeInstanceOf(HoldLost);
  });

  it('survives renewals that fail now and then', async () => {
    const { world, hold, pass } = aHold();
    let count = 0;
    world.onRenew = () => {
      count += 1;
      if (count % 2 === 1) throw new Error('storage is away');
    };
    await pass(5 * LEASE_SECONDS);
    expect(hold.signal.aborted).toBe(false);
  });

  it('renews late, after a stall, by a clock that counts parts of milliseconds', async () => {
    const { world, hold, pass, stall } = aHold();
    stall(16.000_217_656);
    await pass(LEASE_SECONDS / 3);
    expect([hold.signal.aborted, world.renewals]).toEqual([false, 1]);
    await hold.fence(18_000);
  });

  it('counts a renewal from before its call, so that a slow one does not lengthen the hold', async () => {
    const { world, hold, stall } = aHold();
    world.onRenew = () => void (world.nowMs += 10_000);
    stall(15);
    // each answer comes ten seconds after its question: 20 of the 30 seconds are left, never more
    await expect(hold.fence(21_000)).rejects.toBeInstanceOf(HoldLost);
    await hold.fence(19_000);
  });

  it('takes a renewal that came back after the lease had run out for lost', async () => {
    const { world, hold, stall } = aHold();
    // asked at 20, answered at 31: counted from the question it would last until 50, but somebody may have held the run at 30
    world.onRenew = () => void (world.nowMs += 11_000);
    stall(20);
    await expect(hold.fence(12_000)).rejects.toBeInstanceOf(HoldLost);
    expect(hold.signal.reason).toBeInstanceOf(HoldLost);
  });

  it('that slept through its lease does not renew it, but is lost', async () => {
    const { world, hold, stall } = aHold();
    stall(LEASE_SECONDS + 60);
    await expect(hold.fence(1_000)).rejects.toBeInstanceOf(HoldLost);
    expect(world.renewals).toBe(0);
  });
});

describe('the fence before an outside call', () => {
  it('costs nothing while the lease outlasts the call', async () => {
    const { world, hold, stall } = aHold();
    stall(10);
    await hold.fence(18_000);
    expect(world.renewals).toBe(0);
  });

  it('renews the lease when it would not outlast the call', async () => {
    const { world, hold, stall } = aHold();
    stall(15);
    await hold.fence(18_000);
    expect(world.renewals).toBeGreaterThan(0);
  });

  it.each([
    ['the call may last longer than any lease', 31_000, undefined],
    ['the lease cannot be renewed', 18_000, () => Promise.reject(new Error('storage is away'))],
  ])('refuses when %s', async (_, timeoutMs, onRenew) => {
    const { world, hold, stall } = aHold();
    world.onRenew = onRenew;
    stall(15);
    await expect(hold.fence(timeoutMs)).rejects.toBeInstanceOf(HoldLost);
  });

  it('refuses when the process is to end', async () => {
    const { hold, shutdown } = aHold();
    shutdown.abort(new Error('shutdown'));
    await expect(hold.fence(1)).rejects.toThrow('shutdown');
    expect(hold.signal.aborted).toBe(true);
  });
});

describe('the end of a turn', () => {
  it('gives the lease back before the next turn may begin', async () => {
    const { world, hold, pass } = aHold();
    await hold.handOver({ delaySeconds: 7 });
    expect(world.log).toEqual(['release', 'move 7']);
    await pass(100);
    expect(world.renewals).toBe(0);
  });

  it('sends the next turn anew where its message is gone', async () => {
    const { world, hold } = aHold();
    world.taken = true;
    await hold.handOver({ delaySeconds: 0 });
    expect(world.log).toEqual(['release', 'send 0']);
  });

  it('leaves no message behind when the run has ended', async () => {
    const { world, hold } = aHold();
    await hold.end();
    expect([world.messages, world.released]).toEqual([[], true]);
  });

  it('leaves lease and message to time when the runner gives up', async () => {
    const { world, hold, pass } = aHold();
    await hold.abandon();
    await pass(100);
    expect([world.messages, world.released, world.renewals]).toEqual([[{ id: 'm1', delaySeconds: GUARD_SECONDS }], false, 0]);
  });
});
