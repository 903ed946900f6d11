import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { ApiClient } from './api-client';
import { hasEnded, RunView } from './run-view';
import type { LocalSegment } from './segments';

/** The account and the key that the Klaviyo sandbox begins with. */
const ACCOUNT = 'SANDBX';
const API_KEY = 'pk_sandbox_full';
const CONNECTION = 'Klaviyo sandbox';
const POLL_MS = 250;
const CONTROL_MS = 15_000;

const Named = z.object({ value: z.array(z.object({ id: z.string(), displayName: z.string().optional(), name: z.string().optional() })) });
const Made = z.object({ id: z.string() });
const RunPage = z.object({ value: z.array(RunView) });
const Counted = z.object({ count: z.number() });

/** Every column of the sample that Klaviyo has a place for. */
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

/** The same columns as Dataverse calls them. */
const dataverseMapping = {
  email: 'msdynci_email',
  firstName: 'msdynci_firstname',
  lastName: 'msdynci_lastname',
  phoneNumber: 'msdynci_telephone',
  location: { city: 'msdynci_city', country: 'msdynci_country' },
  properties: [
    { field: 'msdynci_loyaltytier', name: 'loyalty_tier' },
    { field: 'msdynci_totalspend', name: 'total_spend' },
    { field: 'msdynci_lastpurchase', name: 'last_purchase' },
  ],
};

/** Makes a segment's list in the sandbox where it is missing; Klaviyo's own API would choose the id itself. */
export const ensureList = async (
  klaviyo: string,
  { listId, listName }: LocalSegment,
  { signal }: { signal: AbortSignal },
): Promise<void> => {
  const answer = await fetch(`${klaviyo}/_sandbox/accounts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: ACCOUNT, lists: [{ id: listId, name: listName }] }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(CONTROL_MS)]),
  });
  if (!answer.ok) throw new Error(`The Klaviyo sandbox did not make the list ${listName}: ${answer.status} ${await answer.text()}`);
};

/** Asks the sandbox, not the app, how many are on a list. */
export const countMembers = async (klaviyo: string, listId: string, { signal }: { signal: AbortSignal }): Promise<number> => {
  const answer = await fetch(`${klaviyo}/_sandbox/accounts/${ACCOUNT}/lists/${listId}/members?count=true`, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(CONTROL_MS)]),
  });
  if (!answer.ok) throw new Error(`The Klaviyo sandbox did not count the list ${listId}: ${answer.status} ${await answer.text()}`);
  return Counted.parse(await answer.json()).count;
};

/**
 * What a new user does first, through the HTTP API only: connect, make an export, run it. What an earlier start has made is found again,
 * and a run that has not ended is gone on with.
 */
export const createFirstRun = ({
  api,
  segment,
  fromDataverse = false,
  signal,
}: {
  api: ApiClient;
  segment: LocalSegment;
  fromDataverse?: boolean;
  signal: AbortSignal;
}) => {
  // the fields of the two sources differ, so each has an export of its own
  const exportName = `${segment.name}${fromDataverse ? ' in Dataverse' : ''} to ${segment.listName}`;

  const ensureConnection = async (): Promise<string> => {
    const { value } = Named.parse(await api.call('GET', '/connections', { signal }));
    const found = value.find(({ displayName }) => displayName === CONNECTION);
    if (found) return found.id;
    const body = { displayName: CONNECTION, type: 'klaviyo', access: 'administratorsAndContributors', apiKey: API_KEY, agreed: true };
    return Made.parse(await api.call('POST', '/connections', { body, signal })).id;
  };

  const ensureExport = async (connectionId: string): Promise<string> => {
    const asked = new URLSearchParams({ search: exportName, size: '200' });
    const { value } = Named.parse(await api.call('GET', `/exports?${asked.toString()}`, { signal }));
    const found = value.find(({ name }) => name === exportName);
    if (found) return found.id;
    const body = {
      name: exportName,
      connectionId,
      listId: segment.listId,
      segments: [segment.name],
      mapping: fromDataverse ? dataverseMapping : mapping,
    };
    return Made.parse(await api.call('POST', '/exports', { body, signal })).id;
  };

  return {
    exportName,

    /** @returns the run, and whether an earlier start began it. @throws ApiError with a sentence that says what to do */
    begin: async (): Promise<{ exportId: string; run: RunView; isContinued: boolean }> => {
      const connectionId = await api.persist(ensureConnection, { signal });
      const exportId = await api.persist(() => ensureExport(connectionId), { signal });
      // A lost answer must not make a second run: what is under way is looked for each time.
      let asked = false;
      const started = await api.persist(
        async () => {
          const { value } = RunPage.parse(await api.call('GET', `/exports/${exportId}/runs?size=1`, { signal }));
          const [newest] = value;
          if (newest && !hasEnded(newest)) return { run: newest, isContinued: !asked };
          asked = true;
          return { run: RunView.parse(await api.call('POST', `/exports/${exportId}/run`, { body: {}, signal })), isContinued: false };
        },
        { signal },
      );
      return { exportId, ...started };
    },

    /** Looks at the run until it has ended. */
    follow: async (id: string, onLook: (run: RunView) => void): Promise<RunView> => {
      for (;;) {
        const run = RunView.parse(await api.persist(() => api.call('GET', `/runs/${id}`, { signal }), { signal }));
        onLook(run);
        if (hasEnded(run)) return run;
        await sleep(POLL_MS, undefined, { signal });
      }
    },
  };
};
