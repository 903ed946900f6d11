import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { createRateWindows } from '../../infra/local/klaviyo/rate-windows';
import type { Landed } from './protocol';

/**
 * The cheapest Klaviyo there can be, the same for both sides: keeps each import body as it came, answers 202 at once, says of every job
 * that it is complete. It unpacks and counts only when asked, after the clock has stopped: the sandbox, which checks every profile,
 * would take a core from those who are measured.
 */
interface Job {
  readonly id: string;
  readonly createdAt: string;
  readonly gzip: boolean;
  readonly body: readonly Buffer[];
}

let jobs: Job[] = [];
let throttled = 0;
const latencyMs = process.argv[2] === undefined ? undefined : Number(process.argv[2]);
const windows = createRateWindows();
/** Calls a second and a minute, by what is called (klaviyo.md section 1). */
const limitsOf = (pathname: string) =>
  pathname.includes('accounts')
    ? { burst: 1, steady: 15 }
    : pathname.includes('lists')
      ? { burst: 75, steady: 750 }
      : { burst: 10, steady: 150 };

const JSON_API = { 'Content-Type': 'application/vnd.api+json', 'X-Klaviyo-API-Revision': '2026-07-15' };

const resource = ({ id, createdAt }: Job, status: string) => ({
  type: 'profile-bulk-import-job',
  id,
  attributes: { status, created_at: createdAt, total_count: 10_000, completed_count: 0, failed_count: 0 },
});

const landed = (): Landed => {
  const addresses = new Set<string>();
  let rows = 0;
  let wireBytes = 0;
  for (const { gzip, body } of jobs) {
    const wire = Buffer.concat(body);
    wireBytes += wire.length;
    const text = (gzip ? gunzipSync(wire) : wire).toString('latin1');
    rows += text.split('"type":"profile"').length - 1;
    for (const [, address] of text.matchAll(/"email":"([^"]*)"/g)) addresses.add(address!.toLowerCase());
  }
  return { jobs: jobs.length, rows, distinct: addresses.size, wireBytes, throttled };
};

/** Whoever is asked for is on the list: whether that is true is counted after the clock has stopped. */
const members = (filter: string) =>
  [...filter.matchAll(/"([^"]+@[^"]+)"/g)].map(([, email], index) => ({
    type: 'profile',
    id: `profile-${index}`,
    attributes: { email, joined_group_at: new Date().toISOString() },
  }));

const answer = async (request: IncomingMessage, response: ServerResponse, body: readonly Buffer[]): Promise<void> => {
  const send = (status: number, content: unknown) => {
    response.writeHead(status, JSON_API);
    response.end(JSON.stringify(content));
  };
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://sink');
  if (latencyMs !== undefined && pathname.startsWith('/api/')) {
    await sleep(latencyMs);
    const verdict = windows.take(`${request.method} ${pathname}`, limitsOf(pathname), Date.now());
    if (!verdict.allowed) {
      throttled += 1;
      response.setHeader('Retry-After', verdict.retryAfterSeconds);
      return send(429, { errors: [{ status: 429, code: 'throttled', title: 'Request was throttled.', detail: 'Request was throttled.' }] });
    }
  }
  switch (`${request.method} ${pathname}`) {
    case 'POST /api/profile-bulk-import-jobs': {
      const gzip = request.headers['content-encoding'] === 'gzip';
      const job = { id: `job-${jobs.length + 1}`, createdAt: new Date().toISOString(), gzip, body };
      jobs.push(job);
      return send(202, { data: resource(job, 'queued') });
    }
    case 'GET /api/profile-bulk-import-jobs': {
      const from = Number(searchParams.get('page[cursor]') ?? 0);
      const page = [...jobs].reverse().slice(from, from + 100);
      const next = `http://${request.headers.host}/api/profile-bulk-import-jobs?page%5Bcursor%5D=${from + 100}`;
      const links = { next: from + 100 < jobs.length ? next : null };
      return send(200, { data: page.map((job) => resource(job, 'complete')), links });
    }
    case 'GET /api/accounts':
      return send(200, { data: [{ type: 'account', id: 'SANDBX', attributes: { contact_information: {} } }] });
    case 'GET /api/lists/LIST5K/profiles':
      return send(200, { data: members(searchParams.get('filter') ?? ''), links: { next: null } });
    case 'GET /_sink/landed':
      return send(200, landed());
    case 'DELETE /_sink/landed':
      jobs = [];
      throttled = 0;
      return send(200, {});
    default:
      return send(404, { errors: [{ status: 404, code: 'not_found', title: 'Not found.', detail: `${request.method} ${pathname}` }] });
  }
};

const server = createServer((request, response) => {
  const body: Buffer[] = [];
  request.on('data', (part: Buffer) => body.push(part)).on('end', () => void answer(request, response, body));
});
server.keepAliveTimeout = 60_000;
// whoever started us has died
process.stdin.resume().on('close', () => process.exit());
server.listen(0, '127.0.0.1', () => console.log(`sink listens on http://127.0.0.1:${(server.address() as AddressInfo).port}`));
