import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { KLAVIYO_REVISION } from '../../shared/klaviyo/endpoints';
import { withoutPersonalData } from '../../shared/platform/personal-data';
import { whyRefused } from './guard';
import type { PlannedCall } from './guard';

export interface Call extends PlannedCall {
  readonly query?: Readonly<Record<string, string>>;
  /** undefined leaves the header out */
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

interface Resource {
  readonly id: string;
  readonly type?: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly resources: readonly Resource[];
  readonly included: readonly Resource[];
  /** what Klaviyo says is wrong, each in one line, without personal data */
  readonly errors: readonly string[];
  readonly tookMs: number;
}

export interface LiveOptions {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly listId: string;
  readonly write: boolean;
  /** of the addresses that are made up; nobody may read mail there */
  readonly domain: string;
  readonly pollMs: number;
  /** how long a job is waited for */
  readonly patienceMs: number;
}

const MAX_TRIES = 6;
const CALL_TIMEOUT_MS = 60_000;
const UNKNOWN_ID = '01J00000000000000000000000';

const parse = (text: string): Record<string, unknown> => {
  try {
    return (JSON.parse(text) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
};
const errorsOf = (body: Record<string, unknown>): string[] =>
  (Array.isArray(body.errors) ? (body.errors as Record<string, unknown>[]) : []).slice(0, 3).map(({ code, detail, source }) => {
    const { pointer, parameter } = (source ?? {}) as { pointer?: string; parameter?: string };
    return withoutPersonalData(`${String(code)}: ${String(detail)} (at ${pointer ?? parameter ?? 'nothing'})`).slice(0, 300);
  });

/** The account under test, seen through the guard: every call is looked at before it is sent, and those that must not be made throw. */
export const createLiveAccount = (options: LiveOptions) => {
  const { baseUrl, apiKey, listId, write, domain, pollMs, patienceMs } = options;
  const tag = `live-check-${randomBytes(5).toString('hex')}`;
  const made = new Set<string>();
  const profiles = new Map<string, string>();
  const ids = new Set([UNKNOWN_ID]);
  const reach = { listId, write, isOurAddress: (email: string) => made.has(email), isOurProfile: (id: string) => ids.has(id) };
  let count = 0;

  /** Sends one call; waits as a 429 asks. @throws Error when the guard refuses it, or nothing comes back */
  const ask = async (call: Call): Promise<Answer> => {
    const refused = whyRefused(call, reach);
    if (refused !== undefined) throw new Error(`${call.method} ${call.path} was not sent: ${refused}`);
    const url = new URL(call.path, baseUrl);
    for (const [name, value] of Object.entries(call.query ?? {})) url.searchParams.set(name, value);
    const headers = Object.entries({
      ...{ authorization: `Klaviyo-API-Key ${apiKey}`, revision: KLAVIYO_REVISION, accept: 'application/vnd.api+json' },
      ...(call.body === undefined ? {} : { 'content-type': 'application/vnd.api+json' }),
      ...call.headers,
    }).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as [string, string]]));
    for (let attempt = 1; ; attempt += 1) {
      const from = performance.now();
      const answer = await fetch(url, {
        ...{ method: call.method, headers, redirect: 'manual', signal: AbortSignal.timeout(CALL_TIMEOUT_MS) },
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      });
      const text = await answer.text();
      const tookMs = Math.round(performance.now() - from);
      if (answer.status === 429 && attempt < MAX_TRIES) {
        await sleep(1_000 * Math.min(60, Number(answer.headers.get('retry-after') ?? 1)) + 50);
        continue;
      }
      const body = parse(text);
      const resources = [body.data ?? []].flat() as Resource[];
      const included = (Array.isArray(body.included) ? body.included : []) as Resource[];
      return { status: answer.status, headers: answer.headers, text, resources, included, errors: errorsOf(body), tookMs };
    }
  };

  /** Addresses that nobody has: the only people this check ever makes. */
  const people = (howMany: number): string[] =>
    Array.from({ length: howMany }, () => {
      const email = `${tag}-${(count += 1)}@${domain}`;
      made.add(email);
      return email;
    });
  const importRows = (rows: readonly Readonly<Record<string, unknown>>[]): Promise<Answer> =>
    ask({
      method: 'POST',
      path: '/api/profile-bulk-import-jobs',
      body: {
        data: {
          type: 'profile-bulk-import-job',
          attributes: { profiles: { data: rows.map((attributes) => ({ type: 'profile', attributes })) } },
          relationships: { lists: { data: [{ type: 'list', id: listId }] } },
        },
      },
    });
  /** Waits until a job has ended. @returns its attributes as last seen */
  const jobEnd = async (jobId: string): Promise<Readonly<Record<string, unknown>>> => {
    for (const until = Date.now() + patienceMs; ; await sleep(pollMs)) {
      const { resources } = await ask({ method: 'GET', path: `/api/profile-bulk-import-jobs/${encodeURIComponent(jobId)}` });
      const seen = resources[0]?.attributes ?? {};
      if (['complete', 'cancelled'].includes(String(seen.status)) || Date.now() > until) return seen;
    }
  };
  /** Members of the list among these people, by address. What is found belongs to this check from then on. */
  const findMembers = async (emails: readonly string[]): Promise<ReadonlyMap<string, string>> => {
    const found = new Map<string, string>();
    for (let at = 0; at < emails.length; at += 100) {
      const filter = `any(email,[${emails
        .slice(at, at + 100)
        .map((email) => `"${email}"`)
        .join(',')}])`;
      const { resources } = await ask({
        ...{ method: 'GET', path: `/api/lists/${encodeURIComponent(listId)}/profiles` },
        query: { filter, 'fields[profile]': 'email', 'page[size]': '100' },
      });
      for (const { id, attributes } of resources) {
        const email = String(attributes.email).toLowerCase();
        if (!made.has(email)) continue;
        ids.add(id);
        profiles.set(email, id);
        found.set(email, id);
      }
    }
    return found;
  };
  const removeFromList = (remove: readonly string[]): Promise<Answer> =>
    ask({
      ...{ method: 'DELETE', path: `/api/lists/${encodeURIComponent(listId)}/relationships/profiles` },
      body: { data: remove.map((id) => ({ type: 'profile', id })) },
    });

  return {
    ...{ options, ask, people, importRows, jobEnd, findMembers, removeFromList },
    /** an id that no profile has */
    unknownId: UNKNOWN_ID,
    /** Imports people and waits for them. @returns their ids by address */
    makePeople: async (emails: readonly string[]): Promise<ReadonlyMap<string, string>> => {
      const answer = await importRows(emails.map((email) => ({ email })));
      const [job] = answer.resources;
      if (answer.status !== 202 || !job) throw new Error(`people could not be imported: ${answer.status} ${answer.errors.join('; ')}`);
      await jobEnd(job.id);
      return findMembers(emails);
    },
    /** Takes everybody whom this check has made off the list. @returns how many were on it; their profiles stay in the account */
    cleanUp: async (): Promise<number> => {
      const members = [...(await findMembers([...made])).values()];
      for (let at = 0; at < members.length; at += 1_000) await removeFromList(members.slice(at, at + 1_000));
      return members.length;
    },
    /** Takes key and addresses out of a text, however they got there. */
    redact: (text: string): string => text.replaceAll(apiKey, '(key)').replaceAll(/[^\s"'<>(),[\]]+@[^\s"'<>(),[\]]+/g, '(address)'),
  };
};

export type LiveAccount = ReturnType<typeof createLiveAccount>;
