import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { localTokenSecret, readToken } from '../key-vault/identity-token';
import { createLimits, type LimitOptions, publishedLimits } from './limits';
import { createPeople, type People, type PeopleOptions } from './people';
import { parseQuery, type Query, Refused } from './query';
import { createTables, profileAttributes, type Table } from './tables';

/** An answer that the environment gives on purpose instead of its own. */
export interface DataverseFault {
  readonly kind: 'status' | 'html' | 'truncate' | 'reset' | 'foreignLink' | 'loop' | 'noPage';
  /** of kind status */
  readonly status?: number;
  readonly code?: string;
  readonly retryAfterSeconds?: number;
  /** Only requests whose path and query contain it. */
  readonly only?: string;
  /** How many requests it meets; 1 when left out. */
  readonly times?: number;
  /** How many matching requests pass before it. */
  readonly after?: number;
}

export interface DataverseOptions extends PeopleOptions {
  readonly port?: number;
  /** undefined: no limits */
  readonly limits?: LimitOptions | 'none';
  /** Time the environment works for a page, in ms: a base and so much for each row. It takes that long and counts for the limits. */
  readonly execution?: { readonly baseMs: number; readonly rowMs: number };
  /** Every n-th profile has not been written yet; 0 = all are there. */
  readonly missingEvery?: number;
  /** Rows of a page where nothing is asked for, and the most; FetchXML's page says 500 for elastic tables. */
  readonly maxPageRows?: number;
  /** Gets "METHOD /path status" of each request, without the query, as that holds ids. */
  readonly onRequest?: (line: string) => void;
}

export interface DataverseStandIn {
  readonly url: string;
  readonly port: number;
  /** Another refresh, or other people; takes effect for queries that begin afterwards. */
  reload(options: PeopleOptions & { missingEvery?: number }): void;
  readonly faults: { add(fault: DataverseFault): void; clear(): void };
  /** "path?query" of every request since the start, the last 10,000. */
  readonly requests: readonly string[];
  /** Whether every caller is let in; set to false, the application user has no role. */
  mayRead: boolean;
  close(): Promise<void>;
}

const BASE = '/api/data/v9.2/';
const MOST_PAGE_ROWS = 5_000;
const MOST_URL_CHARACTERS = 32_768;

const sign = (text: string): string => createHmac('sha256', localTokenSecret).update(text).digest('base64url').slice(0, 16);

/** Where the next page begins, with the query it belongs to: a link is good for its own query alone. */
const makeToken = (query: string, at: number): string => `${at}.${sign(`${query} ${at}`)}`;
const readTokenAt = (query: string, token: string): number => {
  const [at, mark] = token.split('.');
  if (at === undefined || mark !== sign(`${query} ${at}`)) throw new Refused(400, '0x80060888', 'The skip token is malformed.');
  return Number(at);
};

const preferences = (request: IncomingMessage): { pageRows: number | undefined; formatted: boolean } => {
  const prefer = String(request.headers.prefer ?? '');
  const size = /odata\.maxpagesize=(\d+)/.exec(prefer)?.[1];
  return { pageRows: size === undefined ? undefined : Number(size), formatted: prefer.includes('FormattedValue') };
};

/**
 * Starts a Dataverse environment with the two tables of Customer Insights on 127.0.0.1: Web API v9.2, read only, paging by links alone,
 * the published limits. It takes tokens of the local managed identity, made out to its own address.
 * @throws Error when the port is taken
 */
