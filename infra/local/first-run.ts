import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalSegment } from './segments';

const KEY = 'pk_sandbox_full';
const ACCOUNT = 'SANDBX';
const CONNECTION = 'Klaviyo sandbox';
const POLL_MS = 300;
/** The app may be started again while we ask: it is given this long to answer. */
const PATIENCE_MS = 90_000;

/** The part of a run that is shown; the API's own description is the run's schema. */
export interface ShownRun {
  readonly id: string;
  readonly state: 'queued' | 'refreshing' | 'successful' | 'failed' | 'skipped' | 'canceled';
  readonly phase: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly invalidByReason: Readonly<Record<string, number>>;
  readonly phases: Readonly<Record<string, number>>;
  readonly jobs: { readonly total: number; readonly submitted: number; readonly ended: number };
  readonly plan?: { readonly members: number };
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  readonly throttled: number;
  readonly submittedAt: string;
  readonly endedAt?: string;
  readonly error?: { readonly code: string; readonly message: string };
}

export const hasEnded = ({ state }: Pick<ShownRun, 'state'>): boolean => state !== 'queued' && state !== 'refreshing';

/** Speaks with the app as a person's browser or script would: HTTP and JSON only. */
export const createApi = (base: string) => {
  const once = async (method: string, route: string, body: unknown, signal: AbortSignal): Promise<unknown> => {
    const answer = await fetch(`${base}${route}`, {
      method,
      headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
    });
    const text = await answer.text();
    if (!answer.ok) {
      const { detail, title } = (text === '' ? {} : JSON.parse(text)) as { detail?: string; title?: string };
      throw Object.assign(new Error(`${method} ${route} was answered with ${answer.status}: ${detail ?? title ?? text}`), {
        status: answer.status,
      });
    }
    return text === '' ? undefined : JSON.parse(text);
  };
  /** Tries again while the app does not answer, e.g. because its host was killed and is started again. */
  const call = async <T>(method: string, route: string, { body, signal }: { body?: unknown; signal: AbortSignal }): Promise<T> => {
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        return (await once(method, route, body, signal)) as T;
      } catch (error) {
        const { status } = error as { status?: number };
        signal.throwIfAborted();
        if ((status !== undefined && status < 500) || Date.now() > until) throw error;
        await sleep(500, undefined, { signal });
      }
    }
  };
  return call;
};

export type Api = ReturnType<typeof createApi>;

interface Named {
  readonly id: string;
  readonly name?: string;
  readonly displayName?: string;
}

/** The connection of the local cloud, made through the API unless an earlier start has made it. */
const connectionOf = async (api: Api, { signal }: { signal: AbortSignal }): Promise<string> => {
  const { value } = await api<{ value: Named[] }>('GET', '/connections', { signal });
  const known = value.find(({ displayName }) => displayName === CONNECTION);
  if (known) return known.id;
  const body = { displayName: CONNECTION, type: 'klaviyo', access: 'administratorsAndContributors', apiKey: KEY, agreed: true };
  return (await api<Named>('POST', '/connections', { body, signal })).id;
};

const mapping = {
  email: 'EMail',
  firstName: 'FirstName',
  lastName: 'LastName',
  phoneNumber: 'Telephone',
  location: { city: 'City', country: 'Country' },
  properties: [
    { field: 'LoyaltyTier', name: 'loyalty_tier' },
    { field: 'TotalSpend', name: 'total_spend' },
    { field: 'LastPurchase', name: 'last_purchase' },
  ],
};

/** The export of a segment to its list, made through the API unless an earlier start has made it. */
export const exportOf = async (api: Api, segment: LocalSegment, { signal }: { signal: AbortSignal }): Promise<string> => {
  const connectionId = await connectionOf(api, { signal });
  const name = `${segment.name} to ${segment.listName}`;
  const { value } = await api<{ value: Named[] }>('GET', '/exports', { signal });
  const known = value.find((one) => one.name === name);
  if (known) return known.id;
  const body = { name, connectionId, listId: segment.listId, segments: [segment.name], mapping };
  return (await api<Named>('POST', '/exports', { body, signal })).id;
};

/** Goes on with a run that an earlier start left unfinished, else starts one. */
export const startRun = async (
  api: Api,
  exportId: string,
  { signal }: { signal: AbortSignal },
): Promise<{ run: ShownRun; goesOn: boolean }> => {
  const { value } = await api<{ value: ShownRun[] }>('GET', `/exports/${exportId}/runs?size=1`, { signal });
  const [last] = value;
  if (last) {
    const run = await api<ShownRun>('GET', `/runs/${last.id}`, { signal });
    if (!hasEnded(run)) return { run, goesOn: true };
  }
  return { run: await api<ShownRun>('POST', `/exports/${exportId}/run`, { body: {}, signal }), goesOn: false };
};

/** Follows a run to its end. */
export const followRun = async (
  api: Api,
  run: ShownRun,
  { show, signal }: { show: (run: ShownRun) => void; signal: AbortSignal },
): Promise<ShownRun> => {
  let current = run;
  while (!hasEnded(current)) {
    show(current);
    await sleep(POLL_MS, undefined, { signal });
    current = await api<ShownRun>('GET', `/runs/${run.id}`, { signal });
  }
  return current;
};

/** How many people the sandbox says the list holds: the run's own counts have no part in it. */
export const countMembers = async (klaviyo: string, listId: string, { signal }: { signal: AbortSignal }): Promise<number> => {
  const answer = await fetch(`${klaviyo}/_sandbox/accounts/${ACCOUNT}/lists/${listId}/members?count=true`, { signal });
  if (!answer.ok) throw new Error(`The Klaviyo sandbox did not count the list's members (${answer.status}).`);
  return ((await answer.json()) as { count: number }).count;
};

/** Makes the list of a generated segment; one that is there stays. */
export const ensureList = async (
  klaviyo: string,
  { listId, listName }: LocalSegment,
  { signal }: { signal: AbortSignal },
): Promise<void> => {
  const answer = await fetch(`${klaviyo}/_sandbox/accounts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: ACCOUNT, lists: [{ id: listId, name: listName }] }),
    signal,
  });
  if (!answer.ok && answer.status !== 409)
    throw new Error(`The Klaviyo sandbox did not make the list (${answer.status} ${await answer.text()}).`);
};
