import { hashText, type Random } from './random';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const ODD = 0x9e3779b1;
/** Inverse of ODD modulo 2^32 by Newton's iteration, so an id can be read back into a row number without an index. */
const ODD_INVERSE = (() => {
  let inverse = ODD;
  for (let round = 0; round < 5; round += 1) inverse = Math.imul(inverse, 2 - Math.imul(ODD, inverse));
  return inverse;
})();

const base32 = (value: number, length: number): string => {
  let text = '';
  for (let left = value; text.length < length; left = Math.floor(left / 32)) text = CROCKFORD[left % 32] + text;
  return text;
};

const mix = (value: number): number => {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
};

/** Writes the ULID of a profile (26 characters, klaviyo.md section 2): 10 of its creation time, 16 that hold its row number scrambled. */
export const profileIdOf = (row: number, createdAtMs: number, seed: number): string =>
  base32(Math.floor(createdAtMs), 10) +
  base32((Math.imul(row, ODD) ^ seed) >>> 0, 7) +
  base32(mix(row ^ seed), 7) +
  base32(mix(row + seed) % 1024, 2);

/** Reads the row number a profile id claims; the caller still has to compare the whole id. */
export const rowClaimedBy = (profileId: string, seed: number): number => {
  if (profileId.length !== 26) return -1;
  let scrambled = 0;
  for (const letter of profileId.slice(10, 17)) {
    const digit = CROCKFORD.indexOf(letter);
    if (digit < 0) return -1;
    scrambled = scrambled * 32 + digit;
  }
  return Math.imul((scrambled ^ seed) | 0, ODD_INVERSE) >>> 0;
};

/** Makes a random UUID (version 4) from the given randomness. */
export const createUuid = (random: Random): string =>
  'xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx'.replace(/[xy]/g, (letter) =>
    Math.floor(letter === 'x' ? random() * 16 : 8 + random() * 4).toString(16),
  );

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const letters = (random: Random, length: number): string =>
  Array.from({ length }, () => LETTERS[Math.floor(random() * LETTERS.length)]).join('');

/** Makes a list or account id: 6 characters (observed, klaviyo.md section 1). */
export const createShortId = (random: Random): string => letters(random, 6);

/** Makes a job id: base64url of about 43 characters, opaque (observed, klaviyo.md section 2, Parsing). */
export const createJobId = (accountId: string, sequence: number, nowMs: number, random: Random): string =>
  Buffer.from(`${letters(random, 6)}:maintenance.${accountId}.${Math.floor(nowMs / 1000)}.${sequence}.${letters(random, 4)}`).toString(
    'base64url',
  );

/** Makes an OAuth code or token: 43 letters and digits, opaque. */
export const createToken = (random: Random): string => letters(random, 43);

/** Seed of an account's profile ids. */
export const seedOfAccount = (accountId: string): number => hashText(`profiles of ${accountId}`);
