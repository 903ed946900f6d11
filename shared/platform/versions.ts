import { ConflictError } from '../errors';
import type { Stored } from './tables';

/** Some clients and proxies drop or add the weak mark; table storage counts versions, so the rest says enough. */
const opaque = (etag: string): string => etag.replace(/^W\//, '');

/**
 * Holds the version a caller has seen against the one that is stored, before anything is done because of it.
 * @param ifMatch * stands for whatever is there
 * @returns the stored ETag, which the write must then name
 * @throws ConflictError changed_meanwhile
 */
export const requireVersion = (stored: Pick<Stored<unknown>, 'etag'>, ifMatch: string, what: string): string => {
  if (ifMatch === '*' || opaque(ifMatch) === opaque(stored.etag)) return stored.etag;
  throw new ConflictError({ code: 'changed_meanwhile', message: `${what} was changed by somebody else meanwhile; read it again.` });
};
