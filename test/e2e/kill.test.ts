import { createStartedCloud } from '../support/started-cloud';

const ROWS = 60_000;
const SEGMENT = `Generated_${ROWS}`;
const cloud = createStartedCloud();
afterAll(() => cloud.close(), 60_000);

const isGone = (pid: number): true | undefined => {
  try {
    process.kill(pid, 0);
    return undefined;
  } catch {
    return true;
  }
};
const reached = async (phases: readonly string[]) =>
  cloud.until(`a run in ${phases.join(' or ')}`, async () => {
    const run = await cloud.newestRun();
    return run && phases.includes(run.phase) && run.state === 'refreshing' ? run : undefined;
  });

describe('a run whose processes are killed', () => {
  it('goes on after kill -9 of the function host, and of everything, and ends with the same people on the list', async () => {
    const first = cloud.start('--rows', String(ROWS));
    await cloud.until('the sandbox', () => cloud.record()?.klaviyo);
    await cloud.slowKlaviyo(6_000);

    // the host alone, while it prepares or a little later; npm start brings the next one
    const prepared = await reached(['prepare', 'gate', 'canary', 'submit']);
    const firstHost = cloud.record()!.functionHostPid!;
    process.kill(firstHost, 'SIGKILL');
    await cloud.until('another host', () => (cloud.record()!.functionHostPid !== firstHost ? true : undefined));

    // then the whole group, while Klaviyo is sent to or works
    const sending = await reached(['submit', 'settle']);
    expect(sending.id).toBe(prepared.id);
    const secondHost = cloud.record()!.functionHostPid!;
    process.kill(-first.pid, 'SIGKILL');
    await cloud.until('nobody left', () => isGone(first.pid) && isGone(secondHost));

    const second = cloud.start('--rows', String(ROWS), '--once');
    const { code, lastLine, output } = await second.ended;
    const truth = cloud.manifest()[SEGMENT]!;
    expect({ code, output: code === 0 ? '' : output }).toEqual({ code: 0, output: '' });
    expect(output).toContain(prepared.id);
    const result = JSON.parse(lastLine) as Record<string, unknown>;
    expect(result).toMatchObject({
      state: 'successful',
      invalid: truth.invalid,
      duplicates: truth.duplicates,
      sent: truth.distinctValid,
      accepted: truth.distinctValid,
      onList: truth.distinctValid,
    });
  }, 280_000);
});
