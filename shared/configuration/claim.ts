import { randomUUID } from 'node:crypto';
import type { TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { ConflictError } from '../errors';
import { createRows } from '../platform/tables';
import type { Stored } from '../platform/tables';

/** Beside the settings, in a partition of its own. */
const KEY = { partition: 'configuration', row: 'claim' };
/** A call is over after this (the platform ends it at 230 s), so whoever still holds the claim by then has died. */
const CLAIM_MS = 240_000;
const GIVE_BACK_MS = 10_000;

const Claim = z.object({ attempt: z.string(), at: z.iso.datetime() });
type Claim = z.infer<typeof Claim>;
type Options = { signal: AbortSignal };

const busy = (): ConflictError =>
  new ConflictError({
    code: 'configuration_busy',
    message: 'Another configuration is being applied at this moment, so nothing was changed; send this one again in a minute.',
  });

/**
 * Lets one document at a time be applied: things are matched by name, and of two that are applied at once each would make what is new.
 * Two storage calls.
 */
export const createConfigurationClaim =
  ({ table, now }: { table: TableClient; now: () => Date }) =>
  /** @throws ConflictError configuration_busy; whatever `work` throws */
  async <T>(work: () => Promise<T>, { signal }: Options): Promise<T> => {
    const rows = createRows({ table, schema: Claim, what: 'The configuration' });

    const take = async (): Promise<Stored<Claim>> => {
      const mine: Claim = { attempt: randomUUID(), at: now().toISOString() };
      try {
        return await rows.insert(KEY, mine, { signal });
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
      }
      const found = await rows.find(KEY, { signal });
      if (found === undefined) throw busy(); // given back this moment; what its holder did has to be read first
      if (found.value.attempt === mine.attempt) return found; // ours, only the answer was lost
      if (Math.abs(now().getTime() - Date.parse(found.value.at)) < CLAIM_MS) throw busy();
      try {
        return await rows.replace(KEY, mine, { ifMatch: found.etag, signal });
      } catch (error) {
        throw error instanceof ConflictError ? busy() : error; // somebody else was quicker
      }
    };

    const { etag } = await take();
    try {
      return await work();
    } finally {
      // past the deadline, too; what cannot be given back ends by itself
      await rows.remove(KEY, { ifMatch: etag, signal: AbortSignal.timeout(GIVE_BACK_MS) }).catch(() => undefined);
    }
  };

export type ConfigurationClaim = ReturnType<typeof createConfigurationClaim>;
