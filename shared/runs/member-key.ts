import { createHash } from 'node:crypto';

/**
 * The e-mail check and the keyed hash that stands for an address. Both work on bytes, as they run once per row.
 * Raised by one whenever the same address would be normalised or hashed differently: states of another version are not compared.
 */
export const NORMALISER_VERSION = 1;

/** Klaviyo: at most 100 characters (klaviyo.md §2). */
const MAX_EMAIL_BYTES = 100;
const MAX_LOCAL_BYTES = 64;
/** RFC 1035, section 2.3.4 */
const MAX_LABEL_BYTES = 63;

const LOCAL = 1;
const DOMAIN = 2;
const allowed = new Uint8Array(256);
for (const character of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.!#$%&'*+/=?^_`{|}~-") {
  allowed[character.charCodeAt(0)]! |= LOCAL;
}
for (const character of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-') {
  allowed[character.charCodeAt(0)]! |= DOMAIN;
}

const AT = 0x40;
const DOT = 0x2e;
const HYPHEN = 0x2d;
const SPACE = 0x20;

/** Why an address is refused; the row report explains each. */
export const EMAIL_MISSING = -1;
export const EMAIL_INVALID = -2;
export const EMAIL_TOO_LONG = -3;

/**
 * Copies the trimmed, lower-cased address to `out` at `at`. Conservative, as Klaviyo's grammar is unpublished and one bad address
 * costs a whole job (klaviyo.md §2): one @, printable ASCII local part without quotes, dotted domain, at most 100 bytes.
 * @returns its length in bytes, or one of the three negative reasons
 */
