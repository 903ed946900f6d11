import { createServer } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { createSelfSigned } from '../../infra/local/key-vault/self-signed';

/** What was sent, in the exporter's own words. */
export interface Envelope {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly data: {
    readonly baseType: string;
    readonly baseData: Readonly<Record<string, unknown>> & { readonly properties?: Readonly<Record<string, string>> };
  };
}

/** How it answers: as it should, never, or with a status. */
export type Mood = 'takes' | 'hangs' | number;

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const sent = Buffer.concat(parts);
  return (request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent).toString('utf8');
};

/**
 * Stands in for the ingestion endpoint of Application Insights: takes what the real exporter sends over the wire, and keeps it as it came.
 * https, as the client gives no token to a plain address.
 * @see @azure/monitor-opentelemetry-exporter: POST {IngestionEndpoint}/v2.1/track
 */
export const startApplicationInsights = async () => {
  const { key, cert } = createSelfSigned({ now: new Date(), commonName: 'Application Insights' });
  const bodies: string[] = [];
  const tokens: (string | undefined)[] = [];
  let mood: Mood = 'takes';
  const take = async (request: IncomingMessage): Promise<{ status: number; body: string } | undefined> => {
    const body = await bodyOf(request);
    bodies.push(`${request.method} ${request.url}\n${body}`);
    tokens.push(request.headers.authorization);
    if (mood === 'hangs') return undefined;
    if (typeof mood === 'number') return { status: mood, body: '{}' };
    const count = (JSON.parse(body) as unknown[]).length;
    return { status: 200, body: JSON.stringify({ itemsReceived: count, itemsAccepted: count, errors: [] }) };
  };
  const server = createServer({ key, cert }, (request, response) => {
    take(request).then(
      (answer) => answer && void response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body),
      () => request.socket.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const endpoint = `https://localhost:${port}/`;
  return {
    connectionString: `InstrumentationKey=00000000-0000-4000-8000-000000000000;IngestionEndpoint=${endpoint};LiveEndpoint=${endpoint}`,
    /** PEM, to be trusted by whoever sends */
    cert,
    setMood: (to: Mood): void => void (mood = to),
    /** every request as text, unzipped */
    bodies: (): readonly string[] => bodies,
    tokens: (): readonly (string | undefined)[] => tokens,
    envelopes: (): Envelope[] => bodies.flatMap((body) => JSON.parse(body.slice(body.indexOf('\n') + 1)) as Envelope[]),
    close: async (): Promise<void> => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

export type ApplicationInsights = Awaited<ReturnType<typeof startApplicationInsights>>;
