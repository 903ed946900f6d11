import { deflateSync, gzipSync } from 'node:zlib';
import { findLeaks } from '../../support/leak-search';

const value = 'Cnrymail7q+x@leak.example';
const find = (content: string | Uint8Array) => findLeaks([{ place: 'there', content }], { email: value });

it.each<[string, string | Uint8Array]>([
  ['as it is', `a ${value} b`],
  ['in other case', value.toUpperCase()],
  ['in an address', `?q=${encodeURIComponent(value)}&x`],
  ['in an address, every character', [...value].map((one) => `%${one.charCodeAt(0).toString(16)}`).join('')],
  ['in JSON with escapes', [...value].map((one) => `\\u00${one.charCodeAt(0).toString(16).toUpperCase()}`).join('')],
  ['in hex', Buffer.from(`ab${value}c`).toString('hex')],
  ['in base64', Buffer.from(`a${value}b`).toString('base64')],
  ['in base64, one further', Buffer.from(`ab${value}c`).toString('base64')],
  ['in base64, two further', Buffer.from(`abc${value}d`).toString('base64')],
  ['in base64 for addresses, in lower case', Buffer.from(`?>${value.toLowerCase()}`).toString('base64url')],
  ['in UTF-16', Buffer.from(value, 'utf16le')],
  ['in gzip', Buffer.concat([Buffer.from('before'), gzipSync(`a ${value}`)])],
  ['in base64 of gzip', `{"d":"${gzipSync(`a ${value}`).toString('base64')}"}`],
  ['in base64 of deflate', deflateSync(`a ${value}`).toString('base64')],
  ['in gzip of base64', gzipSync(Buffer.from(`x${value}`).toString('base64'))],
])('finds a value %s', (_, content) => {
  expect(find(content)).toEqual([{ place: 'there', needle: 'email', form: expect.any(String) as string }]);
});

it('finds nothing where there is nothing', () => {
  expect(find('Cnrymail8q+x@leak.example H4sIAAAAAAAAA eJwAAAAAAAAAAAAAAAAA')).toEqual([]);
});
