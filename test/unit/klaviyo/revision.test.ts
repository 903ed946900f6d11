import { retiresAt } from '../../../shared/klaviyo/endpoints';

it.each([
  ['2026-07-15', '2028-07-15'],
  ['2024-10-15', '2026-10-15'],
  ['2024-02-29', '2026-03-01'],
])('the revision %s retires two years later, on %s', (revision, expected) => {
  expect(retiresAt(revision)).toBe(expected);
});
