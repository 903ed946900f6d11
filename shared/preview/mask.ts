/**
 * Values as those see them who may not see personal data: of what shape they are, and not how long (portal and preview). Pure.
 */
const HIDDEN = '***';

/** Its first character, whatever follows. */
export const maskText = (text: string): string => {
  const [first] = text.trim();
  return first === undefined ? '' : `${first}${HIDDEN}`;
};

/** `ada@mail.example.com` is `a***@m***.com`. */
export const maskEmail = (address: string): string => {
  const at = address.lastIndexOf('@');
  if (at < 1) return maskText(address);
  const domain = address.slice(at + 1);
  return `${maskText(address.slice(0, at))}@${maskText(domain)}${domain.slice(domain.lastIndexOf('.'))}`;
};

/** `+33612345678` is `+33******78`: where from, and enough to tell two of one's own apart. */
export const maskPhone = (number: string): string => `${number.slice(0, 3)}******${number.slice(-2)}`;

const maskValue = (value: unknown): unknown => {
  if (typeof value === 'string') return maskText(value);
  if (typeof value !== 'object' || value === null) return HIDDEN;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, maskValue(inner)]));
};

/** The attributes of a Klaviyo profile; names stay, as they are configuration. Numbers and yes or no become text, or they would tell all. */
export const maskAttributes = (attributes: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => {
      if (name === 'email' && typeof value === 'string') return [name, maskEmail(value)];
      if (name === 'phone_number' && typeof value === 'string') return [name, maskPhone(value)];
      return [name, maskValue(value)];
    }),
  );
