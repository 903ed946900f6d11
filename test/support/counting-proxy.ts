import { createServer, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Azurite } from '../../infra/local/storage/azurite';

/**
 * Stands in front of Azurite and counts calls, so that a test may say what something costs.
 * @param onCall told of each call before it is passed on
 */
export const startCountingProxy = async (azurite: Azurite, { onCall }: { onCall?: (call: string) => void } = {}) => {
  const calls: string[] = [];
  const servers = await Promise.all(
    [azurite.blobPort, azurite.queuePort, azurite.tablePort].map(async (port) => {
      const server = createServer((incoming: IncomingMessage, outgoing) => {
        calls.push(`${incoming.method} ${incoming.url}`);
        onCall?.(calls.at(-1)!);
        const { method, url: path, headers } = incoming;
        const onward = request({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
        });
        onward.on('error', () => outgoing.destroy());
        incoming.pipe(onward);
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
    /** Calls that `work` makes, as method and path. */
    during: async (work: () => Promise<unknown>): Promise<string[]> => {
      const before = calls.length;
      await work();
      return calls.slice(before);
    },
    close: async () => {
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
};
