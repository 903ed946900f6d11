/** Apart, as it is no import of this file. */
const NEEDS = `import { createHmac, timingSafeEqual } from 'node:crypto';`;

/** What a receiver written for Node does; the same in any language. Standard Webhooks 1.0.0, "Verifying signatures". */
export const VERIFY = `${NEEDS}

export const isOurs = (headers, rawBody, secret) => {
  const [id, at] = [headers['webhook-id'], headers['webhook-timestamp']];
  if (!(Math.abs(Date.now() / 1000 - Number(at)) < 300)) return false;
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const wanted = createHmac('sha256', key).update(\`\${id}.\${at}.\${rawBody}\`).digest();
  return (headers['webhook-signature'] ?? '').split(' ').some((one) => {
    const given = Buffer.from(one.replace('v1,', ''), 'base64');
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  });
};`;
