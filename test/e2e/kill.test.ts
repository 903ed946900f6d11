import { freePort } from '../../infra/local/ports';
import { hasEnded } from '../../infra/local/run-view';
import { generatedSegment } from '../../infra/local/segments';
import { createStartedCloud, type StartedCloud, until } from '../support/started-cloud';

const segment = generatedSegment(60_000);
const ROWS_A_SECOND = 8_000;
const rows = ['--rows', String(segment.rows)];

const [hostDies, allDie] = [createStartedCloud(), createStartedCloud()];
afterAll(() => Promise.all([hostDies.close(), allDie.close()]), 60_000);

/** The run ended as if nobody had been killed: everybody who can be is on the list, once, and nobody else. */
const expectWhole = async (cloud: StartedCloud, runId: string): Promise<void> => {
  const truth = cloud.truthOf(segment.name);
  const { state, counts } = await cloud.runById(runId);
  expect({ state, ...counts }).toMatchObject({
    state: 'successful',
    read: truth.rows,
    invalid: truth.invalid,
    duplicates: truth.duplicates,
    sent: truth.distinctValid,
    accepted: truth.distinctValid,
    open: 0,
  });
  const [members, addresses] = [await cloud.members(segment.listId), await cloud.addressesOf(segment)];
  expect(new Set(members).size).toBe(truth.distinctValid);
  expect(members.length).toBe(truth.distinctValid);
  expect(members.filter((member) => !addresses.has(member))).toEqual([]);
};

describe('a run whose processes are killed', () => {
  // side by side, as both spend most of their time waiting for the dead runner's lease
  it.concurrent(
    'goes on after kill -9 of the function host, in prepare and again while Klaviyo works',
    async () => {
      const cloud = hostDies;
      const started = cloud.start(...rows);
      await cloud.slowKlaviyo(ROWS_A_SECOND);
      const killHost = async (runId: string): Promise<string> => {
        const pid = cloud.recorded().functionHostPid!;
        process.kill(pid, 'SIGKILL');
        await until('another host', () => (cloud.recorded().functionHostPid === pid ? undefined : true));
        return (await until('its answer', () => cloud.runById(runId))).phase;
      };

      const { id } = await cloud.runIn(['prepare']);
      expect(await killHost(id)).toBe('prepare');
      expect((await cloud.runIn(['submit', 'settle'])).id).toBe(id);
      expect(['submit', 'settle']).toContain(await killHost(id));

      expect(await started.staysUp()).toContain('it is started again (2 of at most 5)');
      await expectWhole(cloud, id);
    },
    200_000,
  );

  it.concurrent(
    'goes on after kill -9 of everything, in prepare and again while Klaviyo works, when npm start is typed again',
    async () => {
      const cloud = allDie;
      const args = [...rows, '--port', String(await freePort())];
      let started = cloud.start(...args);
      const killAll = async (): Promise<void> => {
        const { gone } = cloud.holdings();
        process.kill(-started.pid, 'SIGKILL');
        await gone();
      };

      await cloud.slowKlaviyo(ROWS_A_SECOND);
      const { id } = await cloud.runIn(['prepare']);
      const { ports } = cloud.recorded();
      await killAll();

      started = cloud.start(...args);
      await until('the next start', () => (cloud.recorded().pid === started.pid ? true : undefined));
      await cloud.slowKlaviyo(ROWS_A_SECOND);
      const again = await cloud.runIn(['submit', 'settle']);
      expect([again.id, cloud.recorded().ports]).toEqual([id, ports]);
      await killAll();

      started = cloud.start(...args);
      expect(await started.staysUp()).toContain(`Going on with ${id}`);
      expect(cloud.recorded().ports).toEqual(ports);
      expect(hasEnded(await cloud.runById(id))).toBe(true);
      await expectWhole(cloud, id);

      const { gone } = cloud.holdings();
      process.kill(started.pid, 'SIGTERM');
      await started.ended;
      await gone();
    },
    200_000,
  );
});
