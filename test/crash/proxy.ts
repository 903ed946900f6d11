import { Agent, createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Kill } from './plan';

export type Service = 'blob' | 'queue' | 'table' | 'klaviyo';

/** One call of an app, whole, before anybody has seen it. */
export interface WireCall {
  readonly service: Service;
  readonly method: string;
  /** path and query */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** Sees every call of one process, and says when the process is to die of one. */
export interface Witness {
  before: (call: WireCall) => Promise<Kill | undefined>;
  /** told before the process sees the answer; also where it is dead by then */
  after: (call: WireCall, status: number) => void;
  /** ends the process at once */
  kill: (kill: Kill, call: WireCall) => void;
}

const bodyOf = async (incoming: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  return Buffer.concat(parts);
};

/** Stands between one process and everything it talks to. @param targets ports on this machine */
export const startProxy = async (targets: Readonly<Record<Service, number>>, witness: Witness) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });

  /** Sends a call on. @returns its answer, of which only the head has been read */
  const send = (call: WireCall, { share = 1 }: { share?: number } = {}): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const { method, url: path, headers, body, service } = call;
      const onward = request({ host: '127.0.0.1', port: targets[service], method, path, headers, agent }, (answer) => {
        witness.after(call, answer.statusCode ?? 502);
        resolve(answer);
      });
      onward.on('error', reject);
      if (share === 1) onward.end(body);
      else onward.write(body.subarray(0, Math.floor(body.length * share)), () => setTimeout(() => onward.destroy(), 20));
    });

  const handle = async (service: Service, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { method = 'GET', url = '/', headers } = incoming;
    const call: WireCall = { service, method, url, headers, body: await bodyOf(incoming) };
    const kill = await witness.before(call);
    if (kill?.flavour === 'before') return witness.kill(kill, call);
    if (kill?.flavour === 'middle') {
      const share = call.body.length > 1 ? kill.share : 1;
      const sent = send(call, { share });
      // the call is on its way: let it leave this process before the other one dies
      setImmediate(() => witness.kill(kill, call));
      (await sent).resume();
      return;
    }
    const answer = await send(call);
    if (kill) {
      for await (const part of answer) void part;
      return witness.kill(kill, call);
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    outgoing.on('close', () => answer.destroy());
    answer.on('error', () => outgoing.destroy()).pipe(outgoing);
  };

  const servers = await Promise.all(
    Object.keys(targets).map(async (service) => {
      const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
        handle(service as Service, incoming, outgoing).catch(() => outgoing.destroy());
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return { service: service as Service, server };
    }),
  );
  const portOf = (wanted: Service): number => {
    const found = servers.find(({ service }) => service === wanted)!;
    return (found.server.address() as AddressInfo).port;
  };

  return {
    ports: { blob: portOf('blob'), queue: portOf('queue'), table: portOf('table'), klaviyo: portOf('klaviyo') },
    close: async (): Promise<void> => {
      agent.destroy();
      for (const { server } of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
};

export type Proxy = Awaited<ReturnType<typeof startProxy>>;
