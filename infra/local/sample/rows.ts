import { createQuote, type Dialect } from './dialect';
import {
  awkwardCities,
  awkwardFirstNames,
  badEmails,
  badPhones,
  emailDomains,
  loyaltyTiers,
  type Place,
  places,
  products,
  streetNames,
} from './places';
import type { Member } from './population';
import { createDraws, hash } from './random';

const dayMs = 86_400_000;
const days = Array.from({ length: 2_000 }, (_, day) =>
  Buffer.from(new Date(Date.UTC(2021, 0, 1) + day * dayMs).toISOString().slice(0, 11)),
);
const minutes = Array.from({ length: 1_440 }, (_, minute) => Buffer.from(`${new Date(minute * 60_000).toISOString().slice(11, 19)}Z`));
const hexBytes = Array.from({ length: 256 }, (_, value) => Buffer.from(value.toString(16).padStart(2, '0')));
const idWords = 4;
const digitZero = 0x30;
const bytes = (text: string) => Buffer.from(text, 'utf8');

/** As often in this list as its weight says. */
const weightedPlaces = places.flatMap((place) => Array.from({ length: place.weight }, () => place));

// A number belongs to one person: Klaviyo refuses a row whose e-mail and phone belong to two profiles. The prime spreads neighbours; it
// divides no number of phones a place has, so no two people meet.
const phoneSpread = 15_485_863;

/** No row is longer than this. */
export const maxRowBytes = 4_096;

/**
 * Writes rows of a segment as CSV lines, straight as bytes: strings took 1.7 times as long (measured). What a person is called and where
 * they live follows from seed and number alone; each version of a person differs from the one before in City, LoyaltyTier, TotalSpend and
 * LastPurchase.
 */
