import { type AddressInfo, createServer } from 'node:net';
import { freePort, isFree, portOrAny, takePort } from '../../../infra/local/ports';

/** Holds a port while the work goes on. */
const whileTaken = async <T>(work: (port: number) => Promise<T>): Promise<T> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await work((server.address() as AddressInfo).port);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
};
const { signal } = new AbortController();

describe('a free port', () => {
  it('is none that the system gives to the near end of a connection, so that nobody takes it before its listener comes', async () => {
    const ports = await Promise.all(Array.from({ length: 20 }, freePort));
    expect(ports.filter((port) => port < 1_024 || port >= 32_768)).toEqual([]);
    expect(await Promise.all(ports.map(isFree))).not.toContain(false);
  });

  it('is given in place of one that somebody listens on', () =>
    whileTaken(async (port) => {
      expect(await isFree(port)).toBe(false);
      const other = await portOrAny(port);
      expect(other).not.toBe(port);
      expect(await portOrAny(other)).toBe(other);
    }));

  it('is given to whoever names none; a named one must be free', () =>
    whileTaken(async (port) => {
      expect(await takePort(0, { patienceMs: 0, signal })).toBeGreaterThan(1_023);
      await expect(takePort(port, { patienceMs: 0, signal })).rejects.toThrow(`Port ${port} is taken`);
    }));
});
