import { createBytePool } from './byte-pool';
import { withRoom } from './columns';
import { profileIdOf, rowClaimedBy } from './ids';
import { createKeyIndex } from './key-index';

export type Consent = 'NEVER_SUBSCRIBED' | 'SUBSCRIBED' | 'UNSUBSCRIBED';
const CONSENTS: readonly Consent[] = ['NEVER_SUBSCRIBED', 'SUBSCRIBED', 'UNSUBSCRIBED'];
const SUPPRESSED = 4;
const GONE = 8;
/** Bytes of a row in a snapshot before its texts: created, updated, four that are not used any more, flags, bytes of e-mail and JSON. */
const ROW_HEAD_BYTES = 8 + 8 + 4 + 1 + 4 + 4;

export type Identifiers = { readonly email?: string; readonly phone_number?: string; readonly external_id?: string };
/** All that is known of a person but the e-mail address, as it came. */
export type Attributes = { [name: string]: unknown };

/** Holds the profiles of one account in columns: e-mail and the JSON of the other attributes lie in byte pools, not on the heap. */
export const createProfileStore = (seed: number) => {
  const emails = createKeyIndex();
  const phones = createKeyIndex();
  const externals = createKeyIndex();
  const pool = createBytePool();
  let length = 0;
  let gone = 0;
  let created = new Float64Array(1024);
  let updated = new Float64Array(1024);
  let emailEntries = new Int32Array(1024);
  let positions = new Float64Array(1024);
  let lengths = new Uint32Array(1024);
  let rooms = new Uint32Array(1024);
  let flags = new Uint8Array(1024);

  const idOf = (row: number): string => profileIdOf(row, created[row]!, seed);
  const emailOf = (row: number): string | undefined => (emailEntries[row]! > 0 ? emails.keyOf(emailEntries[row]! - 1) : undefined);
  const json = (row: number): string => (lengths[row] === 0 ? '{}' : pool.text(positions[row]!, lengths[row]!));
  const write = (row: number, text: string): void => {
    const bytes = Buffer.byteLength(text);
    if (bytes <= rooms[row]!) pool.replace(positions[row]!, text);
    else {
      positions[row] = pool.add(text, bytes);
      rooms[row] = bytes;
    }
    lengths[row] = bytes;
  };

  const add = (atMs: number): number => {
    const row = length;
    length += 1;
    created = withRoom(created, length);
    updated = withRoom(updated, length);
    emailEntries = withRoom(emailEntries, length);
    positions = withRoom(positions, length);
    lengths = withRoom(lengths, length);
    rooms = withRoom(rooms, length);
    flags = withRoom(flags, length);
    created[row] = atMs;
    updated[row] = atMs;
    return row;
  };

  return {
    count: (): number => length - gone,
    length: (): number => length,
    isGone: (row: number): boolean => (flags[row]! & GONE) !== 0,
    idOf,
    /** @returns the row of a profile id, or -1 */
    rowOf: (id: string): number => {
      const row = rowClaimedBy(id, seed);
      return row >= 0 && row < length && (flags[row]! & GONE) === 0 && idOf(row) === id ? row : -1;
    },
    byEmail: (email: string): number => emails.find(email.toLowerCase()),
    byPhone: (phone: string): number => phones.find(phone),
    byExternalId: (externalId: string): number => externals.find(externalId),
    emailOf,
    createdAt: (row: number): number => created[row]!,
    updatedAt: (row: number): number => updated[row]!,
    json,
    attributes: (row: number): Attributes => JSON.parse(json(row)) as Attributes,
    add,
    /** Replaces what is known of a profile; `updated` moves only when something did change. */
    setJson: (row: number, text: string, atMs: number): void => {
      if (json(row) === text) return;
      write(row, text);
      updated[row] = atMs;
    },
    setEmail: (row: number, email: string): void => {
      const lower = email.toLowerCase(); // returned in lower case (4.33, assumed)
      const before = emailOf(row);
      if (before === lower) return;
      if (before !== undefined) emails.remove(before);
      emailEntries[row] = emails.set(lower, row) + 1;
    },
    /** Moves the phone or external id index from the old value to the new one. */
    setKey: (kind: 'phone_number' | 'external_id', row: number, before: unknown, after: unknown): void => {
      const index = kind === 'phone_number' ? phones : externals;
      if (typeof before === 'string') index.remove(before);
      if (typeof after === 'string') index.set(after, row);
    },
    keys: (kind: 'phone_number' | 'external_id') => (kind === 'phone_number' ? phones : externals).entries(),
    /** Rows `from` to `from + count` as bytes, for a snapshot; phone numbers and external ids are looked up by `keys`. */
    dump: (from: number, count: number): Buffer => {
      const heads = Buffer.alloc(count * ROW_HEAD_BYTES);
      const texts: Buffer[] = [];
      for (let row = from; row < from + count; row += 1) {
        const email = Buffer.from((flags[row]! & GONE) === 0 ? (emailOf(row) ?? '') : '');
        const own = Buffer.from(lengths[row] === 0 ? '' : json(row));
        let at = (row - from) * ROW_HEAD_BYTES;
        at = heads.writeDoubleLE(created[row]!, at);
        at = heads.writeDoubleLE(updated[row]!, at);
        at += 4;
        at = heads.writeUInt8(flags[row]!, at);
        at = heads.writeUInt32LE(email.length, at);
        heads.writeUInt32LE(own.length, at);
        texts.push(email, own);
      }
      return Buffer.concat([heads, ...texts]);
    },
    /** Takes rows back that were dumped, at the end. */
    load: (bytes: Buffer, count: number): void => {
      let text = count * ROW_HEAD_BYTES;
      for (let entry = 0; entry < count; entry += 1) {
        const at = entry * ROW_HEAD_BYTES;
        const row = add(bytes.readDoubleLE(at));
        updated[row] = bytes.readDoubleLE(at + 8);
        flags[row] = bytes.readUInt8(at + 20);
        if ((flags[row] & GONE) !== 0) gone += 1;
        const emailEnd = text + bytes.readUInt32LE(at + 21);
        if (emailEnd > text) emailEntries[row] = emails.set(bytes.toString('utf8', text, emailEnd), row) + 1;
        text = emailEnd + bytes.readUInt32LE(at + 25);
        if (text > emailEnd) write(row, bytes.toString('utf8', emailEnd, text));
      }
    },
    consentOf: (row: number): Consent => CONSENTS[flags[row]! & 3]!,
    setConsent: (row: number, consent: Consent): void => {
      flags[row] = (flags[row]! & ~3) | CONSENTS.indexOf(consent);
    },
    isSuppressed: (row: number): boolean => (flags[row]! & SUPPRESSED) !== 0,
    setSuppressed: (row: number, suppressed: boolean): void => {
      flags[row] = suppressed ? flags[row]! | SUPPRESSED : flags[row]! & ~SUPPRESSED;
    },
    /** Takes a profile out of every lookup (merge source). */
    remove: (row: number): void => {
      const known = JSON.parse(json(row)) as Attributes;
      const email = emailOf(row);
      if (email !== undefined) emails.remove(email);
      if (typeof known['phone_number'] === 'string') phones.remove(known['phone_number']);
      if (typeof known['external_id'] === 'string') externals.remove(known['external_id']);
      flags[row] = flags[row]! | GONE;
      gone += 1;
    },
  };
};
export type ProfileStore = ReturnType<typeof createProfileStore>;
