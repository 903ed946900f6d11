import { clientAddressOf } from '../../../shared/http/client-address';

it.each<[string, Record<string, string>, string | undefined]>([
  ['the platform’s word, without the port', { 'x-forwarded-for': '198.51.100.7:50123' }, '198.51.100.7'],
  ['an address of six, with a port', { 'x-forwarded-for': '[2001:db8::7]:50123' }, '2001:db8::7'],
  ['an address of six, bare', { 'x-forwarded-for': '2001:db8::7' }, '2001:db8::7'],
  [
    'the last entry, as those before it are the caller’s own',
    { 'x-forwarded-for': '10.0.0.1, 203.0.113.9, 198.51.100.7:50123' },
    '198.51.100.7',
  ],
  [
    'nothing of headers that anybody may send',
    { 'x-azure-clientip': '10.0.0.1', 'x-client-ip': '10.0.0.2', 'client-ip': '10.0.0.3:1' },
    undefined,
  ],
  ['nothing that is no address', { 'x-forwarded-for': '=cmd|calc' }, undefined],
  ['nothing of an empty last entry', { 'x-forwarded-for': '10.0.0.1,' }, undefined],
])('a request comes from %s', (_, headers, expected) => {
  expect(clientAddressOf({ get: (name) => headers[name] ?? null })).toBe(expected);
});
