import { createServer, request } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import type { Exchange } from '../contract/check-exchange';

const readAll = async (message: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return Buffer.concat(parts);
};
const plain = (headers: IncomingHttpHeaders): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]));

/** Stands in front of the Klaviyo sandbox and keeps every request with its answer; an answer that breaks off is passed on and not kept. */
export const startRecordingProxy = async (target: string) => {
  const exchanges: Exchange[] = [];
  const { hostname, port } = new URL(target);
  const pass = async (incoming: IncomingMessage): Promise<{ answer: IncomingMessage; body: Buffer }> => {
    const sent = await readAll(incoming);
    const { method = 'GET', url = '/', headers } = incoming;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ hostname, port, method, path: url, headers }, resolve).once('error', reject).end(sent);
    });
    const body = await readAll(answer);
    const requestBody = (headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent).toString('utf8');
    exchanges.push({
      ...{ method, url, requestHeaders: plain(headers), requestBody },
      ...{ status: answer.statusCode ?? 0, headers: plain(answer.headers), body: body.toString('utf8') },
    });
    return { answer, body };
  };
  const server = createServer((incoming, outgoing) => {
    pass(incoming).then(
      ({ answer, body }) => void outgoing.writeHead(answer.statusCode ?? 502, answer.headers).end(body),
      () => incoming.socket.resetAndDestroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exchanges: (): readonly Exchange[] => exchanges,
    close: async (): Promise<void> => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
