import { createServer, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ChattyAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const readAll = async (message: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return Buffer.concat(parts);
};

/** An error document as Klaviyo writes it. */
export const errorsOf = (status: number, detail: string): ChattyAnswer => ({
  status,
  type: 'application/vnd.api+json',
  body: JSON.stringify({ errors: [{ id: 'e1', status, code: 'invalid', title: 'Invalid input.', detail, source: { pointer: '/data/' } }] }),
});

/** Stands in front of the Klaviyo sandbox and answers in its place, or rewrites its answers, as somebody who says too much. */
export const startChattyKlaviyo = async (target: string) => {
  const { hostname, port } = new URL(target);
  interface Rule {
    readonly call: RegExp;
    left: number;
    readonly answer: ChattyAnswer | ((body: string) => string);
  }
  let rules: Rule[] = [];
  const pass = async (incoming: IncomingMessage): Promise<ChattyAnswer & { headers: Record<string, string> }> => {
    const { method = 'GET', url = '/', headers } = incoming;
    const sent = await readAll(incoming);
    const rule = rules.find(({ call, left }) => left > 0 && call.test(`${method} ${url}`));
    if (rule) rule.left -= 1;
    if (rule && typeof rule.answer !== 'function') return { ...rule.answer, headers: {} };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ hostname, port, method, path: url, headers }, resolve).once('error', reject).end(sent);
    });
    const body = (await readAll(answer)).toString('utf8');
    const kept = Object.entries(answer.headers).filter(([name]) => name.startsWith('x-klaviyo') || name === 'retry-after');
    return {
      status: answer.statusCode ?? 502,
      type: answer.headers['content-type'] ?? 'application/json',
      body: rule && typeof rule.answer === 'function' ? rule.answer(body) : body,
      headers: Object.fromEntries(kept) as Record<string, string>,
    };
  };
  const server = createServer((incoming, outgoing) => {
    pass(incoming).then(
      ({ status, type, body, headers }) =>
        void outgoing.writeHead(status, { ...headers, ...(body === '' ? {} : { 'content-type': type }) }).end(body),
      () => incoming.socket.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Answers the next calls that match so, or rewrites the bodies of their answers. */
    say: (call: RegExp, answer: Rule['answer'], times = 1): void => void rules.push({ call, left: times, answer }),
    hush: (): void => void (rules = []),
    close: async (): Promise<void> => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
