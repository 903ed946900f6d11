import type { TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { createRows, createTransaction } from '../platform/tables';
import type { RowChange } from '../platform/tables';
import { Outgoing, State, emptyState } from './state';

/** One partition for all of it, so that what is told is written together with what it is told of. */
const PARTITION = 'notifications';
const STATE = 'state';
/** Of each channel the oldest first. */
const outgoingRow = ({ channelId, createdAt, id }: Outgoing): string => `out_${channelId}_${createdAt}_${id}`;
/** Rows of one transaction, the state's among them. */
export const MAX_CHANGES = 100;

type Options = { signal: AbortSignal };

/** The memory of notifications as it was read. */
export interface Remembered {
  readonly state: State;
  /** false: a newer version of the app wrote it, which alone may go on with it; the state is empty then */
  readonly isReadable: boolean;
  /** undefined: nothing was ever remembered */
  readonly etag: string | undefined;
  /** the oldest of each channel first */
  readonly outbox: readonly Outgoing[];
}

/** What notifications remember, and messages that wait to be sent; both in the table `notifications`. */
export const createNotificationStore = ({ table }: { table: TableClient }) => {
  const rows = createRows({ table, schema: z.unknown(), what: 'What notifications remember' });
  const transact = createTransaction({ table, what: 'What notifications remember' });

  return {
    /** One query. What cannot be read, as a newer version of the app wrote it, waits for that version. */
    read: async ({ signal }: Options): Promise<Remembered> => {
      let [state, etag]: [State | undefined, string | undefined] = [emptyState, undefined];
      const outbox: Outgoing[] = [];
      for await (const { row, value, etag: version } of rows.list(PARTITION, { signal })) {
        if (row === STATE) [state, etag] = [State.safeParse(value).data, version];
        const outgoing = row.startsWith('out_') ? Outgoing.safeParse(value).data : undefined;
        if (outgoing) outbox.push(outgoing);
      }
      return { state: state ?? emptyState, isReadable: state !== undefined, etag, outbox };
    },

    /**
     * Writes the state and what follows from it at once, or nothing of it.
     * @param etag of the state that was read
     * @returns its new version
     * @throws ConflictError when another instance has written meanwhile; NotFoundError
     */
    commit: async (
      state: State,
      {
        etag,
        added = [],
        changed = [],
        removed = [],
        signal,
      }: {
        etag: string | undefined;
        added?: readonly Outgoing[];
        changed?: readonly Outgoing[];
        removed?: readonly Outgoing[];
      } & Options,
    ): Promise<string> => {
      const changes: RowChange[] = [
        etag === undefined ? { kind: 'insert', row: STATE, value: state } : { kind: 'replace', row: STATE, value: state, ifMatch: etag },
        ...added.map((value): RowChange => ({ kind: 'insert', row: outgoingRow(value), value })),
        ...changed.map((value): RowChange => ({ kind: 'replace', row: outgoingRow(value), value, ifMatch: '*' })),
        ...removed.map((value): RowChange => ({ kind: 'remove', row: outgoingRow(value) })),
      ];
      const [version] = await transact(PARTITION, changes, { signal });
      return version!;
    },
  };
};

export type NotificationStore = ReturnType<typeof createNotificationStore>;
