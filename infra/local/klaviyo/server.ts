import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from './answer';
import { MAX_BODY_BYTES } from './body';
import { answerControl, type Clock } from './control';
import { createSandbox, type Sandbox } from './core';
import { JournalError, openJournal } from './journal';
import type { SandboxOptions } from './options';
import { PAGE_HEADERS } from './page-parts';
import { statusPage } from './status-page';

export type ServerOptions = SandboxOptions & {
  /** 0 or nothing: a free one. */
  readonly port?: number;
  readonly host?: '127.0.0.1';
  /** Folder in which profiles, lists, memberships, jobs and keys survive a kill -9; without it they live in memory. */
  readonly dataDir?: string;
  /** The folder's journal is replaced by a snapshot once its changes take so many bytes (64 MiB), and more than the snapshot before. */
  readonly compactAboveBytes?: number;
  /** Hears that the folder cannot be written any more (disk full): whoever runs the sandbox should end it. */
  readonly onFatal?: (error: Error) => void;
  /** A clock of the caller's, in milliseconds since 1970. */
  readonly now?: () => number;
  /** Virtual time that starts here (ms since 1970) and moves only through POST /_sandbox/clock. */
  readonly virtualTime?: number;
};
export type RunningSandbox = {
  readonly url: string;
  readonly port: number;
  readonly sandbox: Sandbox;
  /**
   * Stops it.
   * @throws Error when it was asked what Klaviyo has and it has not (501): the test that asked must not pass; see `allowGaps`
   */
  readonly close: () => Promise<void>;
};

const TICK_MS = 10;
/** Rows processed in one turn of the event loop, about 10 ms of work. */
const ROWS_A_TURN = 2000;
const MAX_LAG_MS = 1000;
const COMPACT_ABOVE_BYTES = 64 * 1024 * 1024;
/** Quiet time before the journal is compacted while the sandbox runs, in milliseconds: writing a snapshot stops everything for a while. */
const QUIET_MS = 10_000;

/** Collects a body, but never more than one byte over the limit: the rest is read and thrown away. */
const collect = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk.subarray(0, MAX_BODY_BYTES + 1 - bytes));
    bytes += chunk.length;
  }
  return Buffer.concat(chunks);
};

const send = async (response: ServerResponse, { status, headers, body, transport }: Answer): Promise<void> => {
  if (transport?.kind === 'reset') return void response.socket?.resetAndDestroy();
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
  const half = Math.floor(bytes.length / 2);
  // A 204 has neither a body nor a Content-Length (4.31, observed).
  response.writeHead(
    status,
    status === 204 ? headers : { ...headers, 'Content-Length': transport?.kind === 'truncate' ? half : bytes.length },
  );
  if (transport?.kind === 'truncate') return void response.end(bytes.subarray(0, half));
  if (transport?.kind === 'slow') {
    response.write(bytes.subarray(0, half));
    await sleep(transport.ms, undefined, { ref: false });
    return void response.end(bytes.subarray(half));
  }
  response.end(bytes);
};

const sendControl = async (response: ServerResponse, { status, body, lines }: ReturnType<typeof answerControl>): Promise<void> => {
  if (!lines) {
    response.writeHead(status, { 'Content-Type': 'application/json' });
    return void response.end(body === undefined ? '' : JSON.stringify(body));
  }
  response.writeHead(status, { 'Content-Type': 'application/x-ndjson' });
  const stream = Readable.from(lines, { objectMode: true });
  for await (const text of stream)
    if (!response.write(text)) await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
  response.end();
};

const clockOf = ({ now, virtualTime }: ServerOptions): Clock => {
  if (virtualTime === undefined) return { nowMs: now ?? Date.now };
  let virtual = virtualTime;
  return {
    nowMs: () => virtual,
    move: (ms) => {
      virtual += ms;
    },
  };
};

/**
 * Starts the Klaviyo sandbox on 127.0.0.1.
 * @throws the listen error (EADDRINUSE and its like) when the port is taken
 */
export const startKlaviyoSandbox = async (options: ServerOptions = {}): Promise<RunningSandbox> => {
  const server = createServer();
  server.keepAliveTimeout = 30_000;
  // The port first: a second sandbox on the same folder must fail before it touches the journal. Calls wait while the journal is replayed.
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
  });
  const clock = clockOf(options);
  const { journal, sandbox } = (() => {
    try {
      const opened = options.dataDir === undefined ? undefined : openJournal(options.dataDir);
      return { journal: opened, sandbox: createSandbox(options, clock.nowMs(), opened) };
    } catch (error) {
      server.close();
      throw error;
    }
  })();
  const advance = (): void =>
    options.virtualTime === undefined ? sandbox.advance(clock.nowMs(), ROWS_A_TURN, MAX_LAG_MS) : sandbox.advance(clock.nowMs());
  let busyAt = Date.now();
  const fatal = (error: Error): void => {
    clearInterval(ticker);
    options.onFatal?.(error);
  };
  const compactWhenGrown = (): void => {
    const { tailBytes, snapshotBytes } = journal?.sizes() ?? { tailBytes: 0, snapshotBytes: 0 };
    if (tailBytes <= Math.max(options.compactAboveBytes ?? COMPACT_ABOVE_BYTES, snapshotBytes)) return;
    try {
      journal!.compact(sandbox.snapshot(clock.nowMs()));
    } catch (error) {
      console.error((error as Error).message); // the long journal does as well
    }
  };
  const ticker = setInterval(() => {
    try {
      if (sandbox.hasOpenJobs()) {
        busyAt = Date.now();
        advance();
      } else if (Date.now() - busyAt > QUIET_MS) {
        busyAt = Date.now();
        compactWhenGrown();
      }
    } catch (error) {
      fatal(error as Error);
    }
  }, TICK_MS).unref();
  compactWhenGrown();

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const method = request.method ?? 'GET';
    const url = new URL(request.url ?? '/', `http://${request.headers.host ?? 'localhost'}`);
    const body = await collect(request);
    if (url.pathname !== '/') busyAt = Date.now(); // the page asks all the time
    advance();
    if (url.pathname === '/' && method === 'GET') {
      response.writeHead(200, PAGE_HEADERS);
      return void response.end(statusPage(sandbox, clock.nowMs(), url.searchParams));
    }
    if (url.pathname.startsWith('/_sandbox/')) {
      let json: unknown;
      try {
        json = body.length > 0 ? JSON.parse(body.toString('utf8')) : undefined;
      } catch {
        return sendControl(response, { status: 400, body: { error: 'the body is no JSON' } });
      }
      return sendControl(response, answerControl(sandbox, clock, method, url, json));
    }
    const { latencyMs } = sandbox.settings();
    if (latencyMs > 0) await sleep(latencyMs);
    const headers = request.headers as Record<string, string | undefined>;
    return send(response, sandbox.handle({ method, url: request.url ?? '/', headers, body }, clock.nowMs()));
  };

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    answer(request, response).catch((error: unknown) => {
      response.destroy(); // the caller went away in the middle, or the change could not be kept
      if (error instanceof JournalError) fatal(error);
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    sandbox,
    close: async () => {
      clearInterval(ticker);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      journal?.close();
      const gaps = sandbox.gaps();
      if (gaps.length > 0 && !options.allowGaps) throw new Error(`The Klaviyo sandbox was asked what it does not know: ${gaps.join(', ')}`);
    },
  };
};
