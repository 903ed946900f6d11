import { isPhone } from '../../../shared/klaviyo/phone';

const check = (text: string): boolean => {
  const bytes = Buffer.from(`1+4${text}4155552671`);
  return isPhone(bytes, 3, bytes.length - 10);
};

describe('a phone number', () => {
  it.each([
    '+14155552671',
    '+1 (415) 555-2671',
    '+1.415.555.2671',
    '+33123456789',
    '+33 1 23 45 67 89',
    '+44 20 7946 0958',
    '+49 30 123456',
    '+358 40 123456',
    '+35812345', // eight digits
    '+861301234567890'.slice(0, 16), // fifteen digits
    '+81-3-1234-5678',
    '+5491112345678',
    '+7 495 123-45-67',
    ' +14155552671 ',
  ])('may be %j', (text) => {
    expect(check(text)).toBe(true);
  });

  it.each([
    ['', 'empty'],
    ['4155552671', 'no country code'],
    ['0033123456789', '00 in place of +'],
    ['+0033123456789', 'a code that begins with 0'],
    ['+1234', 'too short'],
    ['+3512345', 'seven digits'],
    ['+4412345678901234', 'sixteen digits'],
    ['+1415555267', 'North America needs ten digits'],
    ['+141555526711', 'eleven are too many'],
    ['+11155552671', 'an area that begins with 1'],
    ['+14151552671', 'an exchange that begins with 1'],
    ['+210123456789', 'code 210 is not assigned'],
    ['+999123456789', 'code 999 is not assigned'],
    ['+800123456789', 'freephone numbers are nobody’s'],
    ['++14155552671', 'two plus signs'],
    ['1+4155552671', 'plus in the middle'],
    ['+1 415 555 2671 ext. 5', 'an extension'],
    ['+1415555CALL', 'letters'],
    ['+1415555267１', 'a digit that is not ASCII'],
    ['+1/4155552671', 'a slash'],
    ['n/a', 'words'],
    ['+', 'a plus alone'],
  ])('cannot be %j: %s', (text) => {
    expect(check(text)).toBe(false);
  });
});
