import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { isPublicAddress, literalAddress } from '../../../shared/platform/public-address';
import { askNameServers, createWebhooks } from '../../../shared/platform/webhooks';

it.each(['8.8.8.8', '52.239.143.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::200e'])('%s is public', (address) => {
  expect(isPublicAddress(address)).toBe(true);
});

it.each([
  ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '127.255.255.254', '169.254.169.254', '172.16.0.1', '172.31.255.255'],
  ...['192.0.0.8', '192.0.2.1', '192.88.99.1', '192.168.1.1', '198.18.0.1', '198.51.100.7', '203.0.113.9', '224.0.0.1', '255.255.255.255'],
  // Azure's host agent
  '168.63.129.16',
  ...[
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'fc00::1',
    'fd12:3456::1',
    'ff02::1',
    '2001:db8::1',
    '2001::1',
    '2002:7f00:1::',
    '3fff::1',
  ],
  // IPv4 in disguise: mapped, compatible, NAT64
  ...['::ffff:127.0.0.1', '::ffff:8.8.8.8', '::127.0.0.1', '64:ff9b::7f00:1', '100::1'],
  ...['', 'example.com', '8.8.8', '0x7f000001'],
])('%p is not', (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

it.each([
  ['[::1]', '::1'],
  ['127.0.0.1', '127.0.0.1'],
  ['example.com', undefined],
])('the host %s holds the address %s', (host, address) => {
  expect(literalAddress(host)).toBe(address);
});

describe('an address that somebody types', () => {
  const strict = createWebhooks({ allowPrivate: false });
  const local = createWebhooks({ allowPrivate: true });
  afterAll(() => Promise.all([strict.close(), local.close()]));

  it.each<[string, string | undefined]>([
    ['https://hooks.slack.com/services/T0/B0/x', undefined],
    ['https://prod-12.westeurope.logic.azure.com:443/workflows/a?sig=b', undefined],
    ['https://8.8.8.8/hook', undefined],
    ['hooks.slack.com/services', 'not_a_url'],
    ['http://hooks.slack.com/', 'not_https'],
    ['ftp://hooks.slack.com/', 'not_https'],
    ['javascript:alert(1)', 'not_https'],
    ['https://user:password@example.com/', 'has_user'],
    ['https://user@example.com/', 'has_user'],
    ['https://localhost/hook', 'address_refused'],
    ['https://api.localhost/hook', 'address_refused'],
    ['https://printer.local/hook', 'address_refused'],
    ['https://vm.internal/hook', 'address_refused'],
    ['https://intranet/hook', 'address_refused'],
    ['https://127.0.0.1/hook', 'address_refused'],
    // other spellings of 127.0.0.1 and 169.254.169.254
    ['https://2130706433/hook', 'address_refused'],
    ['https://0x7f.1/hook', 'address_refused'],
    ['https://0251.0376.0251.0376/metadata', 'address_refused'],
    ['https://169.254.169.254/metadata/identity', 'address_refused'],
    ['https://[::1]/hook', 'address_refused'],
    ['https://[::ffff:127.0.0.1]/hook', 'address_refused'],
    ['https://[fd00::1]/hook', 'address_refused'],
  ])('%s', (address, problem) => {
    expect(strict.problemOf(address)).toBe(problem);
  });

  it('may lie on this machine, and do without https, in the local cloud; users it may not name there either', () => {
    expect(local.problemOf('http://127.0.0.1:8080/hook')).toBeUndefined();
    expect(local.problemOf('http://user@127.0.0.1:8080/hook')).toBe('has_user');
  });
});

describe('a name', () => {
  const addressesOf: Record<string, string[]> = {
    'private.example': ['10.0.0.5'],
    'loopback.example': ['127.0.0.1'],
    'mapped.example': ['::ffff:127.0.0.1'],
    'both.example': ['8.8.8.8', '127.0.0.1'],
    'nobody.example': [],
  };
  let asked: string[] = [];
  const webhooks = createWebhooks({
    allowPrivate: false,
    lookup: (hostname, _options, done) => {
      asked.push(hostname);
      done(
        null,
        addressesOf[hostname]!.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    },
  });
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  beforeAll(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)));
  afterAll(async () => {
    server.close();
    await webhooks.close();
  });
  const post = (hostname: string, more: object = {}) =>
    webhooks.post(`https://${hostname}:${(server.address() as AddressInfo).port}/hook`, {
      ...{ headers: {}, body: '{}', signal: AbortSignal.timeout(5_000) },
      ...more,
    });

  it.each(Object.keys(addressesOf))('that leads into a private network is not connected to: %s', async (hostname) => {
    asked = [];
    expect(await post(hostname)).toEqual({ kind: 'unanswered', code: 'address_refused' });
    expect([asked, connections]).toEqual([[hostname], 0]);
  });

  it('is asked for where the connection is made: the answer that was looked at is the one that is used', async () => {
    const local = createWebhooks({
      allowPrivate: false,
      // whoever asks again gets another answer
      lookup: (hostname, _options, done) => {
        asked.push(hostname);
        done(null, [{ address: asked.length === 1 ? '192.0.2.1' : '127.0.0.1', family: 4 }]);
      },
    });
    asked = [];
    expect(await local.post('https://turning.example/hook', { headers: {}, body: '{}', signal: AbortSignal.timeout(5_000) })).toEqual({
      kind: 'unanswered',
      code: 'address_refused',
    });
    expect(asked).toHaveLength(1);
    await local.close();
  });
});

it('a name that no name server knows is no answer, and an error of the look-up', async () => {
  const [error, addresses] = await new Promise<[NodeJS.ErrnoException | null, unknown[]]>((resolve) =>
    askNameServers('nobody.invalid', { all: true }, (...answer) => resolve(answer)),
  );
  expect([error?.code, addresses]).toEqual([expect.any(String) as string, []]);
}, 15_000);

it('a receiver that does not answer is let go when its time is over', async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve));
  const webhooks = createWebhooks({ allowPrivate: true, timeoutMs: 60 });
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
  expect(await webhooks.post(url, { headers: {}, body: '{}', signal: AbortSignal.timeout(5_000) })).toEqual({
    kind: 'unanswered',
    code: 'timeout',
  });
  const gone = AbortSignal.abort();
  await expect(webhooks.post(url, { headers: {}, body: '{}', signal: gone })).rejects.toBe(gone.reason);
  await webhooks.close();
  silent.close();
});
