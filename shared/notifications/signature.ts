import { createHmac, randomBytes } from 'node:crypto';

/** Of a signing secret, as the Standard Webhooks specification writes it: base64 behind the prefix; 24 to 64 bytes are allowed. */
const PREFIX = 'whsec_';
const SECRET_BYTES = 32;

export const newSigningSecret = (): string => `${PREFIX}${randomBytes(SECRET_BYTES).toString('base64')}`;

const keyOf = (secret: string): Buffer => Buffer.from(secret.slice(PREFIX.length), 'base64');

/**
 * The three headers by which a receiver knows a message: that it is ours, unchanged, new, and whether it has been seen before.
 * @param id the same whenever this message is sent again
 * @param secrets each signs: two while a receiver changes from one to the other; none for receivers that cannot check
 * @see Standard Webhooks 1.0.0, "Webhook headers" and "Symmetric signatures": v1,<base64 of HMAC-SHA256 of id.timestamp.body>
 */
export const signedHeaders = (
  { id, body, at }: { readonly id: string; readonly body: string; readonly at: Date },
  secrets: readonly string[],
): Record<string, string> => {
  const timestamp = String(Math.floor(at.getTime() / 1_000));
  const signatures = secrets.map(
    (secret) => `v1,${createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64')}`,
  );
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    ...(signatures.length === 0 ? {} : { 'webhook-signature': signatures.join(' ') }),
  };
};
