import { readFileSync } from 'node:fs';
import path from 'node:path';
import { startKlaviyoSandbox } from '../../infra/local/klaviyo/server';
import { createStartedCloud, membersOf } from '../support/started-cloud';

/** Every kind of bad luck that ends within seconds, far more often than on Azure; poison, which the minute timer mends, is tested with the host. */
const cloud = createStartedCloud({
  environment: {
    LOCAL_CHAOS_SEED: '9739',
    LOCAL_CHAOS: 'notDeleted=0.3,waits=0.1,restarts=0.1,stalls=0.1,poisons=0,waitMs=2000,stallMs=3000',
  },
});
afterAll(() => cloud.close(), 60_000);

it('a run ends right on a host that forgets to delete, waits, stalls and restarts by seed', async () => {
  const { code, output, lastLine } = await cloud.start('--once').ended;
  const log = readFileSync(path.join(cloud.dataDir, 'logs', 'functions.log'), 'utf8');
  expect([code, code === 0 ? '' : `${output}\n${log}`]).toEqual([0, '']);
  const met = [...log.matchAll(/\[warning\] chaos: (\w+): message \S+ of advance-run/g)].map(([, fate]) => fate);
  expect(met.slice(0, 3)).toEqual(['restarts', 'stalls', 'notDeleted']);
  const { distinctValid } = cloud.truthOf('NewsletterReaders');
  expect(JSON.parse(lastLine)).toMatchObject({ state: 'successful', accepted: distinctValid, open: 0, removed: 0, onList: distinctValid });
  const klaviyo = await startKlaviyoSandbox({ dataDir: path.join(cloud.dataDir, 'klaviyo') });
  const members = await membersOf(klaviyo.url, 'LIST5K').finally(() => klaviyo.close());
  expect(new Set(members).size).toBe(distinctValid);
}, 180_000);
