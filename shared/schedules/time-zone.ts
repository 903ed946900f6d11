import { IANA_ALIAS_MAP, WINDOWS_TO_IANA_MAP } from 'windows-iana';
import { z } from 'zod';

/**
 * Where CLDR answers a Windows name with a name that IANA has replaced, today's.
 * @see tz database, file "backward"
 */
const RENAMED: Readonly<Record<string, string>> = {
  'America/Buenos_Aires': 'America/Argentina/Buenos_Aires',
  'America/Godthab': 'America/Nuuk',
  'America/Indianapolis': 'America/Indiana/Indianapolis',
  'Asia/Calcutta': 'Asia/Kolkata',
  'Asia/Katmandu': 'Asia/Kathmandu',
  'Asia/Rangoon': 'Asia/Yangon',
  'Europe/Kiev': 'Europe/Kyiv',
};

/** The territory whose zone stands for a Windows name as a whole. */
const WHOLE_WORLD = '001';

const isKnownHere = (zone: string): boolean => {
  // offsets have no daylight-saving rules, and not every library takes them
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
};

/** Zone by what people call it, in small letters; made when the first name is looked up. */
let names: Map<string, string> | undefined;
const knownNames = (): Map<string, string> => {
  const found = new Map<string, string>();
  const add = (name: string, zone: string): void => {
    const key = name.toLowerCase();
    if (!found.has(key)) found.set(key, zone);
  };
  // IANA's own first: "UTC" is both
  for (const zone of [...Intl.supportedValuesOf('timeZone'), ...IANA_ALIAS_MAP.flatMap(({ alias }) => alias)]) add(zone, zone);
  for (const zone of Object.values(RENAMED)) add(zone, zone);
  for (const { windowsName, territory, iana } of WINDOWS_TO_IANA_MAP) {
    const zone: string | undefined = iana[0];
    if (territory === WHOLE_WORLD && zone !== undefined) add(windowsName, RENAMED[zone] ?? zone);
  }
  return found;
};

/** What was found for a text; looking up is dear, and the same few zones come again and again. */
const lookedUp = new Map<string, string | undefined>();
const MAX_LOOKED_UP = 2_000;

/**
 * The IANA zone that a text names, as IANA writes it: an IANA name in any case, or a Windows name, which means the zone that CLDR gives
 * for it in the whole world. An old IANA name stays as it is, as people know theirs by it.
 * @returns undefined for a name that nobody knows, and for offsets
 * @see Unicode CLDR, supplemental/windowsZones.xml (package windows-iana)
 */
export const zoneNamed = (text: string): string | undefined => {
  if (lookedUp.has(text)) return lookedUp.get(text);
  if (lookedUp.size >= MAX_LOOKED_UP) lookedUp.clear();
  names ??= knownNames();
  const name = names.get(text.trim().toLowerCase()) ?? text.trim();
  const zone = isKnownHere(name) ? name : undefined;
  lookedUp.set(text, zone);
  return zone;
};

/** A time zone as somebody writes it; what comes out is IANA's name. */
export const TimeZone = z
  .string()
  .min(1)
  .max(100)
  .overwrite((text) => zoneNamed(text) ?? text)
  .refine(
    (zone) => zoneNamed(zone) !== undefined,
    'expected a time zone by its IANA name, such as Europe/Paris, or by its Windows name, such as Romance Standard Time',
  );
