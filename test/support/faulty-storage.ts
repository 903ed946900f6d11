import { createServer, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Azurite } from '../../infra/local/storage/azurite';

/**
 * What goes wrong with a call: its answer is lost after it was carried out, the answer's body breaks off half-way, or storage refuses it;
 * a function is called and waited for before the call is passed on.
 */
export type StorageFault = 'lose answer' | 'cut body' | 'refuse' | (() => Promise<unknown>);

interface Rule {
  readonly call: RegExp;
  readonly fault: StorageFault;
  left: number;
  hits: number;
}

/** Stands in front of Azurite and spoils calls, as a network does. Calls are matched as `METHOD /path?query`. */
export const startFaultyStorage = async (azurite: Azurite) => {
  let rules: Rule[] = [];
  const fire = (call: string): StorageFault | undefined => {
    const rule = rules.find((one) => one.left > 0 && one.call.test(call));
    if (!rule) return undefined;
    rule.left -= 1;
    rule.hits += 1;
    return rule.fault;
  };
  const servers = await Promise.all(
    [azurite.blobPort, azurite.queuePort, azurite.tablePort].map(async (port) => {
      const server = createServer((incoming: IncomingMessage, outgoing) => {
        const { method, url: path, headers } = incoming;
        const fault = fire(`${method} ${path}`);
        const passOn = (): void => {
          const onward = request({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
            if (fault === 'lose answer') {
              // read to its end, so that the call has been carried out
              answer.resume().on('end', () => outgoing.destroy());
            } else if (fault === 'cut body') {
              const parts: Buffer[] = [];
              answer.on('data', (part: Buffer) => parts.push(part));
              answer.on('end', () => {
                const body = Buffer.concat(parts);
                outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
                outgoing.write(body.subarray(0, Math.floor(body.length / 2)), () => outgoing.destroy());
              });
            } else {
              outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
              answer.pipe(outgoing);
            }
          });
          onward.on('error', () => outgoing.destroy());
          incoming.pipe(onward);
        };
        if (fault === 'refuse') {
          incoming.resume();
          outgoing.writeHead(403, { 'x-ms-error-code': 'AuthorizationFailure' }).end();
        } else if (typeof fault === 'function') void fault().then(passOn, () => outgoing.destroy());
        else passOn();
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const [blob, queue, table] = servers.map((server) => (server.address() as AddressInfo).port);
  return {
    connectionString: azurite.connectionString
      .replaceAll(`:${azurite.blobPort}/`, `:${blob}/`)
      .replaceAll(`:${azurite.queuePort}/`, `:${queue}/`)
      .replaceAll(`:${azurite.tablePort}/`, `:${table}/`),
    blobPort: blob!,
    /** Spoils the next `times` calls that match. @returns how many it has hit so far */
    spoil: (call: RegExp, fault: StorageFault, times = 1): (() => number) => {
      const rule: Rule = { call, fault, left: times, hits: 0 };
      rules.push(rule);
      return () => rule.hits;
    },
    heal: (): void => {
      rules = [];
    },
    close: async () => {
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
};
