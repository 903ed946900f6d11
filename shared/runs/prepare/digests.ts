import { createHash } from 'node:crypto';
import type { FrozenConfig } from '../run';

const digestOf = (parts: readonly unknown[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);

/** What must be the same for two runs to send the same thing. @param types the source's type of each mapped field */
export const mappingDigestOf = (config: Pick<FrozenConfig, 'mapping'>, types: readonly string[]): string =>
  digestOf([config.mapping, types]);

/** What must be the same for a scheduled run to have nothing to bring. */
export const servedDigestOf = (snapshotId: string, config: FrozenConfig): string => {
  const { connectionId, accountId, listId, segments, mapping, membership } = config;
  return digestOf([snapshotId, connectionId, accountId, listId, segments, mapping, membership]);
};
