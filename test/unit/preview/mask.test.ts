import { hideText, maskAttributes, maskEmail, maskPhone, maskText } from '../../../shared/preview/mask';

it.each([
  ['ada@mail.example.com', 'a***@m***.com'],
  ['a@b.co', 'a***@b***.co'],
  ['no address at all', '***'],
  ['F', '***'],
  ['@example.com', '***'],
  ['', ''],
])('shows of the address %s that it is one', (address, shown) => {
  expect(maskEmail(address)).toBe(shown);
});

it.each([
  ['Jo', 'J***'],
  ['Johanna-Friederike', 'J***'],
  ['Édith', 'É***'],
  ['😀 smile', '😀***'],
  ['  x', 'x***'],
  ['   ', ''],
])('shows the first character of “%s” and not its length', (text, shown) => {
  expect(maskText(text)).toBe(shown);
});

it('shows where a phone number comes from and its last two digits', () => {
  expect(maskPhone('+33612345678')).toBe('+33******78');
  expect(maskPhone('+331234567890123')).toBe('+33******23');
});

it('lets no value of a profile through, whatever its type and however deep it lies', () => {
  const attributes = {
    email: 'ada@example.com',
    phone_number: '+33612345678',
    first_name: 'Ada',
    location: { city: 'London', zip: '12345' },
    properties: { total_spend: 1815.12, member: true, last_purchase: '2026-11-01', phone_number: '+33699999999' },
  };
  expect(maskAttributes(attributes)).toEqual({
    email: 'a***@e***.com',
    phone_number: '+33******78',
    first_name: '***',
    location: { city: '***', zip: '***' },
    properties: { total_spend: '***', member: '***', last_purchase: '***', phone_number: '***' },
  });
});

it.each([
  ['F', '***'],
  ['  ', ''],
])('hides “%s” whole, as one character of a short choice says all', (text, shown) => {
  expect(hideText(text)).toBe(shown);
  expect(maskAttributes({ properties: { gender: text }, first_name: text })).toEqual({ properties: { gender: '***' }, first_name: '***' });
});