export const startDataverse = async (options: DataverseOptions): Promise<DataverseStandIn> => {
  const { execution = { baseMs: 5, rowMs: 0 }, maxPageRows = MOST_PAGE_ROWS } = options;
  let people: People = createPeople(options);
  let missingEvery = options.missingEvery ?? 0;
  const tables = createTables(
    () => people,
    (index) => missingEvery > 0 && index % missingEvery === missingEvery - 1,
  );
  const limits = options.limits === 'none' ? undefined : createLimits(options.limits ?? publishedLimits, () => performance.now());
  const faults: { fault: DataverseFault; left: number; passing: number }[] = [];
  const requests: string[] = [];
  const standIn = { mayRead: true };

  const page = (table: Table, query: Query, queryText: string, { pageRows, formatted }: ReturnType<typeof preferences>) => {
    const wanted = pageRows === undefined || pageRows < 1 ? maxPageRows : Math.min(pageRows, maxPageRows);
    // $top is ignored beside maxpagesize
    const most = query.top !== undefined && pageRows === undefined ? Math.min(query.top, wanted) : wanted;
    const columns = query.select ?? [...table.columns];
    const value: Record<string, unknown>[] = [];
    const show = (row: Record<string, unknown>, index: number): void => {
      const shown: Record<string, unknown> = { '@odata.etag': `W/"${index + 1}"`, [table.key]: row[table.key] };
      for (const name of columns) {
        shown[name] = row[name];
        const text = row[`${name}@OData.Community.Display.V1.FormattedValue`];
        if (text !== undefined) shown[`${name}@OData.Community.Display.V1.FormattedValue`] = text;
      }
      value.push(shown);
    };
    const { filter } = query;
    const at = query.skipToken === undefined ? 0 : readTokenAt(queryText, query.skipToken);
    if (filter?.kind === 'oneOf') {
      for (const one of filter.values) {
        const index = table.find(filter.column, one);
        const row = index === undefined ? undefined : table.row(index, { formatted });
        if (row) show(row, index!);
      }
      return { value, next: undefined };
    }
    // in the order of a primary key, which says nothing about ids: every seventh row, then the next seventh
    const count = table.count();
    const stride = 7;
    const lanes = Math.ceil(count / stride);
    const place = (n: number): number => (n % lanes) * stride + Math.floor(n / lanes);
    let n = at;
    for (; n < lanes * stride && value.length < most; n += 1) {
      const index = place(n);
      if (index >= count) continue;
      const row = table.row(index, { formatted });
      if (!row) continue;
      const text = filter === undefined ? '' : row[filter.column];
      if (filter === undefined || (typeof text === 'string' && text.includes(filter.text))) show(row, index);
    }
    const ended = n >= lanes * stride || (query.top !== undefined && pageRows === undefined);
    return { value, next: ended ? undefined : makeToken(queryText, n) };
  };

  const answer = async (request: IncomingMessage, url: URL): Promise<{ status: number; body: unknown; rows?: number }> => {
    if (request.method !== 'GET') throw new Refused(405, '0x80060888', 'This environment is read only.');
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const audience = `http://${request.headers.host}`;
    if (token === undefined || readToken(token, { secret: localTokenSecret, audience, now: new Date() }) === undefined)
      throw new Refused(401, '', 'The token is missing, expired, or made out to somebody else.');
    if (!standIn.mayRead) throw new Refused(403, '0x80040220', 'Principal user is missing prvRead privilege.');
    if (!url.pathname.startsWith(BASE)) throw new Refused(404, '0x80060888', 'Resource not found.');
    const resource = decodeURIComponent(url.pathname.slice(BASE.length));
    const attributes = /^EntityDefinitions\(LogicalName='(\w+)'\)\/Attributes$/.exec(resource);
    if (attributes) {
      if (attributes[1] !== 'msdynci_customerprofile')
        throw new Refused(404, '0x80060888', `Could not find an entity with name ${attributes[1]}.`);
      return {
        status: 200,
        body: { '@odata.context': `${url.origin}${BASE}$metadata#EntityDefinitions/Attributes`, value: profileAttributes() },
      };
    }
    if (resource === 'RetrieveTotalRecordCount(EntityNames=@names)') {
      const names = JSON.parse(url.searchParams.get('@names') ?? '[]') as string[];
      const counts = names.map((name) => tables[`${name}s`]?.count());
      if (counts.includes(undefined)) throw new Refused(404, '0x80060888', 'Entity not found.');
      return {
        status: 200,
        body: { EntityRecordCountCollection: { Count: names.length, IsReadOnly: false, Keys: names, Values: counts } },
      };
    }
    const table = tables[resource];
    if (!table) throw new Refused(404, '0x80060888', `Resource not found for the segment '${resource}'.`);
    const query = parseQuery(url.searchParams, table.columns);
    const own = new URLSearchParams(url.searchParams);
    own.delete('$skiptoken');
    const { value, next } = page(table, query, `${resource}?${own.toString()}`, preferences(request));
    const link =
      next === undefined ? undefined : `${url.origin}${BASE}${resource}?${own.toString()}&$skiptoken=${encodeURIComponent(next)}`;
    const context = `${url.origin}${BASE}$metadata#${resource}`;
    return {
      status: 200,
      rows: value.length,
      body: { '@odata.context': context, value, ...(link === undefined ? {} : { '@odata.nextLink': link }) },
    };
  };

  /** An answer made ready, so that what that takes counts as the environment's work. */
  const prepare = (request: IncomingMessage, status: number, body: unknown, headers: Record<string, string> = {}) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const zips = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
    return {
      status,
      headers: {
        'content-type': typeof body === 'string' ? 'text/html' : 'application/json; odata.metadata=minimal',
        'odata-version': '4.0',
        'x-ms-service-request-id': `dv-${requests.length}`,
        ...(zips ? { 'content-encoding': 'gzip' } : {}),
        ...headers,
      },
      bytes: zips ? gzipSync(text, { level: 1 }) : Buffer.from(text),
    };
  };
  const send = (response: ServerResponse, ready: ReturnType<typeof prepare>): void => {
    response.writeHead(ready.status, ready.headers);
    response.end(ready.bytes);
  };

  const refuse = (
    request: IncomingMessage,
    response: ServerResponse,
    { status, code, message, retryAfterSeconds }: { status: number; code: string; message: string; retryAfterSeconds?: number },
  ): void => {
    const headers: Record<string, string> = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
    send(response, prepare(request, status, { error: { code, message } }, headers));
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', `http://${request.headers.host}`);
    requests.push(decodeURIComponent(`${url.pathname}${url.search}`));
    if (requests.length > 10_000) requests.shift();
    response.once('finish', () => options.onRequest?.(`${request.method} ${url.pathname} ${response.statusCode}`));
    if ((request.url ?? '').length > MOST_URL_CHARACTERS)
      return refuse(request, response, { status: 414, code: '', message: 'The address is too long.' });
    const found = faults.find(({ fault, left }) => left > 0 && (fault.only === undefined || requests.at(-1)!.includes(fault.only)));
    if (found && found.passing > 0) found.passing -= 1;
    else if (found) {
      found.left -= 1;
      const { fault } = found;
      if (fault.kind === 'reset') return void request.socket.resetAndDestroy();
      if (fault.kind === 'html') return send(response, prepare(request, fault.status ?? 502, '<html><body>Bad gateway</body></html>'));
      if (fault.kind === 'noPage') return send(response, prepare(request, 200, { hello: 'world' }));
      if (fault.kind === 'truncate') {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1_000 });
        response.write('{"value":[{"msdynci_customerid":"');
        return void setTimeout(() => request.socket.destroy(), 20);
      }
      if (fault.kind === 'foreignLink')
        return send(
          response,
          prepare(request, 200, { value: [], '@odata.nextLink': 'https://elsewhere.example/api/data/v9.2/msdynci_customerprofiles' }),
        );
      if (fault.kind === 'loop') return send(response, prepare(request, 200, { value: [], '@odata.nextLink': url.href }));
      const { status = 503, code = '', retryAfterSeconds } = fault;
      return refuse(request, response, {
        status,
        code,
        message: 'On purpose.',
        ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
      });
    }
    const throttled = limits?.begin();
    if (throttled) return refuse(request, response, { status: 429, ...throttled });
    const startedAt = performance.now();
    let workMs = execution.baseMs;
    try {
      const { status, body, rows = 0 } = await answer(request, url);
      workMs += rows * execution.rowMs;
      const ready = prepare(request, status, body);
      const restMs = workMs - (performance.now() - startedAt);
      if (restMs > 1) await sleep(restMs);
      send(response, ready);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refuse(request, response, { status: error.status, code: error.code, message: error.message });
    } finally {
      limits?.end(workMs);
    }
  };

  const server = createServer((request, response) => {
    serve(request, response).catch(() => {
      if (!response.headersSent) refuse(request, response, { status: 500, code: '', message: 'An unexpected error occurred.' });
      else response.destroy();
    });
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new Error(`Port ${options.port} is taken: choose another one with --port N`) : error),
    );
    server.listen(options.port ?? 0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
  return Object.assign(standIn, {
    url: `http://127.0.0.1:${port}`,
    port,
    reload: (next: PeopleOptions & { missingEvery?: number }) => {
      people = createPeople(next);
      missingEvery = next.missingEvery ?? 0;
    },
    faults: {
      add: (fault: DataverseFault) => void faults.push({ fault, left: fault.times ?? 1, passing: fault.after ?? 0 }),
      clear: () => void faults.splice(0),
    },
    requests,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
};
