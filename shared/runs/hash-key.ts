import { randomBytes } from 'node:crypto';
import { NotFoundError } from '../errors';
import type { Secrets } from '../platform/secrets';
import { parseHashKey } from './member-key';
import type { HashKey } from './member-key';

const SECRET_NAME = 'member-state-key';

/** The key of this deployment's member hashes: a Key Vault secret made on first use, read once a process. */
export const createHashKey = ({ secrets }: { secrets: Secrets }) => {
  let known: HashKey | undefined;
  return async ({ signal }: { signal: AbortSignal }): Promise<HashKey> => {
    if (known) return known;
    let secret: string;
    try {
      secret = (await secrets.get(SECRET_NAME, { signal })).value;
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      await secrets.set(SECRET_NAME, randomBytes(32).toString('base64'), { signal });
      // two instances may have made one: the vault's newest version counts for both
      secret = (await secrets.get(SECRET_NAME, { signal })).value;
    }
    known = parseHashKey(secret);
    return known;
  };
};
