import { createSandbox, type OpLog, type SandboxRequest } from '../../../infra/local/klaviyo/core';
import type { Op } from '../../../infra/local/klaviyo/ops';
import type { SandboxOptions } from '../../../infra/local/klaviyo/options';

export const START_MS = Date.parse('2026-11-23T10:00:00Z');
export const JOBS = '/api/profile-bulk-import-jobs';

type Sent = {
  readonly headers?: Record<string, string | undefined>;
  readonly key?: string;
  readonly json?: unknown;
  readonly body?: Buffer;
};
export type Document = {
  data: any; // eslint-disable-line @typescript-eslint/no-explicit-any -- tests look at whatever was answered
  errors: {
    id: string;
    status: number;
    code: string;
    title: string;
    detail: string;
    source: { pointer?: string; parameter?: string };
    meta?: any; // eslint-disable-line @typescript-eslint/no-explicit-any -- as above
    links?: any; // eslint-disable-line @typescript-eslint/no-explicit-any -- as above
  }[];
  links: { self: string; next: string | null; prev: string | null };
  included?: { id: string }[];
  meta?: unknown;
};

/** The core with a clock of its own: no sockets, no waiting. */
export const aSandbox = (options: SandboxOptions = {}, log?: OpLog) => {
  const sandbox = createSandbox({ seed: 7, ...options }, START_MS, log);
  let nowMs = START_MS;
  const call = (method: string, url: string, { headers = {}, key = 'pk_sandbox_full', json, body }: Sent = {}) => {
    const request: SandboxRequest = {
      ...{ method, url: encodeURI(url).replaceAll('%25', '%'), origin: 'http://sandbox.test' },
      headers: {
        ...{ authorization: `Klaviyo-API-Key ${key}`, revision: '2026-07-15', accept: 'application/vnd.api+json' },
        ...(json !== undefined || body ? { 'content-type': 'application/vnd.api+json' } : {}),
        ...headers,
      },
      body: body ?? (json === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(json))),
    };
    sandbox.advance(nowMs);
    const answer = sandbox.handle(request, nowMs);
    const text = answer.body.toString();
    return { ...answer, text, document: (text.startsWith('{') ? JSON.parse(text) : {}) as Document };
  };
  const self = {
    sandbox,
    call,
    get: (url: string, sent?: Sent) => call('GET', url, sent),
    post: (url: string, json: unknown, sent: Sent = {}) => call('POST', url, { json, ...sent }),
    wait: (ms: number): void => {
      nowMs += ms;
      sandbox.advance(nowMs);
    },
    now: () => nowMs,
    /** Sets the clock; nothing is processed on the way. */
    travel: (ms: number): void => {
      nowMs = ms;
    },
    /** Posts an import job and returns the answer. */
    importProfiles: (profiles: readonly unknown[], lists: readonly string[] = ['LIST5K'], sent: Sent = {}) =>
      self.post(JOBS, anImport(profiles, lists), sent),
    members: (listId = 'LIST5K', account = 'SANDBX'): string[] => {
      const { lists, profiles } = sandbox.state.accounts.get(account)!;
      const { members } = lists.get(listId)!;
      return Array.from({ length: members.length() }, (_, at) => members.rowAt(at))
        .filter((row) => row >= 0)
        .map((row) => profiles.emailOf(row) ?? '')
        .sort();
    },
  };
  return self;
};

export const aProfile = (email: unknown, attributes: object = {}) => ({ type: 'profile', attributes: { email, ...attributes } });
export const people = (count: number, from = 0) => Array.from({ length: count }, (_, at) => aProfile(`person${from + at}@example.com`));
export const anImport = (profiles: readonly unknown[], lists: readonly string[] = ['LIST5K']) => ({
  data: {
    type: 'profile-bulk-import-job',
    attributes: { profiles: { data: profiles } },
    ...(lists.length > 0 && { relationships: { lists: { data: lists.map((id) => ({ type: 'list', id })) } } }),
  },
});

/** A journal in memory. */
export const aLog = (entries: { op: Op; body?: Buffer }[] = []) => ({
  entries,
  write: (op: Op, body?: Buffer) => void entries.push({ op: JSON.parse(JSON.stringify(op)) as Op, body }),
  replay: (apply: (op: Op, body?: Buffer) => void) => [...entries].forEach(({ op, body }) => apply(op, body)),
});
