import { z } from 'zod';
import { ConflictError, InvalidInputError, NotFoundError, UpstreamError } from '../errors';
import { KlaviyoAnswerError } from '../klaviyo/answers';

/** Whether a connection works, as far as is known. */
export const ConnectionStatus = z
  .enum(['connected', 'secretMissing', 'secretDisabled', 'secretInvalid', 'vaultRefused', 'keyRefused', 'scopeMissing', 'accountChanged'])
  .meta({ id: 'ConnectionStatus' });
export type ConnectionStatus = z.infer<typeof ConnectionStatus>;

/** What Key Vault alone can tell: a look at the secret shows whether it is over. */
const OF_THE_VAULT: readonly ConnectionStatus[] = ['secretMissing', 'secretDisabled', 'secretInvalid', 'vaultRefused'];
export const isOfTheVault = (status: ConnectionStatus): boolean => OF_THE_VAULT.includes(status);

/** What an error says of a connection. */
export interface Finding {
  readonly status: ConnectionStatus;
  /** a sentence that says what to do */
  readonly detail: string;
  /** Klaviyo's endpoint that asked for a scope which is missing: it shows when that is over */
  readonly endpoint?: string;
}

const STATUS_OF_CODE: Readonly<Record<string, ConnectionStatus>> = {
  secret_missing: 'secretMissing',
  secret_disabled: 'secretDisabled',
  secret_invalid: 'secretInvalid',
  vault_refused: 'vaultRefused',
  key_refused: 'keyRefused',
  scope_missing: 'scopeMissing',
  account_changed: 'accountChanged',
};

/** What the code of an error says of a connection; undefined for what says nothing about key and secret. Pure. */
export const statusOfCode = (code: string): ConnectionStatus | undefined => STATUS_OF_CODE[code];

/** An error → what it says of the connection; undefined for what passes by itself, or says nothing about key and secret. Pure. */
export const findingOf = (error: unknown): Finding | undefined => {
  const known =
    error instanceof UpstreamError ||
    error instanceof NotFoundError ||
    error instanceof ConflictError ||
    error instanceof InvalidInputError;
  if (!known) return undefined;
  const status = STATUS_OF_CODE[error.code];
  if (status === undefined) return undefined;
  return {
    status,
    detail: error.message,
    ...(error instanceof KlaviyoAnswerError && status === 'scopeMissing' ? { endpoint: error.endpoint } : {}),
  };
};

/**
 * What was last found out about a connection, in a row of its own, as people edit the connection's row. `key`: whose key a version of
 * the secret was found to be, so that Klaviyo is asked once per version.
 */
export const ConnectionNote = z.object({
  kind: z.literal('note'),
  key: z.object({ version: z.string(), accountId: z.string() }).optional(),
  status: ConnectionStatus,
  detail: z.string().default(''),
  endpoint: z.string().optional(),
  /** since when the status holds */
  since: z.iso.datetime(),
  checkedAt: z.iso.datetime(),
});
export type ConnectionNote = z.infer<typeof ConnectionNote>;
