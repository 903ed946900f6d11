import { useFormatter, useNow, useTimeZone } from 'use-intl';

const zoneFormats = new Map<string, Intl.DateTimeFormat>();
/** Made once per language and zone: to make one takes longer than all else in a cell, and a table has hundreds. */
const zoneFormatOf = (locale: string | undefined, timeZone: string | undefined): Intl.DateTimeFormat => {
  const key = `${locale} ${timeZone}`;
  const format = zoneFormats.get(key) ?? new Intl.DateTimeFormat(locale, { timeZone, timeZoneName: 'short' });
  zoneFormats.set(key, format);
  return format;
};

/** Short name of a zone, e.g. "CET", as the reader's language has it. */
const zoneName = (locale: string | undefined, timeZone: string | undefined, at: Date): string =>
  zoneFormatOf(locale, timeZone)
    .formatToParts(at)
    .find(({ type }) => type === 'timeZoneName')?.value ?? '';

/**
 * An instant (UTC ISO string): as a date with its zone, or as "5 minutes ago"; the whole of it and UTC on hover.
 * @param relative how long ago or in how long
 */
export const Time = ({ at, relative = false }: { at: string; relative?: boolean }) => {
  const format = useFormatter();
  const now = useNow();
  const timeZone = useTimeZone();
  const date = new Date(at);
  const absolute = `${format.dateTime(date, { dateStyle: 'medium', timeStyle: 'short' })} ${zoneName(document.documentElement.lang, timeZone, date)}`;
  return (
    <time dateTime={at} title={`${absolute} · ${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`}>
      {relative ? format.relativeTime(date, Math.max(now.getTime(), Date.now())) : absolute}
    </time>
  );
};

/** A span of time as "1 min 5 s". @param ms milliseconds */
export const useDuration = (): ((ms: number) => string) => {
  const format = useFormatter();
  const unit = (value: number, name: string) =>
    format.number(value, { style: 'unit', unit: name, unitDisplay: 'short', maximumFractionDigits: 1 });
  return (ms) => {
    const seconds = ms / 1_000;
    if (seconds < 10) return unit(seconds, 'second');
    const whole = Math.round(seconds);
    if (whole < 60) return unit(whole, 'second');
    const parts: [number, string][] = [
      [Math.floor(whole / 86_400), 'day'],
      [Math.floor(whole / 3_600) % 24, 'hour'],
      [Math.floor(whole / 60) % 60, 'minute'],
      [whole % 60, 'second'],
    ];
    return parts
      .filter(([value]) => value > 0)
      .slice(0, 2)
      .map(([value, name]) => unit(value, name))
      .join(' ');
  };
};
