import { WINDOWS_TO_IANA_MAP } from 'windows-iana';
import { TimeZone, zoneNamed } from '../../../shared/schedules/time-zone';

describe('a time zone', () => {
  it.each([
    ['Europe/Paris', 'Europe/Paris'],
    ['europe/paris', 'Europe/Paris'],
    [' America/New_York ', 'America/New_York'],
    ['Asia/Kolkata', 'Asia/Kolkata'],
    ['asia/kolkata', 'Asia/Kolkata'],
    ['Asia/Calcutta', 'Asia/Calcutta'],
    ['australia/lord_howe', 'Australia/Lord_Howe'],
    ['UTC', 'UTC'],
    ['utc', 'UTC'],
    ['Etc/UTC', 'Etc/UTC'],
    ['Etc/GMT+12', 'Etc/GMT+12'],
    ['Europe/Kyiv', 'Europe/Kyiv'],
  ])('%s is IANA’s %s', (text, expected) => {
    expect(TimeZone.parse(text)).toBe(expected);
  });

  it.each([
    ['Romance Standard Time', 'Europe/Paris'],
    ['romance standard time', 'Europe/Paris'],
    ['Eastern Standard Time', 'America/New_York'],
    ['Pacific Standard Time', 'America/Los_Angeles'],
    ['Lord Howe Standard Time', 'Australia/Lord_Howe'],
    ['India Standard Time', 'Asia/Kolkata'],
    ['FLE Standard Time', 'Europe/Kyiv'],
    ['UTC-11', 'Etc/GMT+11'],
    ['W. Europe Standard Time', 'Europe/Berlin'],
  ])('that Windows calls %s is %s', (text, expected) => {
    expect(TimeZone.parse(text)).toBe(expected);
  });

  it('of every Windows name that CLDR knows is one that this machine knows, and stays it when it is given back', () => {
    const names = [...new Set(WINDOWS_TO_IANA_MAP.map(({ windowsName }) => windowsName as string))];
    expect(names.length).toBeGreaterThan(130);
    for (const name of names) {
      const zone = zoneNamed(name);
      expect([name, zone]).toEqual([name, expect.any(String)]);
      expect(TimeZone.parse(zone)).toBe(zone);
    }
  });

  it.each(['Mars/Olympus', '', '+02:00', '-0500', 'Romance', '__proto__', 'constructor', 'Europe/Paris; DROP', 'x'.repeat(101)])(
    '%p is refused, and the sentence says what to write',
    (text) => {
      const { error } = TimeZone.safeParse(text);
      expect(error?.issues.length).toBeGreaterThan(0);
      if (text !== '' && text.length <= 100) expect(error?.issues[0]?.message).toMatch(/Europe\/Paris.*Romance Standard Time/);
    },
  );
});
