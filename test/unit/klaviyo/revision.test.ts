import { KLAVIYO_REVISION, retiresAt, retiresSoon } from '../../../shared/klaviyo/endpoints';

it.each([
  ['2026-07-15', '2028-07-15'],
  ['2024-10-15', '2026-10-15'],
  ['2024-02-29', '2026-03-01'],
])('the revision %s retires two years later, on %s', (revision, expected) => {
  expect(retiresAt(revision)).toBe(expected);
});

it('the pin is served until two years after it was published', () => {
  expect([KLAVIYO_REVISION, retiresAt(KLAVIYO_REVISION)]).toEqual(['2026-07-15', '2028-07-15']);
});

it.each([
  ['2028-01-13T23:59:59Z', false],
  ['2028-01-14T00:00:00Z', true],
  ['2028-07-15T00:00:00Z', true],
  ['2029-01-01T00:00:00Z', true],
])('half a year before it retires a revision is warned of: on %s %s', (now, expected) => {
  expect(retiresSoon('2026-07-15', new Date(now))).toBe(expected);
});
