import type { Sandbox } from './core';
import { FaultError, type FaultRule } from './faults';
import { checkOptions, OptionError } from './options';
import { RULES } from './rules';
import type { Account, List } from './state';

/** An answer of the control API: a JSON document, or lines of JSON that are written as they are made. */
export type ControlAnswer = { readonly status: number; readonly body?: unknown; readonly lines?: Iterable<string> };
export type Clock = { readonly nowMs: () => number; /** Only with virtual time. */ readonly move?: (ms: number) => void };

const LINES_AT_ONCE = 500;

function* membersOf({ profiles }: Account, { members }: List): Generator<string> {
  let text = '';
  let lines = 0;
  for (let at = 0; at < members.length(); at += 1) {
    const row = members.rowAt(at);
    if (row < 0) continue;
    const joined = new Date(members.joinedAt(row)).toISOString();
    text += `${JSON.stringify({ id: profiles.idOf(row), email: profiles.emailOf(row) ?? null, joined_group_at: joined })}\n`;
    lines += 1;
    if (lines % LINES_AT_ONCE !== 0) continue;
    yield text;
    text = '';
  }
  if (text) yield text;
}

/** What the sandbox holds, for tests and for the status page. */
export const describeState = (sandbox: Sandbox, nowMs: number) => ({
  now: new Date(nowMs).toISOString(),
  accounts: [...sandbox.state.accounts.values()].map((account) => ({
    id: account.id,
    keys: [...account.keys.keys()],
    profiles: account.profiles.count(),
    lists: [...account.lists.values()].map(({ id, name, members }) => ({ id, name, members: members.count() })),
    jobs: account.jobs.size,
    openJobs: account.open.map(({ id, status, total, taken, completed, errors }) => ({
      id,
      status,
      total,
      taken,
      completed,
      failed: errors.length,
    })),
  })),
  counters: sandbox.requests.counters(),
  faults: sandbox.faults.list(),
  settings: sandbox.settings(),
  windows: sandbox.windows(nowMs),
  gaps: sandbox.gaps(),
});

/** Answers `/_sandbox/...`: no key, no limits, loopback only. `json` is the parsed body or undefined. */
export const answerControl = (sandbox: Sandbox, clock: Clock, method: string, url: URL, json: unknown): ControlAnswer => {
  try {
    return answerTo(sandbox, clock, method, url, json);
  } catch (error) {
    if (error instanceof FaultError || error instanceof OptionError) return { status: 400, body: { error: error.message } };
    throw error;
  }
};

const answerTo = (sandbox: Sandbox, clock: Clock, method: string, url: URL, json: unknown): ControlAnswer => {
  const nowMs = clock.nowMs();
  const route = `${method} ${url.pathname.replace('/_sandbox', '')}`;
  const members = /^GET \/accounts\/([^/]+)\/lists\/([^/]+)\/members$/.exec(route);
  if (members) {
    const account = sandbox.state.accounts.get(members[1]!);
    const list = account?.lists.get(members[2]!);
    if (!account || !list) return { status: 404, body: { error: 'no such account or list' } };
    return url.searchParams.get('count') === 'true'
      ? { status: 200, body: { count: list.members.count() } }
      : { status: 200, lines: membersOf(account, list) };
  }
  switch (route) {
    case 'GET /state':
      return { status: 200, body: describeState(sandbox, nowMs) };
    case 'GET /rules':
      return { status: 200, body: RULES };
    case 'GET /log':
      return { status: 200, body: sandbox.requests.entries() };
    case 'DELETE /log':
      sandbox.requests.clear();
      return { status: 204 };
    case 'POST /accounts': {
      const account = sandbox.addAccount(json ?? {}, nowMs);
      const lists = [...account.lists.values()].map(({ id, name }) => ({ id, name }));
      return { status: 201, body: { id: account.id, keys: [...account.keys.keys()], lists } };
    }
    case 'POST /clock': {
      const { advanceMs } = (json ?? {}) as { advanceMs?: number };
      if (!clock.move) return { status: 409, body: { error: 'started with real time' } };
      if (typeof advanceMs !== 'number' || !(advanceMs >= 0))
        return { status: 400, body: { error: 'advanceMs must be a number of at least 0' } };
      clock.move(advanceMs);
      sandbox.advance(clock.nowMs());
      return { status: 200, body: { now: new Date(clock.nowMs()).toISOString() } };
    }
    case 'POST /faults':
      sandbox.faults.add(json as FaultRule);
      return { status: 201, body: sandbox.faults.list() };
    case 'DELETE /faults':
      sandbox.faults.clear();
      return { status: 204 };
    case 'POST /options':
      sandbox.setOptions(checkOptions(json));
      return { status: 200, body: sandbox.settings() };
    default:
      return { status: 404, body: { error: `no control route ${route}` } };
  }
};
