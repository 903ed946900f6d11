import { z } from 'zod';
import { InvalidInputError } from '../errors';
import { ConnectionCheck } from './checklist';
import { Connection, ConnectionSettings, isBeingRemoved } from './connection';
import { ConnectionStatus } from './connection-status';
import type { Noted } from './connection-store';
import { CONSENT_VERSION } from './consent';

/** A connection as administrators see it; never its key. */
export const ConnectionView = ConnectionSettings.extend({
  /** as last found out by a run, a test or a look; anything but connected stops the exports that use it */
  status: ConnectionStatus,
  /** what to do about it, where it is not connected */
  statusDetail: z.string().optional(),
  statusSince: z.iso.datetime(),
  statusCheckedAt: z.iso.datetime(),
  /** the statement has a newer text than the one that was agreed to */
  consentOutdated: z.boolean(),
  /** no export may begin to use it */
  beingRemoved: z.boolean(),
}).meta({ id: 'Connection' });
export type ConnectionView = z.infer<typeof ConnectionView>;

/** What a contributor sees of a shared connection. */
export const SharedConnection = Connection.pick({ id: true, displayName: true, type: true }).meta({ id: 'SharedConnection' });
export type SharedConnection = z.infer<typeof SharedConnection>;

/** A connection whose key was just checked, with the checklist. */
export const CheckedConnection = ConnectionView.extend({ checks: z.array(ConnectionCheck) }).meta({ id: 'CheckedConnection' });
export type CheckedConnection = z.infer<typeof CheckedConnection>;

export const viewOf = ({ connection: { value }, note }: Noted, now: Date): ConnectionView => {
  const { removing: _removing, keyChanging: _keyChanging, sameAs: _sameAs, writeId: _writeId, ...connection } = value;
  return {
    ...connection,
    status: note?.status ?? 'connected',
    ...(note && note.detail !== '' ? { statusDetail: note.detail } : {}),
    statusSince: note?.since ?? value.createdAt,
    statusCheckedAt: note?.checkedAt ?? value.createdAt,
    consentOutdated: value.consentVersion < CONSENT_VERSION,
    beingRemoved: isBeingRemoved(value, now),
  };
};

const COLUMNS = ['displayName', 'type', 'access', 'accountName', 'status', 'createdAt', 'updatedAt'] as const;
type Column = (typeof COLUMNS)[number];

export const ConnectionQuery = z.strictObject({
  /** part of the name, type or account, in any case; contributors search name and type */
  search: z.string().trim().max(200).optional(),
  sort: z.enum(COLUMNS).default('displayName'),
  order: z.enum(['asc', 'desc']).default('asc'),
  size: z.coerce.number().int().min(1).max(200).default(50),
  /** from nextLink */
  token: z.string().min(1).max(2_000).optional(),
});
export type ConnectionQuery = z.infer<typeof ConnectionQuery>;

type Row = SharedConnection & Partial<ConnectionView>;

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });
const Token = z.tuple([z.string(), z.string()]);

const readToken = (token: string): z.infer<typeof Token> => {
  try {
    return Token.parse(JSON.parse(Buffer.from(token, 'base64url').toString('utf8')));
  } catch (error) {
    throw new InvalidInputError({
      code: 'token_unknown',
      message: 'This token is none of ours; follow nextLink as it was given.',
      pointer: '?token',
      cause: error,
    });
  }
};

/**
 * One page of connections, found, sorted and cut in memory: there are few. The token names the last row that was shown, so that rows
 * which come and go between two pages make no other row appear twice or never. Who may not see a column does not sort by it either.
 * @throws InvalidInputError token_unknown
 */
export const pageOfConnections = <R extends Row>(
  all: readonly R[],
  { search = '', sort, order, size, token }: ConnectionQuery,
): { value: readonly R[]; token?: string } => {
  const wanted = search.toLowerCase();
  const column: Column = all.every((row) => sort in row) ? sort : 'displayName';
  const keyOf = (row: R): [string, string] => [String(row[column] ?? ''), row.id];
  const compare = (one: [string, string], other: [string, string]): number =>
    (collator.compare(one[0], other[0]) || (one[1] < other[1] ? -1 : one[1] > other[1] ? 1 : 0)) * (order === 'asc' ? 1 : -1);
  const after = token === undefined ? undefined : readToken(token);
  const found = all
    .filter((row) => [row.displayName, row.type, row.accountName ?? ''].some((text) => text.toLowerCase().includes(wanted)))
    .sort((one, other) => compare(keyOf(one), keyOf(other)))
    .filter((row) => after === undefined || compare(keyOf(row), after) > 0);
  const value = found.slice(0, size);
  const last = value.at(-1);
  return {
    value,
    ...(last && found.length > size ? { token: Buffer.from(JSON.stringify(keyOf(last))).toString('base64url') } : {}),
  };
};
