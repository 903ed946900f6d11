import { ExportResultCode } from '@opentelemetry/core';
import type { ExportResult } from '@opentelemetry/core';
import { guardExporter } from '../../../shared/platform/guarded-exporter';

const TIMEOUT_MS = 1_000;

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const guarded = (answer: (done: (result: ExportResult) => void) => void) => {
  const lost: string[] = [];
  let asked = 0;
  const exporter = {
    export: (_: string, done: (result: ExportResult) => void): void => {
      asked += 1;
      answer(done);
    },
    shutdown: () => Promise.resolve(),
  };
  const guard = guardExporter<string>({
    load: () => Promise.resolve(exporter),
    timeoutMs: TIMEOUT_MS,
    watch: { sent: () => undefined, failed: (_, items) => void lost.push(items) },
  });
  const send = async (items: string): Promise<void> => {
    guard.export(items, () => undefined);
    await jest.advanceTimersByTimeAsync(TIMEOUT_MS);
  };
  return { guard, send, lost, asked: () => asked };
};

it('asks one that does not come back three times, and again when it has waited long enough', async () => {
  const { send, lost, asked } = guarded(() => undefined);
  for (const items of ['1', '2', '3', '4', '5']) await send(items);
  expect([asked(), lost]).toEqual([3, ['1', '2', '3', '4', '5']]);
  await jest.advanceTimersByTimeAsync(600_000);
  await send('6');
  expect(asked()).toBe(4);
});

it('gives a place back once, however late an answer comes', async () => {
  const waiting: ((result: ExportResult) => void)[] = [];
  const { send, asked } = guarded((done) => void waiting.push(done));
  for (const items of ['1', '2', '3']) await send(items);
  await jest.advanceTimersByTimeAsync(600_000);
  for (const done of waiting) done({ code: ExportResultCode.SUCCESS });
  await jest.advanceTimersByTimeAsync(0);
  for (const items of ['4', '5', '6', '7']) await send(items);
  expect(asked()).toBe(6);
});

it('keeps its place when whoever is told throws', async () => {
  const { guard, asked } = guarded((done) => done({ code: ExportResultCode.SUCCESS }));
  for (let at = 0; at < 5; at += 1) {
    guard.export('x', () => {
      throw new Error('no');
    });
    await jest.advanceTimersByTimeAsync(0);
  }
  expect(asked()).toBe(5);
});
