import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

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

/** The port wanted where it is free, else 0: a free one is taken by whoever listens. */
export const portOrAny = async (port: number | undefined): Promise<number> => (port === undefined ? 0 : ((await tryPort(port)) ?? 0));

/**
 * Makes sure of the port that people type; 0 takes a free one.
 * @param patienceMs the function host of a start that was killed just now may still be on its way out
 * @throws Error when somebody else listens there
 */
export const takePort = async (port: number, { patienceMs, signal }: { patienceMs: number; signal: AbortSignal }): Promise<number> => {
  const until = Date.now() + patienceMs;
  for (;;) {
    const found = await tryPort(port);
    if (found !== undefined) return found;
    if (Date.now() >= until) throw new Error(`Port ${port} is taken: end the program that uses it, or choose another one with --port N.`);
    await sleep(100, undefined, { signal });
  }
};
