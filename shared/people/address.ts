import { EMAIL_MISSING, EMAIL_TOO_LONG, hashMember, memberKey, writeEmail } from '../runs/member-key';
import type { HashKey } from '../runs/member-key';

/** An address that somebody asks about: as the runner writes it, or, where the runner would refuse it, trimmed and lower-cased alike. */
export interface Address {
  readonly text: string;
  readonly bytes: Uint8Array;
  /** absent where the runner takes it; else the code of the row report */
  readonly refusedAs?: 'email_missing' | 'email_invalid' | 'email_too_long';
}

const SPACE = 0x20;
/** The byte of an ASCII letter in lower case; every other byte as it is, as the runner does it. */
const lower = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte);

/** Normalises as the runner does, so that the same text means the same person. */
export const toAddress = (email: string): Address => {
  const raw = Buffer.from(email);
  const out = Buffer.alloc(raw.length);
  const length = writeEmail(raw, 0, raw.length, out, 0);
  if (length >= 0) {
    const bytes = out.subarray(0, length);
    return { text: bytes.toString('latin1'), bytes };
  }
  let start = 0;
  let end = raw.length;
  while (start < end && raw[start]! <= SPACE) start += 1;
  while (end > start && raw[end - 1]! <= SPACE) end -= 1;
  const bytes = raw.subarray(start, end).map(lower);
  const refusedAs = length === EMAIL_MISSING ? 'email_missing' : length === EMAIL_TOO_LONG ? 'email_too_long' : 'email_invalid';
  return { text: Buffer.from(bytes).toString('utf8'), bytes, refusedAs };
};

/** Whether a field of a row holds the address; runs once per row, so it makes no string. */
export const isAddress = ({ bytes: wanted }: Address, bytes: Uint8Array, from: number, to: number): boolean => {
  let start = from;
  let end = to;
  while (start < end && bytes[start]! <= SPACE) start += 1;
  while (end > start && bytes[end - 1]! <= SPACE) end -= 1;
  if (end - start !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i += 1) if (lower(bytes[start + i]!) !== wanted[i]) return false;
  return true;
};

/** The same for text, e.g. of a report. */
export const isSameAddress = (address: Address, text: string): boolean => {
  const bytes = Buffer.from(text);
  return isAddress(address, bytes, 0, bytes.length);
};

/** Puts the member key of the address into `memberKey`. */
export const loadMemberKey = ({ bytes }: Address, key: HashKey): void => hashMember(bytes, 0, bytes.length, key);

/** What stands for a person where no address may: the keyed hash, as 24 hexadecimal digits. */
export const personHash = (address: Address, key: HashKey): string => {
  loadMemberKey(address, key);
  const { a, b, c } = memberKey;
  return [a, b, c].map((word) => word.toString(16).padStart(8, '0')).join('');
};