export const createRows = (
  seed: number,
  dialect: Dialect,
  { wide = false, projected = false }: { wide?: boolean; projected?: boolean } = {},
) => {
  const quote = createQuote(dialect);
  const { below, seed: restart } = createDraws();
  const pick = <Item>(list: readonly Item[], shift = 0): Item => list[(below(list.length) + shift) % list.length] as Item;

  // Quoted and encoded once, not a million times; the outer quotes of quoteAll are part of `between`.
  const written = (field: string) => bytes(dialect.quoteAll ? quote(field).slice(1, -1) : quote(field));
  const named = ([name, ascii]: readonly [string, string]) => [written(name), bytes(ascii)] as const;
  const mark = bytes(dialect.quoteAll ? '"' : '');
  const between = bytes(dialect.quoteAll ? `"${dialect.delimiter}"` : dialect.delimiter);
  const lineEnd = bytes(dialect.lineEnd);
  const prepare = (place: Place) => ({
    country: written(place.country),
    cities: place.cities.map(written),
    firstNames: place.firstNames.map(named),
    lastNames: place.lastNames.map(named),
    phonePrefixes: place.phonePrefixes.map(bytes),
    lowestPhone: 2 * 10 ** (place.phoneDigits - 1), // a subscriber number begins with 2 to 9
    phonesPerPrefix: 8 * 10 ** (place.phoneDigits - 1),
  });
  const prepared = new Map(places.map((place) => [place, prepare(place)]));
  const weighted = weightedPlaces.map((place) => prepared.get(place) ?? prepare(place));
  const oddFirstNames = awkwardFirstNames.map(named);
  const oddCities = awkwardCities.map(written);
  const wrongEmails = badEmails.map(written);
  const wrongPhones = badPhones.map(written);
  const tiers = loyaltyTiers.map(written);
  const domains = emailDomains.map((domain) => bytes(`@${domain}`));
  const streets = streetNames.map(written);
  const goods = products.map(written);
  const [dot, underscore, news, nothing] = [bytes('.'), bytes('_'), bytes('+news'), bytes('')];

  const space = bytes(' ');

  let target: Buffer = Buffer.alloc(0);
  let end = 0;
  const put = (part: Uint8Array) => {
    for (let index = 0; index < part.length; index += 1) target[end + index] = part[index] as number;
    end += part.length;
  };
  const putNumber = (value: number) => {
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits += 1;
    end += digits;
    for (let rest = value, index = end - 1; digits > 0; digits -= 1, index -= 1, rest = Math.floor(rest / 10))
      target[index] = digitZero + (rest % 10);
  };
  const raise = (from: number, to: number) => {
    for (let index = from; index < to; index += 1) {
      const letter = target[index] as number;
      if (letter >= 0x61 && letter <= 0x7a) target[index] = letter - 0x20;
    }
  };

  const putId = (person: number) => {
    restart(hash(seed, 5, person));
    for (let word = 0; word < idWords; word += 1) {
      const drawn = below(2 ** 32);
      for (let shift = 24; shift >= 0; shift -= 8) put(hexBytes[(drawn >>> shift) & 0xff] ?? nothing);
    }
  };
  const putEmail = (first: Uint8Array, last: Uint8Array, { kind, of }: Member) => {
    const style = below(10);
    const domain = pick(domains);
    const change = below(3);
    if (kind === 'bad') return put(pick(wrongEmails));
    const from = end;
    put(style === 1 ? first.subarray(0, 1) : first);
    if (style !== 1) put(style === 0 ? underscore : dot);
    put(last);
    if (style === 2) put(news);
    put(dot);
    putNumber(of); // keeps one address to one person
    const at = end;
    put(domain);
    if (style === 3) raise(from, from + 1);
    // In other case than the original, which has small letters before and after the @.
    if (kind === 'duplicate') raise(change === 2 ? at : from, change === 1 ? at : end);
  };
  const putPhone = ({ phonePrefixes, lowestPhone, phonesPerPrefix }: ReturnType<typeof prepare>, { kind, of }: Member) => {
    const drawn = below(1_000);
    if (drawn < 300 || kind === 'duplicate') return;
    if (drawn < 315) return put(pick(wrongPhones));
    const number = (of * phoneSpread) % (phonesPerPrefix * phonePrefixes.length);
    put(phonePrefixes[Math.floor(number / phonesPerPrefix)] ?? nothing);
    putNumber(lowestPhone + (number % phonesPerPrefix));
  };

  /** The columns of a wide segment: a street with a house number, a postal code, a date of birth. */
  const putMore = (of: number) => {
    restart(hash(seed, 8, of));
    put(between);
    put(pick(streets));
    put(space);
    putNumber(1 + below(240));
    put(between);
    putNumber(10_000 + below(90_000));
    put(between);
    put((days[below(days.length)] ?? nothing).subarray(0, 10));
  };

  /** @returns where the row ends in `into`, which has `maxRowBytes` of room after `start` */
  return (member: Member, into: Buffer, start: number): number => {
    const { person, of, version } = member;
    target = into;
    end = start;
    put(mark);
    putId(person);
    put(between);
    restart(hash(seed, 4, of));
    const place = pick(weighted);
    const [firstName, first] = below(50) === 0 ? pick(oddFirstNames) : pick(place.firstNames);
    const [lastName, last] = pick(place.lastNames);
    putEmail(first, last, member);
    put(between);
    const emptyNames = below(50); // 0: no name at all, 1: no last name
    put(emptyNames === 0 ? nothing : firstName);
    put(between);
    put(emptyNames <= 1 ? nothing : lastName);
    put(between);
    restart(hash(seed, 6, of));
    putPhone(place, member);
    put(between);
    restart(hash(seed, 7, of));
    put(below(50) === 0 ? pick(oddCities, version) : pick(place.cities, version));
    put(between);
    put(place.country);
    put(between);
    put(pick(tiers, version));
    put(between);
    const cents = below(500_000) + 1_733 * version;
    putNumber(Math.floor(cents / 100));
    put(dot);
    putNumber(Math.floor((cents % 100) / 10));
    putNumber(cents % 10);
    put(between);
    put(days[(below(1_700) + 7 * version) % days.length] ?? nothing);
    put(pick(minutes));
    if (wide) putMore(of);
    if (projected) {
      put(between);
      put(goods[(hash(seed, 9, of) + (member.repeat ?? 0)) % goods.length] ?? nothing);
    }
    put(mark);
    put(lineEnd);
    return end;
  };
};
