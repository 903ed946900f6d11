import { z } from 'zod';
import { MAX_BODY_BYTES, parseInput, readIfMatch, readJson, readQuery } from '../../../shared/http/validation';
import { NewConnection } from '../../../shared/connections/connection';
import { NewExport } from '../../../shared/exports/export';

const thrown = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

const request = (
  body: string | Uint8Array | null,
  headers: Record<string, string> = { 'content-type': 'application/json' },
  method = 'POST',
) => {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return {
    method,
    headers: new Headers(headers),
    body:
      bytes &&
      (async function* () {
        for (let at = 0; at < bytes.length; at += 65_536) yield await Promise.resolve(bytes.subarray(at, at + 65_536));
      })(),
  };
};
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'taken',
    (error: { code: string }) => error.code,
  );

describe('a JSON body', () => {
  it.each<[string, ReturnType<typeof request>, string]>([
    ['plain', request('{"a":1}'), 'taken'],
    ['with a charset', request('{}', { 'content-type': 'Application/JSON; charset=utf-8' }), 'taken'],
    ['a merge patch', request('{}', { 'content-type': 'application/merge-patch+json' }, 'PATCH'), 'taken'],
    ['a merge patch in a POST', request('{}', { 'content-type': 'application/merge-patch+json' }), 'content_type_unsupported'],
    ['a form', request('a=1', { 'content-type': 'application/x-www-form-urlencoded' }), 'content_type_unsupported'],
    ['plain text', request('{}', { 'content-type': 'text/plain' }), 'content_type_unsupported'],
    ['no type', request('{}', {}), 'content_type_unsupported'],
    ['no JSON', request('{"a":'), 'not_json'],
    ['no UTF-8', request(Buffer.from([0x22, 0xff, 0x22])), 'not_json'],
    ['nothing', request(null), 'not_json'],
    ['exactly at the limit', request(`"${'x'.repeat(MAX_BODY_BYTES - 2)}"`), 'taken'],
    ['one byte over', request(`"${'x'.repeat(MAX_BODY_BYTES - 1)}"`), 'body_too_large'],
    ['far over, as its length says', request('{}', { 'content-type': 'application/json', 'content-length': '50000000' }), 'body_too_large'],
    ['deeply nested', request('['.repeat(400_000) + ']'.repeat(400_000)), 'taken'],
  ])('%s', async (_, given, expected) => {
    expect(await codeOf(readJson(given, { optional: false }))).toBe(expected);
  });

  it('may be larger where a route says so, up to its own limit', async () => {
    const maxBytes = 2 * MAX_BODY_BYTES;
    expect(await readJson(request(`"${'x'.repeat(MAX_BODY_BYTES)}"`), { optional: false, maxBytes })).toHaveLength(MAX_BODY_BYTES);
    const error = await readJson(request(`"${'x'.repeat(maxBytes)}"`), { optional: false, maxBytes }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'body_too_large', message: 'The body is larger than 2 MB; send a smaller one.' });
  });

  it('may be absent where that stands for {}, but not be a form', async () => {
    expect(await readJson(request(null, {}), { optional: true })).toEqual({});
    expect(await codeOf(readJson(request(null, { 'content-type': 'text/plain' }), { optional: true }))).toBe('content_type_unsupported');
  });
});

describe('fields', () => {
  const problems = (schema: z.ZodType, input: unknown) =>
    (thrown(() => parseInput(schema, input)) as { problems: { pointer: string; detail: string }[] }).problems;

  it('names every unknown and wrong one by JSON pointer', () => {
    const found = problems(NewExport, {
      name: '',
      connectionId: 'con_1234567890',
      listId: 'YafG4m',
      segments: ['VIP', 7],
      mapping: { email: 'EMail', location: { town: 'City', 'a/b~c': 1 } },
      shedule: {},
    });
    expect(found.map(({ pointer }) => pointer).sort()).toEqual(
      ['/name', '/segments/1', '/mapping/location/town', '/mapping/location/a~1b~0c', '/shedule'].sort(),
    );
  });

  it('says which one is missing', () => {
    expect(problems(NewConnection, { displayName: 'K', apiKey: 'pk_1234567' })).toEqual([
      { pointer: '/agreed', detail: expect.stringContaining('This field is required') as string },
    ]);
  });

  it('never shows the value that was sent', () => {
    const error = thrown(() => parseInput(NewConnection, { displayName: 'K', apiKey: 'sk_secret', agreed: true })) as Error;
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain('sk_secret');
  });

  it.each([null, [], 'text', 7])('refuses %j as a whole', (input) => {
    expect(problems(NewConnection, input)).toEqual([{ pointer: '', detail: expect.stringContaining('expected object') as string }]);
  });

  it('takes __proto__ as an unknown field like any other', () => {
    expect(problems(z.strictObject({}), JSON.parse('{"__proto__":{"a":1}}')).map(({ pointer }) => pointer)).toEqual(['/__proto__']);
  });
});

describe('query', () => {
  it('refuses a parameter given twice', () => {
    expect(readQuery(new URLSearchParams('stage=invalid'))).toEqual({ stage: 'invalid' });
    expect(thrown(() => readQuery(new URLSearchParams('stage=invalid&stage=held')))).toMatchObject({
      code: 'invalid_input',
      pointer: '?stage',
    });
  });
});

describe('If-Match', () => {
  const version = `W/"datetime'2026-11-23T10%3A00%3A00.0000000Z'"`;
  it.each<[string | undefined, boolean, string]>([
    [version, false, version],
    ['"0"', false, '"0"'],
    ['*', true, '*'],
    ['*', false, 'precondition_required'],
    [undefined, false, 'precondition_required'],
    ['', true, 'precondition_required'],
    ['0', false, 'invalid_input'],
    ['"a", "b"', false, 'invalid_input'],
    [`"${'x'.repeat(300)}"`, false, 'invalid_input'],
  ])('%s (* allowed: %s)', (value, any, expected) => {
    const result = thrown(() => readIfMatch(new Headers(value === undefined ? {} : { 'if-match': value }), { any }));
    expect(result instanceof Error ? (result as Error & { code: string }).code : result).toBe(expected);
  });
});
