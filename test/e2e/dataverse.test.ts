import { createStartedCloud } from '../support/started-cloud';

const cloud = createStartedCloud({ environment: { SOURCE_KIND: 'dataverse' } });
afterAll(() => cloud.close(), 60_000);

it('the local cloud reads its segments from Dataverse when SOURCE_KIND says so, and the second time sends nothing', async () => {
  const start = async () => {
    const { code, lastLine } = await cloud.start('--once').ended;
    expect(code).toBe(0);
    return JSON.parse(lastLine) as Record<string, number | string>;
  };
  const first = await start();
  const truth = cloud.truthOf('NewsletterReaders');
  expect(first).toMatchObject({
    state: 'successful',
    read: truth.rows,
    invalid: truth.invalid,
    duplicates: truth.duplicates,
    sent: truth.distinctValid,
    onList: truth.distinctValid,
  });
  expect(await start()).toMatchObject({ state: 'successful', sent: 0, unchanged: truth.distinctValid, onList: truth.distinctValid });
}, 200_000);
