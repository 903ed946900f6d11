import { performance } from 'node:perf_hooks';
import { edgePage, errorBody, JSON_API, type Answer } from './answer';
import { readBody, tooLargePage } from './body';
import type { Call, Reply } from './call';
import { ALL_SCOPES, limitsOf, matchEndpoint, type Endpoint } from './endpoints';
import { Gap, Refusal, notFound, type ErrorItem } from './errors';
import { answerInstead, changeBefore, throttled } from './fault-answers';
import { createFaultPlan } from './faults';
import { createShortId, createUuid } from './ids';
import { ACCESS_LIFE_MS, createOAuth } from './oauth';
import { JournalError } from './journal';
import { applyOp, type Op } from './ops';
import { INSTANT, resolveProcessing, resolveRules, type SandboxOptions } from './options';
import { advanceAccount } from './processing';
import { parseQuery } from './query';
import { createRandom } from './random';
import { createRateWindows } from './rate-windows';
import { createRequestLog } from './request-log';
import { servedRevision } from './revision';
import { snapshotOf, type Frame } from './snapshot';
import { HANDLERS } from './routes';
import { createState, type Account } from './state';

export type SandboxRequest = {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /** Scheme and host the caller used; the default is made of the host header. */
  readonly origin?: string;
};
export type NewAccount = {
  readonly id?: string;
  readonly keys?: readonly { readonly key: string; readonly scopes?: readonly string[] }[];
  readonly lists?: readonly { readonly id?: string; readonly name: string; readonly optIn?: 'single_opt_in' | 'double_opt_in' }[];
  /** Apps that may ask for tokens by OAuth (4.38). */
  readonly apps?: readonly { readonly id: string; readonly secret: string; readonly redirects: readonly string[] }[];
};
/** Where changes are written down before they are answered; see journal.ts. */
export type OpLog = { readonly write: (op: Op, body?: Buffer) => void; readonly replay: (apply: (op: Op, body?: Buffer) => void) => void };

/** The account, keys and lists that a new sandbox starts with. */
export const DEFAULT_ACCOUNT: NewAccount = {
  id: 'SANDBX',
  keys: [
    { key: 'pk_sandbox_full' },
    ...ALL_SCOPES.map((missing) => ({
      key: `pk_sandbox_no_${missing.replace(/[^a-z]/g, '_')}`,
      scopes: ALL_SCOPES.filter((scope) => scope !== missing),
    })),
  ],
  lists: [
    { id: 'LIST5K', name: 'Newsletter' },
    { id: 'LIS25K', name: 'High value' },
    { id: 'LI100K', name: 'Everybody' },
  ],
  apps: [{ id: 'sandbox_app', secret: 'sandbox_app_secret', redirects: ['http://127.0.0.1:8080/callback'] }],
};

type Caller = {
  readonly account: Account;
  readonly scopes: ReadonlySet<string>;
  /** Whose allowance a call takes from. */
  readonly quota: string;
  /** What takes the caller's key or token away. */
  readonly revoke: Op;
};

const unauthenticated = (code: string, text: string): ErrorItem => ({
  status: 401,
  code,
  title: text,
  detail: text,
  source: { pointer: '/data/' },
});

/** Writes instants as Klaviyo does: in some answers with microseconds, in others without (4.29, observed). */
const stampWith =
  (micros: boolean) =>
  (atMs: number): string => {
    const iso = new Date(atMs).toISOString();
    return micros ? `${iso.slice(0, 23)}000+00:00` : `${iso.slice(0, 19)}+00:00`;
  };

/**
 * Builds the sandbox: a synchronous core (state, request, now) -> answer; instants come in as milliseconds since 1970, nothing is read from the clock.
 * @see klaviyo.md section 4, whose points the comments name
 */