export const writeEmail = (bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number => {
  while (start < end && bytes[start]! <= SPACE) start += 1;
  while (end > start && bytes[end - 1]! <= SPACE) end -= 1;
  const length = end - start;
  if (length === 0) return EMAIL_MISSING;
  if (length > MAX_EMAIL_BYTES) return EMAIL_TOO_LONG;
  let atSign = -1;
  let lastDot = -1;
  let previous = DOT;
  let part = LOCAL;
  let letterInLastLabel = false;
  for (let i = 0; i < length; i += 1) {
    let byte = bytes[start + i]!;
    if (byte === AT) {
      if (atSign >= 0 || i === 0 || previous === DOT) return EMAIL_INVALID;
      atSign = i;
      part = DOMAIN;
      previous = DOT;
    } else {
      if ((allowed[byte]! & part) === 0) return EMAIL_INVALID;
      if (byte === DOT) {
        if (previous === DOT || (part === DOMAIN && (previous === HYPHEN || i - Math.max(lastDot, atSign) > MAX_LABEL_BYTES + 1)))
          return EMAIL_INVALID;
        lastDot = i;
        letterInLastLabel = false;
      } else if (part === DOMAIN && byte === HYPHEN) {
        if (previous === DOT) return EMAIL_INVALID;
      } else if (byte >= 0x41 && byte <= 0x5a) {
        byte += 32;
        letterInLastLabel = true;
      } else if (byte >= 0x61 && byte <= 0x7a) {
        letterInLastLabel = true;
      }
      previous = byte;
    }
    out[at + i] = byte;
  }
  const complete =
    length - lastDot <= MAX_LABEL_BYTES + 1 &&
    atSign > 0 &&
    atSign <= MAX_LOCAL_BYTES &&
    lastDot > atSign + 1 &&
    length - lastDot >= 3 &&
    previous !== DOT &&
    previous !== HYPHEN &&
    letterInLastLabel;
  return complete ? length : EMAIL_INVALID;
};

/** The three 32-bit words of the key that was hashed last. One object for all calls: a million allocations cost more than the hash. */
export const memberKey = { a: 0, b: 0, c: 0 };

/** The key that was hashed last, as text; for small sets of members. */
export const keyText = (): string => `${memberKey.a},${memberKey.b},${memberKey.c}`;

/** The deployment's secret as eight 32-bit words, and a name for it that gives nothing away. */
export interface HashKey {
  readonly words: Uint32Array;
  readonly id: string;
}

/** @param secret at least 16 random bytes, base64, from Key Vault (`member-state-key`) */
export const parseHashKey = (secret: string): HashKey => {
  const digest = createHash('sha256').update(Buffer.from(secret, 'base64')).digest();
  const words = new Uint32Array(8);
  for (let i = 0; i < 8; i += 1) words[i] = digest.readUInt32LE(i * 4);
  return { words, id: createHash('sha256').update('member-state-key').update(digest).digest('hex').slice(0, 16) };
};

let viewed: Uint8Array | undefined;
let view: DataView = new DataView(new ArrayBuffer(0));
/** Reads words at any offset in one load, not four; one view serves all rows of a body. */
const viewOf = (bytes: Uint8Array): DataView => {
  if (bytes !== viewed) {
    viewed = bytes;
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  return view;
};

/** The two words of the last halfSipHash. */
export const half = { low: 0, high: 0 };

/**
 * HalfSipHash-2-4 with 64-bit output: a keyed pseudo-random function made for 32-bit arithmetic. Puts the result into `half`.
 * @see github veorq/SipHash, halfsiphash.c (Aumasson, Bernstein); its first test vector is in the unit test
 */
export const halfSipHash = (bytes: Uint8Array, start: number, length: number, key0: number, key1: number): void => {
  let v0 = key0 | 0;
  let v1 = key1 ^ 0xee;
  let v2 = 0x6c796765 ^ key0;
  let v3 = 0x74656462 ^ key1;
  const data = viewOf(bytes);
  const words = length >>> 2;
  let i = start;
  // One loop with one copy of the round, so that the four words stay in registers: two rounds for each word and for the rest with the
  // length, then twice four to finish.
  for (let step = 0; step <= words + 2; step += 1) {
    let word = 0;
    let rounds = 2;
    if (step < words) {
      word = data.getInt32(i, true);
      i += 4;
    } else if (step === words) {
      const rest = length & 3;
      word = length << 24;
      if (rest > 2) word |= bytes[i + 2]! << 16;
      if (rest > 1) word |= bytes[i + 1]! << 8;
      if (rest > 0) word |= bytes[i]!;
    } else {
      rounds = 4;
      if (step === words + 1) v2 ^= 0xee;
      else {
        half.low = (v1 ^ v3) >>> 0;
        v1 ^= 0xdd;
      }
    }
    v3 ^= word;
    for (; rounds > 0; rounds -= 1) {
      v0 = (v0 + v1) | 0;
      v1 = (v1 << 5) | (v1 >>> 27);
      v1 ^= v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = (v3 << 8) | (v3 >>> 24);
      v3 ^= v2;
      v0 = (v0 + v3) | 0;
      v3 = (v3 << 7) | (v3 >>> 25);
      v3 ^= v0;
      v2 = (v2 + v1) | 0;
      v1 = (v1 << 13) | (v1 >>> 19);
      v1 ^= v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    v0 ^= word;
  }
  half.high = (v1 ^ v3) >>> 0;
};

/**
 * The 96-bit key of a normalised address, put into `memberKey`: two HalfSipHashes under independent keys, of the second one half. The
 * chance that any two of ten million members collide is 10^14 / 2^97 = 6e-16.
 */
export const hashMember = (bytes: Uint8Array, start: number, length: number, { words }: HashKey): void => {
  halfSipHash(bytes, start, length, words[0]!, words[1]!);
  memberKey.a = half.low;
  memberKey.b = half.high;
  halfSipHash(bytes, start, length, words[2]!, words[3]!);
  memberKey.c = half.low;
};

/** The last payload hash; never 0/0, which stands for "not known to be there". */
export const payloadHash = { low: 0, high: 0 };

/**
 * A fast 64-bit hash of what is sent beside the address; it only has to notice changes (one missed in 1.8e19), so it is not keyed
 * against attackers but seeded by the key, so that it says nothing to who does not have it.
 * @param seed words that stand for the mapping: another mapping makes every row look changed, as it should
 */
export const hashPayload = (bytes: Uint8Array, start: number, end: number, seedLow: number, seedHigh: number): void => {
  let low = seedLow | 0;
  let high = seedHigh | 0;
  const data = viewOf(bytes);
  const whole = start + ((end - start) & ~3);
  let i = start;
  for (; i < whole; i += 4) {
    const word = data.getInt32(i, true);
    low = Math.imul(low ^ word, 0x9e3779b1);
    low ^= low >>> 15;
    high = Math.imul((high + word) | 0, 0x85ebca6b);
    high = (high << 13) | (high >>> 19);
    high ^= low;
  }
  for (; i < end; i += 1) {
    low = Math.imul(low ^ bytes[i]!, 0x9e3779b1);
    low ^= low >>> 15;
    high = Math.imul((high + bytes[i]!) | 0, 0x85ebca6b);
    high = (high << 13) | (high >>> 19);
    high ^= low;
  }
  low ^= end - start;
  low = Math.imul(low ^ (high >>> 16), 0xc2b2ae35);
  low ^= low >>> 13;
  high = Math.imul(high ^ (low >>> 15), 0x27d4eb2f);
  high ^= high >>> 16;
  low = Math.imul(low ^ high, 0x165667b1);
  low ^= low >>> 16;
  payloadHash.low = low >>> 0;
  payloadHash.high = high >>> 0 || 1;
};
