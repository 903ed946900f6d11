/**
 * Values as those see them who may not see personal data. Of an address, a phone number and an id their shape is shown; all else is hidden
 * whole: whoever asks for a preview chooses the field behind each attribute, and of a short choice (yes or no, a gender, a country) one
 * character says all. Pure.
 */
const HIDDEN = '***';

/** That there is something. */
export const hideText = (text: string): string => (text.trim() === '' ? '' : HIDDEN);

/** Its first character, whatever follows. */
export const maskText = (text: string): string => {
  const [first] = text.trim();
  return first === undefined ? '' : `${first}${HIDDEN}`;
};

/** `ada@mail.example.com` is `a***@m***.com`; what is no address may be anything, and is hidden. */
export const maskEmail = (address: string): string => {
  const at = address.lastIndexOf('@');
  if (at < 1) return hideText(address);
  const domain = address.slice(at + 1);
  const dot = domain.lastIndexOf('.');
  return `${maskText(address.slice(0, at))}@${maskText(domain)}${dot < 0 ? '' : domain.slice(dot)}`;
};

/** `+33612345678` is `+33******78`: where from, and enough to tell two of one's own apart. */
export const maskPhone = (number: string): string => `${number.slice(0, 3)}******${number.slice(-2)}`;

const maskValue = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return HIDDEN;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, maskValue(inner)]));
};

/** The attributes of a Klaviyo profile; names stay, as they are configuration. What is no text becomes text, or it would tell all. */
export const maskAttributes = (attributes: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => {
      if (name === 'email' && typeof value === 'string') return [name, maskEmail(value)];
      if (name === 'phone_number' && typeof value === 'string') return [name, maskPhone(value)];
      return [name, maskValue(value)];
    }),
  );
