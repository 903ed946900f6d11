import { readIdempotencyKey } from '../../../shared/http/idempotency';

const uuid = '8e03978e-40d5-43e8-bc93-6894a57f9324';
const read = (value: string | undefined): unknown => {
  try {
    return readIdempotencyKey(new Headers(value === undefined ? {} : { 'idempotency-key': value }));
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('Idempotency-Key', () => {
  it.each<[string, string | undefined, unknown]>([
    ['no header', undefined, undefined],
    ['a string in quotes, as the draft says', `"${uuid}"`, uuid],
    ['bare characters, as most clients send it', uuid, uuid],
    ['a quote and a backslash inside', '"a\\"b\\\\c"', 'a"b\\c'],
    ['a space inside quotes', '"order 1"', 'order 1'],
    ['255 characters', 'k'.repeat(255), 'k'.repeat(255)],
    ['256 characters', 'k'.repeat(256), 'idempotency_key_malformed'],
    ['nothing', '', 'idempotency_key_malformed'],
    ['an empty string', '""', 'idempotency_key_malformed'],
    ['a quote that does not end', '"abc', 'idempotency_key_malformed'],
    ['a space without quotes', 'order 1', 'idempotency_key_malformed'],
    ['two keys', `${uuid}, ${uuid}`, 'idempotency_key_malformed'],
    ['characters beyond ASCII', 'clé', 'idempotency_key_malformed'],
  ])('%s', (_, value, expected) => {
    expect(read(value)).toBe(expected);
  });
});
