import { randomBytes } from 'node:crypto';

/** Secrets that this app makes in the vault, and deletes: keys of connections, addresses of channels. */
type Kind = 'klaviyo' | 'notify';

/** A name of its own for a new secret: random, never made of ids or names (design §4). */
export const newSecretName = (of: Kind): string => `${of}-${randomBytes(16).toString('hex')}`;

/** Whether a name has the form of ours: nobody else may lean on such a one. */
export const isOurSecret = (name: string): boolean => /^(?:klaviyo|notify)-[0-9a-f]{32}$/i.test(name);
