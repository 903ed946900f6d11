import type { TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { ConflictError } from '../errors';
import { newSecretName } from '../platform/our-secrets';
import type { Secrets } from '../platform/secrets';
import { createRows } from '../platform/tables';

/** What a channel's secret in the vault holds. */
export const ChannelSecret = z.object({
  /** https address; whoever knows it can post there */
  url: z.string(),
  /** whsec_…, where messages are signed */
  signingSecret: z.string().optional(),
  /** the one before, which signs, too, while receivers change over */
  before: z.object({ signingSecret: z.string(), until: z.iso.datetime() }).optional(),
});
export type ChannelSecret = z.infer<typeof ChannelSecret>;

/** A secret that may lie in the vault without a channel. */
const SecretNote = z.object({ at: z.iso.datetime() });

const PARTITION = 'secrets';
/** By then every call that has noted a secret is over (azure.md: a call ends after 230 s), what it undoes included. */
const SETTLES_MS = 10 * 60_000;

type Options = { signal: AbortSignal };

/**
 * Secrets of channels, each under a name of its own that is never used again: whoever changes a channel makes another secret, so that
 * what a row names is always whole. Names are noted before anything is made or left, so that no crash leaves an address that nobody
 * lists; the sweep removes those that no channel names.
 */
export const createChannelSecrets = ({ table, secrets, now }: { table: TableClient; secrets: Secrets; now: () => Date }) => {
  const notes = createRows({ table, schema: SecretNote, what: 'The note of the secret' });
  const keyOf = (row: string) => ({ partition: PARTITION, row });

  return {
    newName: (): string => newSecretName('notify'),

    /** Says of these names that the vault may hold them without a channel from now on. */
    note: async (names: readonly string[], { signal }: Options): Promise<void> => {
      for (const name of names) await notes.put(keyOf(name), { at: now().toISOString() }, { signal });
    },

    set: (name: string, value: ChannelSecret, { signal }: Options) => secrets.set(name, JSON.stringify(value), { signal }),

    /** @throws NotFoundError secret_missing; ConflictError secret_invalid; UpstreamError secret_disabled, vault_refused, vault_unavailable */
    get: async (name: string, { signal }: Options): Promise<ChannelSecret> => {
      const { value } = await secrets.get(name, { signal });
      try {
        return ChannelSecret.parse(JSON.parse(value));
      } catch {
        // without its cause: that would quote the secret
        throw new ConflictError({
          code: 'secret_invalid',
          message: 'The secret of this channel was changed in Key Vault; give its address anew.',
        });
      }
    },

    /** Removes secrets and what was noted of them. */
    remove: async (names: readonly string[], { signal }: Options): Promise<void> => {
      for (const name of names) {
        await secrets.remove(name, { signal });
        await notes.remove(keyOf(name), { signal });
      }
    },

    forget: async (names: readonly string[], { signal }: Options): Promise<void> => {
      for (const name of names) await notes.remove(keyOf(name), { signal });
    },

    /** @param used names that channels have @returns how many secrets were removed; one query where nothing is noted */
    sweep: async (used: (options: Options) => Promise<ReadonlySet<string>>, { signal }: Options): Promise<number> => {
      const settled = new Date(now().getTime() - SETTLES_MS).toISOString();
      const left: string[] = [];
      for await (const { row, value } of notes.list(PARTITION, { signal })) if (value.at < settled) left.push(row);
      if (left.length === 0) return 0;
      const inUse = await used({ signal });
      let removed = 0;
      for (const name of left) {
        if (!inUse.has(name)) {
          await secrets.remove(name, { signal });
          removed += 1;
        }
        await notes.remove(keyOf(name), { signal });
      }
      return removed;
    },
  };
};

export type ChannelSecrets = ReturnType<typeof createChannelSecrets>;
