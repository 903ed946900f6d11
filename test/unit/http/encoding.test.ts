import { chooseEncoding } from '../../../shared/http/encoding';

it.each([
  [null, undefined],
  ['', undefined],
  ['gzip, deflate, br, zstd', 'br'],
  ['gzip', 'gzip'],
  ['GZIP', 'gzip'],
  ['deflate', undefined],
  ['br;q=0.5, gzip;q=0.8', 'gzip'],
  ['br ; q=0.8 , gzip ;q=0.8', 'br'],
  ['br;q=0, gzip', 'gzip'],
  ['br;q=0.000, gzip;q=0', undefined],
  ['*', 'br'],
  ['*;q=0.5, br;q=0', 'gzip'],
  ['gzip;q=0, *', 'br'],
  ['*;q=0', undefined],
  ['identity, gzip;q=0.5', undefined],
  ['identity;q=0.5, gzip', 'gzip'],
  ['identity;q=0, deflate', undefined],
  ['br;q=much, gzip', 'gzip'],
  ['gzipped, x-br', undefined],
])('Accept-Encoding: %s gets %s', (accept, form) => {
  expect(chooseEncoding(accept)).toBe(form);
});

it('chooses among what lies ready', () => {
  expect(chooseEncoding('br, gzip;q=0.1', ['gzip'])).toBe('gzip');
  expect(chooseEncoding('br', ['gzip'])).toBeUndefined();
});
