import { z } from 'zod';
import { decodeMessage, reasonOf } from '../../../shared/requests/message';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const request = { version: 1, type: 'runAll', requestId: 'Ü-1' };
const text = JSON.stringify(request);
/** What the Functions library does to a message before a handler sees it. */
const asTheLibraryGives = (sent: string): unknown => {
  try {
    return JSON.parse(sent) as unknown;
  } catch {
    return sent;
  }
};

describe('a message', () => {
  it.each([
    ['plain JSON', text],
    ['base64 of JSON', base64(text)],
    ['base64 of JSON with a byte order mark', base64(`\uFEFF${text}`)],
    ['base64 without padding', base64(text).replace(/=+$/, '')],
    ['base64 in the alphabet of URLs', Buffer.from(text).toString('base64url')],
    ['base64 in lines of 76', base64(text).replace(/.{76}/g, '$&\r\n')],
    ['JSON in a JSON string', JSON.stringify(text)],
    ['base64 in a JSON string', JSON.stringify(base64(text))],
    ['indented JSON', JSON.stringify(request, null, 2)],
    ['JSON with a byte order mark', `\uFEFF${text}`],
  ])('is read when it is %s', (_, sent) => {
    expect(decodeMessage(asTheLibraryGives(sent))).toEqual({ value: request });
    expect(decodeMessage(sent)).toEqual({ value: request }); // a host that leaves text as text
  });

  it('is read when it comes as bytes', () => {
    expect(decodeMessage(Buffer.from(text))).toEqual({ value: request });
    expect(decodeMessage(new Uint8Array(Buffer.from(base64(text))))).toEqual({ value: request });
  });

  it.each([
    ['a number', '12', 'a number'],
    ['text that looks like a number', '35732122e2', 'a number'],
    ['base64 of a number', base64('123'), 'a number'],
    ['base64 that looks like a number', 'MTIz', 'a number'],
    ['an array', '[{"version":1}]', 'an array'],
    ['null', 'null', 'null'],
    ['true', 'true', 'a boolean'],
    ['base64 of null', base64('null'), 'null'],
    ['text', 'ada@example.com wants out', 'neither JSON nor base64'],
    ['base64 of text', base64('ada@example.com'), 'neither JSON nor base64'],
    ['base64 of bytes that are no text', Buffer.from([0xff, 0xfe, 0xfd, 0x80]).toString('base64'), 'neither JSON nor base64'],
    ['base64 of base64 of base64', base64(base64(base64(text))), 'neither JSON nor base64'],
    ['half of a JSON text', text.slice(0, 20), 'neither JSON nor base64'],
    ['nothing', '', 'empty'],
    ['blanks', '  \n', 'empty'],
  ])('is refused when it is %s, without quoting it', (_, sent, reason) => {
    const decoded = decodeMessage(asTheLibraryGives(sent));
    expect('reason' in decoded ? decoded.reason : '').toContain(reason);
    expect(JSON.stringify(decoded)).not.toContain('ada@');
  });

  it('is the event in it when a forwarder sends an array of one, and of one only', () => {
    const event = { eventType: 'Microsoft.Storage.BlobCreated', subject: 's', data: {} };
    expect(decodeMessage([event])).toEqual({ value: event });
    expect(decodeMessage(base64(JSON.stringify([event])))).toEqual({ value: event });
    for (const several of [[event, event], [], [[event]], [null], [request]]) {
      expect(decodeMessage(several)).toMatchObject({ reason: expect.stringContaining('an array') as unknown });
    }
  });

  it('is refused when it is undefined', () => {
    expect(decodeMessage(undefined)).toEqual({ reason: 'The message is undefined; expected one JSON object.' });
  });
});

describe('the reason', () => {
  const schema = z.strictObject({ version: z.literal(1), type: z.enum(['a', 'b']), id: z.string().regex(/^x/) });
  it.each([
    ['names an unknown field', { version: 1, type: 'a', id: 'x', fulll: true }, 'unknown field fulll'],
    ['names several', { version: 1, type: 'a', id: 'x', one: 1, two: 2 }, 'unknown fields one, two'],
    ['names a wrong field', { version: 2, type: 'a', id: 'x' }, 'version: '],
    ['names every wrong field', { type: 'c', id: 7 }, 'id: '],
    ['does not repeat a name that may be somebody’s', { version: 1, type: 'a', id: 'x', 'ada@example.com': 1 }, '(a name not shown)'],
  ])('%s', (_, value, expected) => {
    const parsed = schema.safeParse(value);
    const reason = reasonOf(parsed.error!);
    expect(reason).toContain(expected);
    expect(reason).not.toContain('ada@');
  });

  it('never quotes a value', () => {
    const parsed = schema.safeParse({ version: 'ada@example.com', type: 'ada@example.com', id: 'ada@example.com' });
    expect(reasonOf(parsed.error!)).not.toContain('ada@');
  });
});
