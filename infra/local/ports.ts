import { randomInt } from 'node:crypto';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Where free ports are looked for: below those that systems hand out to outgoing connections (Linux from 32,768, macOS and Windows from
 * 49,152). Of those, one that was free a moment ago may be the near end of somebody's connection when its listener comes, or comes back.
 */
const [LOWEST, HIGHEST] = [20_000, 32_000];
const MOST_TRIES = 50;

/** Listens on a port of 127.0.0.1 for a moment. @returns the port, or undefined when it is taken */
const tryPort = (port: number): Promise<number | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const { port: found } = server.address() as AddressInfo;
      server.close(() => resolve(found));
    });
  });

/** Whether nobody listens on a port of 127.0.0.1. */
export const isFree = async (port: number): Promise<boolean> => (await tryPort(port)) !== undefined;

/**
 * A port of 127.0.0.1 that nobody listens on, for a listener that comes later.
 * @throws Error when none was found
 */
export const freePort = async (): Promise<number> => {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const found = await tryPort(randomInt(LOWEST, HIGHEST));
    if (found !== undefined) return found;
  }
  throw new Error(`No free port was found between ${LOWEST} and ${HIGHEST}.`);
};

/** The port wanted where it is free, else another one that is. */
export const portOrAny = async (port: number | undefined): Promise<number> =>
  (port === undefined ? undefined : await tryPort(port)) ?? freePort();

/**
 * Makes sure of the port that people type; 0 takes a free one.
 * @param patienceMs the function host of a start that was killed just now may still be on its way out
 * @throws Error when somebody else listens there
 */
export const takePort = async (port: number, { patienceMs, signal }: { patienceMs: number; signal: AbortSignal }): Promise<number> => {
  if (port === 0) return freePort();
  const until = Date.now() + patienceMs;
  for (;;) {
    const found = await tryPort(port);
    if (found !== undefined) return found;
    if (Date.now() >= until) throw new Error(`Port ${port} is taken: end the program that uses it, or choose another one with --port N.`);
    await sleep(100, undefined, { signal });
  }
};
