import { createHash } from 'node:crypto';
import type { TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { createRows } from '../platform/tables';
import type { RowKey } from '../platform/tables';
import type { EndpointName } from './endpoints';
import { Ledger } from './ledger';
import type { ClockSample } from './server-clock';

type Options = { signal: AbortSignal };

export interface LedgerKey {
  readonly accountId: string;
  readonly endpoint: EndpointName;
}

export interface StoredLedger {
  readonly ledger: Ledger;
  readonly version: string;
  /** when it was written, by the server's clock */
  readonly writtenMs: number;
}

/** Where instances meet: one row per account and endpoint, replaced by version. */
export interface PacingStore {
  find(key: LedgerKey, options: Options): Promise<StoredLedger | undefined>;
  /** @param ifVersion undefined = there is none yet. @returns its version. @throws ConflictError when somebody else wrote meanwhile */
  save(key: LedgerKey, ledger: Ledger, options: { ifVersion: string | undefined } & Options): Promise<string>;
  /** What time it is there, at the price of a write and a read. */
  readClock(options: Options): Promise<ClockSample>;
}

/** Klaviyo's account ids are six letters and digits; whatever else came would not be let into a table key as it is. */
const rowKey = ({ accountId, endpoint }: LedgerKey): RowKey => ({
  partition: /^[0-9A-Za-z]{1,64}$/.test(accountId) ? accountId : `-${createHash('sha256').update(accountId).digest('hex')}`,
  row: endpoint,
});
const clockKey = { partition: '-clock', row: 'clock' };

/** The table `pacing`: reserved calls and one row that tells the service's time. It holds no personal data. */
export const createPacingStore = ({ table, monotonicMs }: { table: TableClient; monotonicMs: () => number }): PacingStore => {
  const ledgers = createRows({ table, schema: Ledger, what: 'The pace of an account' });
  const clocks = createRows({ table, schema: z.object({}), what: 'The clock' });
  return {
    find: async (key, options) => {
      const found = await ledgers.findDated(rowKey(key), options);
      return found && { ledger: found.value, version: found.etag, writtenMs: found.writtenAt.getTime() };
    },
    save: async (key, ledger, { ifVersion, signal }) => {
      const saved =
        ifVersion === undefined
          ? await ledgers.insert(rowKey(key), ledger, { signal })
          : await ledgers.replace(rowKey(key), ledger, { ifMatch: ifVersion, signal });
      return saved.etag;
    },
    readClock: async (options) => {
      const sentMs = monotonicMs();
      const etag = await clocks.put(clockKey, {}, options);
      const writtenMs = monotonicMs();
      const found = await clocks.findDated(clockKey, options);
      if (!found) throw new Error('The clock row is gone.');
      // another instance wrote after us: then all we know is that it did so before our reading ended
      return { sentMs, receivedMs: found.etag === etag ? writtenMs : monotonicMs(), serverMs: found.writtenAt.getTime() };
    },
  };
};
