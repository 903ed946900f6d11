import { withoutPersonalData } from '../../../shared/platform/personal-data';
import { growthOf } from '../../support/growth';

it.each([
  ['"ada@example.com" is bad', '(address) is bad'],
  ['List ID LIST5K does not exist.', 'List ID LIST5K does not exist.'],
  ['Expected available in 1 second.', 'Expected available in 1 second.'],
  ['call (415) 555-2671', 'call ((number)'],
  ['retires on 2028-07-15, at 2028-07-15 10:00', 'retires on 2028-07-15, at 2028-07-15 10:00'],
  ['@, a@ and @b, but not a@b or a@@b@', '@, a@ and @b, but not (address) or (address)'],
  ['the key pk_abc123 and whsec_x', 'the key (key) and (key)'],
])('says %j as %j', (text, expected) => {
  expect(withoutPersonalData(text)).toBe(expected);
});

it.each(['x', '.', '@', '1', '1.', '+1 ', '1234567.......', 'pk_', ' '])('reads a long text of %j once', (part) => {
  const growth = growthOf((length) => {
    const text = part.repeat(length / part.length);
    return () => void withoutPersonalData(text);
  });
  expect(growth).toBeLessThan(1.6);
});
