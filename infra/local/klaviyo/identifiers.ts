/** Longest e-mail address Klaviyo takes, in characters (documented: profiles_api_overview). */
export const MAX_EMAIL_LENGTH = 100;

const LOCAL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const DOMAIN = /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]$/;

/** Whether Klaviyo takes an address; the grammar is unpublished, so this is the conservative reading of klaviyo.md section 2 (assumed). */
export const isEmail = (text: string): boolean => {
  const at = text.indexOf('@');
  return at > 0 && text.length <= MAX_EMAIL_LENGTH && LOCAL.test(text.slice(0, at)) && DOMAIN.test(text.slice(at + 1));
};

/** Whether a phone number is E.164 with 7 to 15 digits (documented; Klaviyo's per-country check is not rebuilt). */
export const isPhone = (text: string): boolean => /^\+[1-9]\d{6,14}$/.test(text);
