import { createStartedCloud } from '../support/started-cloud';

const cloud = createStartedCloud();
afterAll(() => cloud.close(), 60_000);

interface Result {
  readonly state: string;
  readonly [count: string]: unknown;
}

describe('npm start -- --once', () => {
  it('brings the sample segment to its list, and says so in its last line', async () => {
    const { code, lastLine } = await cloud.start('--once').ended;
    const result = JSON.parse(lastLine) as Result;
    const truth = cloud.manifest()['NewsletterReaders']!;
    expect(code).toBe(0);
    expect(result).toMatchObject({
      state: 'successful',
      read: truth.rows,
      invalid: truth.invalid,
      duplicates: truth.duplicates,
      sent: truth.distinctValid,
      accepted: truth.distinctValid,
      onList: truth.distinctValid,
    });
  }, 120_000);

  it('finds what the start before it left, and sends nothing, as nobody has changed', async () => {
    const { code, lastLine } = await cloud.start('--once').ended;
    const truth = cloud.manifest()['NewsletterReaders']!;
    expect(code).toBe(0);
    expect(JSON.parse(lastLine)).toMatchObject({ sent: 0, unchanged: truth.distinctValid, onList: truth.distinctValid });
  }, 120_000);

  it('says what is wrong with its arguments, and starts nothing', async () => {
    const { code, output } = await cloud.start('--rows', 'many').ended;
    expect(code).toBe(2);
    expect(output).toContain('--rows');
  }, 60_000);
});
