import { withoutPersonalData } from '../../../shared/platform/personal-data';

it.each([
  ['"ada@example.com" is bad', '(address) is bad'],
  ['List ID LIST5K does not exist.', 'List ID LIST5K does not exist.'],
  ['Expected available in 1 second.', 'Expected available in 1 second.'],
  ['call (415) 555-2671', 'call ((number)'],
  ['retires on 2028-07-15, at 2028-07-15 10:00', 'retires on 2028-07-15, at 2028-07-15 10:00'],
  ['the key pk_abc123 and whsec_x', 'the key (key) and (key)'],
])('says %j as %j', (text, expected) => {
  expect(withoutPersonalData(text)).toBe(expected);
});
