import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ChaosSettings, createChaos, fateOf, parseChaosSeed, parseChaosSettings } from '../../../infra/local/function-host/chaos';
import { pollingDelayMs } from '../../../infra/local/function-host/queues';

const settings = ChaosSettings.parse({});
const fates = (seed: number, count: number, functionName = 'worker') =>
  Array.from({ length: count }, (_, at) => fateOf(seed, settings, functionName, at + 1));
const many = fates(1, 100_000);
const message = (messageId: string) => ({ messageId, dequeueCount: 1 });

it('decides the same for the same seed, and otherwise for another seed or function', () => {
  expect(fates(7, 2_000)).toEqual(fates(7, 2_000));
  expect(fates(8, 2_000)).not.toEqual(fates(7, 2_000));
  expect(fates(7, 2_000, 'other')).not.toEqual(fates(7, 2_000));
});

it.each([
  ['notDeleted', 0.02],
  ['waits', 0.005],
  ['stalls', 0.002],
  ['restarts', 0.002],
  ['poisons', 0.001],
] as const)('%s meets %d of all deliveries', (fate, share) => {
  const met = many.filter((one) => one === fate).length;
  expect(Math.abs(met / many.length - share)).toBeLessThan(share / 4);
});

it('reads settings and refuses what it does not know', () => {
  expect(parseChaosSettings('notDeleted=0.5, waitMs=2000')).toEqual({ ...settings, notDeleted: 0.5, waitMs: 2_000 });
  expect(parseChaosSettings(undefined)).toEqual(settings);
  for (const text of ['notDeleted=2', 'lost=1', 'waits', 'stallMs=soon']) expect(() => parseChaosSettings(text)).toThrow(text);
  expect(parseChaosSeed('42')).toBe(42);
  expect(() => parseChaosSeed('x')).toThrow('"x"');
});

describe('the bad luck of a host', () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'chaos-'));
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }));
  const lines: string[] = [];
  const luck = (
    more: Record<string, number>,
    given: { restart?: () => void; stall?: (ms: number) => void; dataDir?: string; seed?: number } = {},
  ) =>
    createChaos({
      seed: given.seed ?? 3,
      settings: ChaosSettings.parse({ notDeleted: 0, waits: 0, stalls: 0, restarts: 0, poisons: 0, ...more }),
      dataDir: given.dataDir,
      log: (_level, source, text) => void lines.push(`${source} ${text}`),
      restart: given.restart ?? (() => undefined),
      ...(given.stall ? { stall: given.stall } : {}),
    });

  it('logs what is not fine, with message, function and number', () => {
    luck({ waits: 1 }).meet('worker', message('m1'));
    expect(lines.at(-1)).toBe('chaos waits: message m1 of worker, delivery 1 (its 1. time)');
  });

  it('lets a message that is to be poisoned fail every time, and no other one for it', () => {
    const chaos = luck({ poisons: 0.5 });
    const met = Array.from({ length: 20 }, (_, at) => chaos.meet('worker', message(`m${at}`)));
    expect(new Set(met)).toEqual(new Set(['fine', 'poisons']));
    const doomed = met.indexOf('poisons');
    for (let time = 0; time < 5; time += 1) expect(chaos.meet('worker', message(`m${doomed}`))).toBe('poisons');
  });

  it('gives back what runs beside it and restarts then, but not before the host is up', async () => {
    const happened: string[] = [];
    const restarted = new Promise<void>((resolve) => {
      const chaos = luck({ restarts: 1 }, { restart: () => (happened.push('restart'), resolve()) });
      chaos.running(() => Promise.resolve(happened.push('gave back a')));
      chaos.running(() => Promise.reject(new Error('storage is away')));
      chaos.running(() => Promise.resolve(happened.push('done before')))();
      chaos.strike(chaos.meet('worker', message('m1')), 'worker');
      setImmediate(() => {
        happened.push('up');
        chaos.begin();
      });
    });
    await restarted;
    expect(happened).toEqual(['up', 'gave back a', 'restart']);
  });

  it('stands still for as long as it is told', async () => {
    const stood = await new Promise<number>((resolve) => {
      const chaos = luck({ stalls: 1, stallMs: 1_234 }, { stall: resolve });
      chaos.strike(chaos.meet('worker', message('m1')), 'worker');
      chaos.begin();
    });
    expect(stood).toBe(1_234);
  });

  it('goes on counting where the process before it ended, and begins anew with another seed', () => {
    const some = { notDeleted: 0.3, waits: 0.3 };
    const whole = luck(some);
    const expected = Array.from({ length: 10 }, (_, at) => whole.meet('worker', message(`${at}`)));
    const first = luck(some, { dataDir });
    const met = Array.from({ length: 4 }, (_, at) => first.meet('worker', message(`${at}`)));
    const second = luck(some, { dataDir });
    met.push(...Array.from({ length: 6 }, (_, at) => second.meet('worker', message(`${at + 4}`))));
    expect(met).toEqual(expected);
    const other = luck(some, { dataDir, seed: 4 });
    expect(other.meet('worker', message('0'))).toBe(fateOf(4, other.settings, 'worker', 1));
    expect(lines.some((line) => line.includes('delivery 10'))).toBe(true);
  });
});

it('FH22 doubles its pause from 100 ms to maxPollingInterval, with 20 % jitter and never above it', () => {
  expect([0, 1, 2, 3, 4, 5, 60].map((empty) => pollingDelayMs(empty, 2_000, 0.5))).toEqual([100, 200, 400, 800, 1_600, 2_000, 2_000]);
  expect([pollingDelayMs(2, 2_000, 0), pollingDelayMs(2, 2_000, 0.999)].map(Math.round)).toEqual([320, 480]);
  expect(pollingDelayMs(9, 2_000, 0.999)).toBe(2_000);
});
