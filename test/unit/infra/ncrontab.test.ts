import { nextOccurrence, parseNcrontab } from '../../../infra/local/function-host/ncrontab';

const next = (expression: string, after: string): string | undefined =>
  nextOccurrence(parseNcrontab(expression), new Date(after))?.toISOString().replace('.000Z', 'Z');

describe('an NCRONTAB schedule', () => {
  it.each([
    ['0 * * * * *', '2026-11-23T10:00:00Z', '2026-11-23T10:01:00Z'],
    ['0 * * * * *', '2026-11-23T09:59:59.999Z', '2026-11-23T10:00:00Z'],
    ['*/15 * * * * *', '2026-11-23T10:00:46Z', '2026-11-23T10:01:00Z'],
    ['5/20 * * * * *', '2026-11-23T10:00:25Z', '2026-11-23T10:00:45Z'],
    ['0 */5 * * * *', '2026-11-23T23:57:00Z', '2026-11-24T00:00:00Z'],
    ['0 0 9-17 * * MON-FRI', '2026-11-20T17:30:00Z', '2026-11-23T09:00:00Z'],
    ['0 0,30 8,20 * * *', '2026-11-23T08:00:00Z', '2026-11-23T08:30:00Z'],
    ['0 30 9 * Jan Mon', '2026-11-23T00:00:00Z', '2027-01-04T09:30:00Z'],
    ['0 0 0 29 2 *', '2026-11-23T00:00:00Z', '2028-02-29T00:00:00Z'],
    ['0 0 0 1-7/2 december *', '2026-12-03T00:00:00Z', '2026-12-05T00:00:00Z'],
    ['59 59 23 31 12 *', '2026-11-23T00:00:00Z', '2026-12-31T23:59:59Z'],
  ])('%s comes after %s at %s', (expression, after, expected) => {
    expect(next(expression, after)).toBe(expected);
  });

  it('wants day and day of week both, unlike Unix cron', () => {
    expect(next('0 0 0 13 * FRI', '2026-11-23T00:00:00Z')).toBe('2027-08-13T00:00:00Z');
  });

  it('takes five fields for six without the seconds', () => {
    expect(next('*/10 * * * *', '2026-11-23T10:01:00Z')).toBe('2026-11-23T10:10:00Z');
  });

  it.each([
    ['* * * *', 'has 4 fields'],
    ['0 60 * * * *', '"60" is no minute'],
    ['0 0 24 * * *', '"24" is no hour'],
    ['0 0 0 0 * *', '"0" is no day'],
    ['0 0 0 * 13 *', '"13" is no month'],
    ['0 0 0 * * 7', '"7" is no day of week'],
    ['0 0 0 * * someday', '"someday" is no day of week'],
    ['0 10-5 * * * *', '"10-5" is no minute'],
    ['0 */0 * * * *', '"*/0" is no minute'],
    ['0 1,,2 * * * *', '"1,,2" is no minute'],
    ['0 ? * * * *', '"?" is no minute'],
    ['0 0 0 30 2 *', 'never comes'],
    ['00:05:00', 'is a time span'],
  ])('refuses %s', (expression, reason) => {
    expect(() => parseNcrontab(expression)).toThrow(reason);
  });
});