export const createSandbox = (options: SandboxOptions = {}, startMs: number, log?: OpLog) => {
  const state = createState();
  const rules = resolveRules(options.rules);
  let processing = resolveProcessing(options.processing);
  let limits = options.limits ?? true;
  let latencyMs = options.latencyMs ?? 0;
  const random = createRandom(options.seed ?? startMs);
  const windows = createRateWindows();
  const faults = createFaultPlan();
  const requests = createRequestLog();
  let late: { readonly atMs: number; readonly commit: () => void }[] = [];
  const gaps = new Set<string>();
  let answered = 0;

  const commit = (op: Op, body?: Buffer) => {
    log?.write(op, body);
    return applyOp(state, op, body);
  };

  /** Makes an account with what it is given; an id that exists gets the keys and lists it lacks. */
  const addAccount = (
    { id = createShortId(random).toUpperCase(), keys = [], lists = [], apps = [] }: NewAccount,
    nowMs: number,
  ): Account => {
    if (!state.accounts.has(id)) commit({ op: 'account', account: id });
    const account = state.accounts.get(id)!;
    for (const { key, scopes = ALL_SCOPES } of keys) if (!account.keys.has(key)) commit({ op: 'key', account: id, key, scopes });
    for (const { id: listId = createShortId(random), name, optIn } of lists)
      if (!account.lists.has(listId)) commit({ op: 'list', account: id, id: listId, name, at: nowMs, optIn: optIn ?? 'single_opt_in' });
    for (const { id: client, secret, redirects } of apps)
      if (!state.clients.has(client)) commit({ op: 'client', account: id, client, secret, redirects });
    return account;
  };
  const oauth = createOAuth(state, random, windows, commit);

  /** Lets time pass up to `nowMs`: jobs are processed, late requests arrive. `maxRows` bounds the work of one call. */
  const advance = (nowMs: number, maxRows = Infinity, maxLagMs = Infinity): void => {
    for (;;) {
      const due = late.filter(({ atMs }) => atMs <= nowMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (!due) break;
      late = late.filter((entry) => entry !== due);
      due.commit();
    }
    for (const account of state.accounts.values())
      if (account.open.length > 0) advanceAccount(account, nowMs, { processing, badPhone: rules.badPhone, maxRows, maxLagMs }, commit);
  };

  const accountOf = (authorization: string | undefined, nowMs: number): Caller => {
    if (!authorization) throw new Refusal(unauthenticated('not_authenticated', 'Authentication credentials were not provided.')); // 4.1
    const key = /^Klaviyo-API-Key (\S+)$/.exec(authorization)?.[1] ?? '';
    const account = state.accountOfKey.get(key);
    if (account) return { account, scopes: account.keys.get(key)!, quota: account.id, revoke: { op: 'revoke', key } };
    const access = /^Bearer (\S+)$/.exec(authorization)?.[1] ?? '';
    const refresh = state.grantOfAccess.get(access) ?? '';
    const grant = state.grants.get(refresh);
    const madeAt = grant?.access.get(access) ?? -Infinity;
    const granted = state.accounts.get(state.clients.get(grant?.client ?? '')?.account ?? '');
    if (!grant || !granted || madeAt + ACCESS_LIFE_MS <= nowMs)
      throw new Refusal(unauthenticated('authentication_failed', 'Incorrect authentication credentials.')); // 4.2, 4.38
    // An app has an allowance of its own in each account (documented); all keys of the account share one.
    const quota = `${granted.id} (app ${grant.client})`;
    return { account: granted, scopes: new Set(grant.scopes), quota, revoke: { op: 'ungrant', refresh } };
  };

  const routeOf = (method: string, path: string): { readonly endpoint: Endpoint; readonly id: string } | ErrorItem => {
    const match = matchEndpoint(method, path);
    if ('endpoint' in match) return match;
    if (!match.wrongMethod) return notFound('The requested resource was not found.'); // 4.6
    const detail = `Method "${method}" not allowed.`;
    return { status: 405, code: 'method_not_allowed', title: 'Method not allowed.', detail, source: { pointer: '/data/' } };
  };

  /** Everything between the socket and the endpoint, in the order of klaviyo.md section 4. */
  const answerTo = (request: SandboxRequest, nowMs: number, seen: { account: string | null; path: string }): Answer => {
    const headers: Record<string, string> = {};
    const reply = ({ status, body }: Reply): Answer => ({
      status,
      headers: body === undefined ? headers : { ...headers, 'Content-Type': JSON_API },
      body: body === undefined ? '' : JSON.stringify(body),
    });
    try {
      if (seen.path.startsWith('/oauth/')) {
        const url = new URL(request.url, 'http://localhost');
        const answer = oauth.answer({ ...request, url, nowMs });
        if (answer) return answer;
        throw new Gap(`${request.method} ${seen.path}`);
      }
      const { account, scopes, quota, revoke } = accountOf(request.headers['authorization'], nowMs);
      seen.account = account.id;
      const { origin = `http://${request.headers['host'] ?? 'localhost'}` } = request;
      const url = new URL(request.url, origin);
      const route = routeOf(request.method, url.pathname);
      Object.assign(headers, {
        CID: account.id,
        'X-Klaviyo-Req-Id': createUuid(random),
        'CF-RAY': `${createUuid(random).slice(0, 8)}sandbox-AMS`,
      });
      if ('endpoint' in route) {
        const { method, path } = route.endpoint;
        const bucket = limitsOf(route.endpoint, url.searchParams);
        seen.path = path;
        const verdict = limits ? windows.take(`${quota} ${method} ${path}${bucket.bucket}`, bucket.limits, nowMs) : undefined;
        if (verdict?.allowed === false) {
          const { refusal, headers: retry } = throttled(verdict.retryAfterSeconds); // 4.9
          Object.assign(headers, retry);
          throw refusal;
        }
        Object.assign(headers, verdict?.headers);
      }
      const optOut = request.headers['x-klaviyo-revision-fall-forward-opt-out'] === '1';
      headers['X-Klaviyo-API-Revision'] = servedRevision(request.headers['revision'], { optOut, nowMs, missing: rules.missingRevision }); // 4.4
      if (!('endpoint' in route)) throw new Refusal(route);
      const { endpoint, id } = route;
      const fired = faults.fire(`${endpoint.method} ${endpoint.path}`, account.id);
      if (fired.find('key_revoked')) {
        commit(revoke);
        accountOf(request.headers['authorization'], nowMs);
      }
      const missing = endpoint.scopes.filter((scope) => !scopes.has(scope));
      if (missing.length > 0)
        throw new Refusal({
          ...{
            status: 403,
            code: 'permission_denied',
            title: 'You do not have permission to perform this action.',
            source: { pointer: '/data/' },
          },
          detail: `Your API key is missing required scopes: ${missing.join(', ')}`, // 4.3
        });
      const handler = HANDLERS[endpoint.name];
      if (!handler) throw new Gap(`${endpoint.method} ${endpoint.path}`);
      const instead = answerInstead(fired, headers);
      if (instead) return instead;
      changeBefore(fired, account, id, nowMs, commit);
      const fell = fired.find('revision_fell_forward');
      if (fell) headers['X-Klaviyo-API-Revision'] = fell.revision ?? '2026-10-15';
      const isCompressed = (request.headers['content-encoding'] ?? 'identity') !== 'identity';
      if (isCompressed && fired.find('unsupported_encoding'))
        throw new Refusal({
          ...{ status: 415, code: 'unsupported_media_type', title: 'Unsupported media type.', source: { pointer: '/data' } },
          detail: 'Unsupported content encoding "gzip".',
        });
      const read = endpoint.hasBody ? readBody(request.headers, request.body) : { json: undefined, encoding: 'identity' as const };
      const call: Call = {
        ...{
          account,
          endpoint,
          id,
          ...read,
          raw: request.body,
          nowMs,
          origin,
          url: request.url,
          rules,
          processing,
          random,
          faults: fired,
          commit,
        },
        query: parseQuery(url.searchParams, endpoint.query),
        stamp: stampWith(answered % 2 === 0),
        commitLater: (atMs, later) => void late.push({ atMs, commit: later }),
      };
      const answer = reply(handler(call));
      if (processing === INSTANT) advance(nowMs);
      if (fired.find('reset_after_admission') || fired.find('late_admission')) return { ...answer, transport: { kind: 'reset' } };
      const slow = fired.find('slow_body');
      if (slow) return { ...answer, transport: { kind: 'slow', ms: slow.ms ?? 5000 } };
      return fired.find('truncated_json') ? { ...answer, transport: { kind: 'truncate' } } : answer;
    } catch (error) {
      if (error instanceof Gap) {
        gaps.add(error.what);
        return { status: 501, headers: { 'Content-Type': 'text/plain' }, body: error.message };
      }
      if (!(error instanceof Refusal)) throw error;
      const status = error.items[0]!.status;
      if (status === 413 && rules.tooLargeAs === 'html') return tooLargePage();
      const kept = status === 401 ? {} : headers;
      return { status, headers: { ...kept, 'Content-Type': JSON_API }, body: errorBody(error.items, random) };
    }
  };

  log?.replay((op, body) => void applyOp(state, op, body));
  for (const account of state.accounts.values()) account.clock = Math.max(account.clock, startMs); // no job went on while nobody was there
  if (options.defaultAccount !== false && !state.accounts.has(DEFAULT_ACCOUNT.id!)) addAccount(DEFAULT_ACCOUNT, startMs);

  return {
    state,
    rules,
    faults,
    requests,
    /** Answers one request at an instant. */
    handle: (request: SandboxRequest, nowMs: number): Answer => {
      const startedAt = performance.now();
      const seen = { account: null as string | null, path: request.url.split('?')[0]! };
      let answer: Answer;
      try {
        answer = answerTo(request, nowMs, seen);
      } catch (error) {
        if (error instanceof JournalError) throw error; // what could not be kept is not answered
        answer = edgePage(500, `Sandbox defect: ${(error as Error).message}`);
        console.error(error);
      }
      answered += 1;
      const latencyMs = Math.round((performance.now() - startedAt) * 10) / 10;
      const at = new Date(nowMs).toISOString();
      requests.add({
        at,
        account: seen.account,
        method: request.method,
        path: seen.path,
        status: answer.status,
        bytes: request.body.length,
        latencyMs,
      });
      return answer;
    },
    advance,
    addAccount,
    /** Everything it holds, for a journal; nothing may change while it is read. */
    snapshot: (nowMs: number): Iterable<Frame> => snapshotOf(state, nowMs),
    /** What was asked of it that Klaviyo has and it has not (501). */
    gaps: (): readonly string[] => [...gaps],
    windows: (nowMs: number) => windows.snapshot(nowMs),
    /** Changes speed, limits or latency while it runs. */
    setOptions: (changes: Pick<SandboxOptions, 'processing' | 'limits' | 'latencyMs'>): void => {
      if (changes.processing !== undefined) processing = resolveProcessing(changes.processing, processing);
      limits = changes.limits ?? limits;
      latencyMs = changes.latencyMs ?? latencyMs;
    },
    settings: () => ({ processing, limits, latencyMs, rules }),
    hasOpenJobs: (): boolean => late.length > 0 || [...state.accounts.values()].some(({ open }) => open.length > 0),
  };
};
export type Sandbox = ReturnType<typeof createSandbox>;
