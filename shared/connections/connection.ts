import { z } from 'zod';
import { ConnectionId } from '../ids';

export const ConnectionAccess = z.enum(['administrators', 'administratorsAndContributors']);
export type ConnectionAccess = z.infer<typeof ConnectionAccess>;

const DisplayName = z.string().trim().min(1).max(200);
/** Klaviyo's private keys begin with pk_; the length is not promised. */
export const ApiKey = z
  .string()
  .trim()
  .regex(/^pk_[0-9A-Za-z_-]{6,200}$/, 'expected a private Klaviyo API key, which begins with pk_');
/** @see azure.md: vault names match ^[0-9A-Za-z-]{1,127}$ */
const SecretName = z.string().regex(/^[0-9A-Za-z-]{1,127}$/, 'expected the name of a secret in the linked Key Vault');
const ConsentVersion = z.string().min(1).max(40);

export const NewConnection = z
  .strictObject({
    displayName: DisplayName,
    type: z.literal('klaviyo').default('klaviyo'),
    access: ConnectionAccess.default('administrators'),
    apiKey: ApiKey.optional(),
    secretName: SecretName.optional(),
    /** agreement to data leaving the compliance boundary of Dynamics 365 Customer Insights; the statement stands at /api/consent */
    agreed: z.literal(true, 'expected true: without agreement to data leaving the compliance boundary there is no connection'),
    /** the version of the statement that was shown; the one in force when left out */
    consentVersion: ConsentVersion.optional(),
  })
  .refine(({ apiKey, secretName }) => (apiKey === undefined) !== (secretName === undefined), {
    path: ['apiKey'],
    message: 'expected either apiKey or secretName',
  })
  .meta({ id: 'NewConnection' });
export type NewConnection = z.infer<typeof NewConnection>;

export const ConnectionChange = z
  .strictObject({
    displayName: DisplayName.optional(),
    access: ConnectionAccess.optional(),
    /** a new key of the same account, for a connection whose key was typed */
    apiKey: ApiKey.optional(),
    /** a secret of your own that holds a key of the same account, in place of the key so far; there is no way back to a typed key */
    secretName: SecretName.optional(),
    /** agrees anew, to the statement in force */
    agreed: z.literal(true, 'expected true; to take an agreement back, remove the connection').optional(),
    consentVersion: ConsentVersion.optional(),
  })
  .refine(({ apiKey, secretName }) => apiKey === undefined || secretName === undefined, {
    path: ['apiKey'],
    message: 'expected at most one of apiKey and secretName',
  })
  .refine(({ agreed, consentVersion }) => agreed === true || consentVersion === undefined, {
    path: ['agreed'],
    message: 'expected true, as consentVersion is given',
  })
  .meta({ id: 'ConnectionChange' });
export type ConnectionChange = z.infer<typeof ConnectionChange>;

/** A stored connection. The key itself lies in Key Vault under `secretName`, a random name where we made it. */
export const Connection = z.object({
  id: ConnectionId,
  displayName: DisplayName,
  type: z.literal('klaviyo'),
  access: ConnectionAccess,
  secretName: SecretName,
  /** false: the secret was given to us, and is never deleted or written by us */
  ownsSecret: z.boolean(),
  accountId: z.string(),
  accountName: z.string(),
  testAccount: z.boolean().default(false),
  agreedAt: z.iso.datetime(),
  agreedBy: z.string(),
  agreedByName: z.string().default(''),
  consentVersion: z.string(),
  /** false: whoever agreed named no version, so the one in force then stands here; absent in rows of earlier versions */
  consentVersionNamed: z.boolean().optional(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  updatedBy: z.string().default(''),
  updatedByName: z.string().default(''),
  /** object id of the person whose sign-in stands behind the exports of this connection */
  exportUser: z.string(),
  exportUserName: z.string().default(''),
  /** somebody is removing it: whoever has just saved an export for it looks here */
  removing: z.object({ at: z.iso.datetime() }).optional(),
  /** somebody is putting another key into the vault: of two keys the last one written must be the one the row speaks of */
  keyChanging: z.object({ at: z.iso.datetime() }).optional(),
  /** earlier versions of this row with the same content, from before removals that were refused; the newest last */
  sameAs: z.array(z.string()).optional(),
  /** which write made this row, so that one whose answer was lost is told from another of the same content */
  writeId: z.string().optional(),
});
export type Connection = z.infer<typeof Connection>;

/** What people decide or see of a connection: what the activity log shows before and after a change. */
export const ConnectionSettings = Connection.omit({ removing: true, keyChanging: true, sameAs: true, writeId: true });

/** A change ends within a request; a mark that is older was left by a process that died (azure.md: a call ends after 230 s). */
export const CHANGE_SETTLES_MS = 5 * 60_000;

const isUnderWay = (mark: { readonly at: string } | undefined, now: Date): boolean =>
  mark !== undefined && now.getTime() - Date.parse(mark.at) < CHANGE_SETTLES_MS;

export const isBeingRemoved = ({ removing }: Pick<Connection, 'removing'>, now: Date): boolean => isUnderWay(removing, now);
export const isGettingKey = ({ keyChanging }: Pick<Connection, 'keyChanging'>, now: Date): boolean => isUnderWay(keyChanging, now);
