import { z } from 'zod';
import { ConnectionId } from '../ids';

export const ConnectionAccess = z.enum(['administrators', 'administratorsAndContributors']);
export type ConnectionAccess = z.infer<typeof ConnectionAccess>;

const DisplayName = z.string().trim().min(1).max(200);
/** Klaviyo's private keys begin with pk_; the length is not promised. */
const ApiKey = z
  .string()
  .trim()
  .regex(/^pk_[0-9A-Za-z_-]{6,200}$/, 'expected a private Klaviyo API key, which begins with pk_');
/** @see azure.md: vault names match ^[0-9A-Za-z-]{1,127}$ */
const SecretName = z.string().regex(/^[0-9A-Za-z-]{1,127}$/, 'expected the name of a secret in the linked Key Vault');

/** Version of the statement that an administrator agrees to when data leaves the compliance boundary. */
export const CONSENT_VERSION = '2026-11';

export const NewConnection = z
  .strictObject({
    displayName: DisplayName,
    type: z.literal('klaviyo').default('klaviyo'),
    access: ConnectionAccess.default('administrators'),
    apiKey: ApiKey.optional(),
    secretName: SecretName.optional(),
    /** agreement to data leaving the compliance boundary of Dynamics 365 Customer Insights */
    agreed: z.literal(true, 'expected true: without agreement to data leaving the compliance boundary there is no connection'),
  })
  .refine(({ apiKey, secretName }) => (apiKey === undefined) !== (secretName === undefined), {
    path: ['apiKey'],
    message: 'expected either apiKey or secretName',
  })
  .meta({ id: 'NewConnection' });
export type NewConnection = z.infer<typeof NewConnection>;

export const ConnectionChange = z
  .strictObject({ displayName: DisplayName.optional(), access: ConnectionAccess.optional(), apiKey: ApiKey.optional() })
  .meta({ id: 'ConnectionChange' });
export type ConnectionChange = z.infer<typeof ConnectionChange>;

/** A stored connection. The key itself lies in Key Vault under `secretName`, a random name where we made it. */
export const Connection = z
  .object({
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
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    /** object id of the person whose sign-in stands behind the exports of this connection */
    exportUser: z.string(),
  })
  .meta({ id: 'Connection' });
export type Connection = z.infer<typeof Connection>;

/** What a contributor sees of a shared connection. */
export const SharedConnection = Connection.pick({ id: true, displayName: true, type: true }).meta({ id: 'SharedConnection' });
export type SharedConnection = z.infer<typeof SharedConnection>;
