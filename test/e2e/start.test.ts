import path from 'node:path';
import { startKlaviyoSandbox } from '../../infra/local/klaviyo/server';
import { createStartedCloud, membersOf } from '../support/started-cloud';

const SEGMENT = 'NewsletterReaders';
const cloud = createStartedCloud();
afterAll(() => cloud.close(), 60_000);

/** The cloud has ended; the sandbox alone is started again on what it has kept. */
const keptMembers = async (): Promise<string[]> => {
  const klaviyo = await startKlaviyoSandbox({ dataDir: path.join(cloud.dataDir, 'klaviyo') });
  try {
    return await membersOf(klaviyo.url, 'LIST5K');
  } finally {
    await klaviyo.close();
  }
};

describe('npm start -- --once', () => {
  it('brings the sample segment to its list and says so in its last line; a second one finds that nobody has changed', async () => {
    const first = await cloud.start('--once').ended;
    const truth = cloud.truthOf(SEGMENT);
    expect([first.code, first.code === 0 ? '' : first.output]).toEqual([0, '']);
    expect(JSON.parse(first.lastLine)).toMatchObject({
      state: 'successful',
      read: truth.rows,
      invalid: truth.invalid,
      duplicates: truth.duplicates,
      unchanged: 0,
      sent: truth.distinctValid,
      unsent: 0,
      accepted: truth.distinctValid,
      rejected: 0,
      open: 0,
      removed: 0,
      onList: truth.distinctValid,
      seconds: expect.any(Number),
      phases: expect.objectContaining({ prepare: expect.any(Number), finish: expect.any(Number) }),
    });
    const members = await keptMembers();
    expect(new Set(members).size).toBe(truth.distinctValid);

    const second = await cloud.start('--once').ended;
    expect([second.code, second.code === 0 ? '' : second.output]).toEqual([0, '']);
    expect(JSON.parse(second.lastLine)).toMatchObject({
      state: 'successful',
      invalid: truth.invalid,
      duplicates: truth.duplicates,
      unchanged: truth.distinctValid,
      sent: 0,
      onList: truth.distinctValid,
    });
    expect(await keptMembers()).toEqual(members);
  }, 180_000);

  it('says what is wrong with its arguments, and starts nothing', async () => {
    const { code, output } = await cloud.start('--rows', 'many').ended;
    expect(code).toBe(2);
    expect(output).toContain('--rows');
    const elsewhere = await cloud.start('--app', path.join(cloud.dataDir, 'nowhere')).ended;
    expect([elsewhere.code, elsewhere.output]).toEqual([1, expect.stringContaining('npm run package makes one')]);
  }, 60_000);
});
