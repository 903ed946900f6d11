import { seenRow } from '../../../shared/preview/row-look';

const row = { customerId: '8f0c', email: 'ada@mail.example.com', segment: 'Vip', code: 'invalid' };

describe('a row of a report, masked', () => {
  it('shows the shape of the address and the first character of the id', () => {
    expect(seenRow(row, { masked: true })).toEqual({
      customerId: '8***',
      email: 'a***@m***.com',
      segment: 'Vip',
      code: 'invalid',
      whatToDo: expect.stringContaining('Klaviyo refused') as string,
    });
  });

  it('does not tell whose row was taken instead of a duplicate', () => {
    const duplicate = { ...row, code: 'duplicate', detail: 'customer Lovelace-Ada' };
    expect(seenRow(duplicate, { masked: true }).detail).toBe('customer ***');
    expect(seenRow({ ...duplicate, detail: 'another row of the same customer' }, { masked: true }).detail).toBe(
      'another row of the same customer',
    );
  });

  it.each(['email_invalid', 'email_too_long'])('hides what stands there in place of an address: %s', (code) => {
    const email = 'ask Ada @home. Lovelace, 12 St James’s Square';
    expect(seenRow({ ...row, code, email }, { masked: true }).email).toBe('***');
    expect(seenRow({ ...row, code, email }, { masked: false }).email).toBe(email);
    expect(seenRow({ ...row, code: 'email_missing', email: ' ' }, { masked: true }).email).toBe('');
  });

  it.each([
    ['"ada@mail.example.com" is no valid email', '"***" is no valid email'],
    ['Bob <bob@x.org> is known already', 'Bob <***> is known already'],
    ['The phone number +33 6 12 34 56 78 is not valid for 8f0c', 'The phone number *** is not valid for ***'],
    ['The external id 9f3b-11aa belongs to another profile', 'The external id *** belongs to another profile'],
    ["The value 'Ada Lovelace' isn't a profile's “first name”", "The value '***' isn't a profile's “***”"],
    ['A profile may have 100 properties', 'A profile may have 100 properties'],
  ])('hides in Klaviyo’s words what they quote: %s', (detail, seen) => {
    expect(seenRow({ ...row, detail }, { masked: true }).detail).toBe(seen);
    expect(seenRow({ ...row, detail }, { masked: false }).detail).toBe(detail);
  });
});
