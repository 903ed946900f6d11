import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { threadMs } from '../../support/busy-time';
import { createOutsideCalls, waitedMs } from '../../support/outside-calls';

const work = (ms: number): void => {
  for (const end = threadMs() + ms; threadMs() < end;);
};

describe('calls to others', () => {
  const outside = createOutsideCalls();
  const server = createServer((incoming, outgoing) => setTimeout(() => outgoing.end('done'), Number(incoming.url!.slice(1))));
  let url = '';
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    outside.close();
    server.closeAllConnections();
    server.close();
  });
  const ask = (ms: number): Promise<void> =>
    new Promise((resolve, reject) => get(`${url}/${ms}`, (answer) => answer.resume().once('end', resolve)).once('error', reject));

  it('are told to whoever made them, through node:http and undici, however many works go on at once', async () => {
    const metered = await Promise.all(
      [1, 2, 3].map((count) =>
        outside.metered(async () => {
          await sleep(1);
          for (let at = 0; at < count; at += 1) await ask(count);
          await (await request(`${url}/${count}0`)).body.text();
        }),
      ),
    );
    for (const [index, { calls }] of metered.entries()) {
      const count = index + 1;
      expect(calls.map(({ name }) => name)).toEqual([...Array.from({ length: count }, () => `GET /${count}`), `GET /${count}0`]);
      expect(calls.every(({ toMs, fromMs }) => toMs !== undefined && toMs >= fromMs)).toBe(true);
    }
  });

  it('counts a span in which several calls are open once, and none of what lies between calls', () => {
    const call = (fromMs: number, toMs?: number) => ({ name: '', host: '', fromMs, ...(toMs === undefined ? {} : { toMs }) });
    const calls = [call(20, 40), call(10, 30), call(25, 26), call(60, 70), call(95)];
    expect(waitedMs({ fromMs: 0, toMs: 100, calls })).toBe(30 + 10 + 5);
    expect(waitedMs({ fromMs: 0, toMs: 100, calls: [] })).toBe(0);
  });

  it('tells for whom the event loop worked, also where others work in between', async () => {
    outside.busyTime.start();
    const busy = async (ms: number): Promise<void> => {
      work(ms);
      await sleep(2);
      work(ms);
      await ask(2);
      work(ms);
    };
    const [little, much] = await Promise.all([outside.metered(() => busy(2)), outside.metered(() => busy(20))]);
    outside.busyTime.stop();
    expect(little.busyMs).toBeGreaterThanOrEqual(6);
    expect(much.busyMs).toBeGreaterThanOrEqual(60);
    expect(much.busyMs).toBeGreaterThan(little.busyMs);
  });
});
