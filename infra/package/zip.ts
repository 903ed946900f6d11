import { type Zippable, zipSync } from 'fflate';

/**
 * Of every entry. The zip format keeps the hours of a clock on the wall and no zone, and fflate reads them from a Date in the zone of this
 * machine: a Date made of its parts says the same everywhere. Noon, as no zone leaves it out when its clocks change.
 */
const ENTRY_TIME = new Date(1980, 0, 1, 12);

/** Made by Unix; a plain file that its owner may write and everybody may read. */
const UNIX = 3;
const PLAIN_FILE = (0o100644 << 16) >>> 0;

/** Packed already; trying again takes time and gains nothing. */
const PACKED = /\.(br|gz|png|webp)$/;

/**
 * Packs files so that the same contents become the same bytes, whoever does it, when and where: entries in the order of their names, with
 * forward slashes, all of one time and one set of rights. There are no entries for folders.
 * @param files contents by path inside the zip
 * @throws Error naming a path that leaves the folder into which it would be unpacked
 */
export const zipOf = (files: ReadonlyMap<string, Uint8Array>): Uint8Array => {
  const entries = [...files].map(([name, bytes]) => [name.replaceAll('\\', '/'), bytes] as const);
  const stray = entries.find(([name]) => name.startsWith('/') || /^[A-Za-z]:/.test(name) || name.split('/').some((part) => part === '..'));
  if (stray !== undefined) throw new Error(`${stray[0]} is no path inside a package`);
  const sorted = entries.sort(([one], [other]) => (one < other ? -1 : 1));
  const zippable: Zippable = Object.fromEntries(sorted.map(([name, bytes]) => [name, [bytes, { level: PACKED.test(name) ? 0 : 9 }]]));
  return zipSync(zippable, { mtime: ENTRY_TIME, os: UNIX, attrs: PLAIN_FILE });
};
