import { BODY_KINDS, KlaviyoAnswerError, classify, parseJson, readBody, rules, toError } from '../../../shared/klaviyo/answers';
import type { BodyKind, Rule } from '../../../shared/klaviyo/answers';
import { endpoints } from '../../../shared/klaviyo/endpoints';
import type { EndpointName } from '../../../shared/klaviyo/endpoints';
import { isAboutRows, refusedRows } from '../../../shared/klaviyo/import-jobs';
import { growthOf } from '../../support/growth';
import { answerGrid, expectedOf } from './answer-grid';

const names = Object.keys(endpoints) as EndpointName[];
const said = ({ verdict, code }: Rule): string => (verdict === 'ok' ? 'ok' : `${verdict} ${code}`);

describe('the table of answers', () => {
  it.each(answerGrid)('takes $status as it says, whatever the body and whoever asked', ({ status }) => {
    for (const name of names)
      for (const kind of BODY_KINDS)
        expect([status, name, kind, said(classify(name, status, { kind, errors: [] }))]).toEqual([
          status,
          name,
          kind,
          expectedOf(status, name, kind),
        ]);
  });

  it.each([
    [200, 'errors'],
    [400, 'errors'],
    [404, 'errors'],
  ] as const)('is not led astray by a detail of another endpoint: %i with %s', (status, kind) => {
    const errors = [{ detail: 'A profile with id 01X does not exist.', source: { pointer: '/data/attributes/profiles/data/0' } }];
    for (const name of names) {
      const aboutRows = (name === 'importJobsCreate' && status === 400) || (name === 'listMembersRemove' && status === 404);
      expect([name, classify(name, status, { kind, errors }).verdict]).toEqual([name, aboutRows ? 'rows' : 'final']);
    }
  });

  it.each<[string, EndpointName, number, string, string]>([
    ['rows that are named', 'importJobsCreate', 400, '/data/attributes/profiles/data/7/attributes/email', 'rows invalid'],
    ['the list of the body', 'importJobsCreate', 400, '/data/relationships/lists', 'final invalid'],
    ['the place of a row further in', 'importJobsCreate', 400, '/included/data/attributes/profiles/data/7', 'final invalid'],
    ['rows of a body that has none', 'listsCreate', 400, '/data/attributes/profiles/data/7', 'final invalid'],
  ])('tells %s', (_, name, status, pointer, expected) => {
    expect(said(classify(name, status, { kind: 'errors', errors: [{ source: { pointer } }] }))).toBe(expected);
  });

  it('tells people whom Klaviyo does not know from a list that it does not know', () => {
    const of = (detail: string) => said(classify('listMembersRemove', 404, { kind: 'errors', errors: [{ detail }] }));
    expect(of('A profile with id 01X does not exist.')).toBe('rows not_found');
    expect(of('A list with id `LIST5K` does not exist.')).toBe('final not_found');
  });

  it('tells a plan’s limit from a missing scope by Klaviyo’s code', () => {
    expect(said(classify('importJobsCreate', 403, { kind: 'errors', errors: [{ code: 'forbidden' }] }))).toBe('final account_limited');
    expect(said(classify('importJobsCreate', 403, { kind: 'errors', errors: [{ code: 'permission_denied' }] }))).toBe(
      'final scope_missing',
    );
  });

  it('holds no row that nothing reaches', () => {
    const reached = new Set<Rule>();
    const errors = [
      [],
      [{ code: 'forbidden' }],
      [{ source: { pointer: '/data/attributes/profiles/data/0' } }],
      [{ detail: 'A profile with id 01X does not exist.' }],
    ];
    for (const { status } of answerGrid)
      for (const name of names)
        for (const kind of BODY_KINDS) for (const one of errors) reached.add(classify(name, status, { kind, errors: one }));
    expect(rules.filter((rule) => !reached.has(rule))).toEqual([]);
  });

  it.each(rules.filter(({ verdict }) => verdict !== 'ok').map((rule) => [rule.code, rule] as const))(
    'says what is wrong in a sentence: %s',
    (_, { message }) => {
      expect(message.replace(' {detail}', '')).toMatch(/^[A-Z].*\.$/s);
      expect(message).not.toMatch(/[<>]/);
    },
  );

  it('keeps what was asked for beside what it means', () => {
    const body = readBody('{"errors":[{"detail":"Klaviyo’s words."}]}');
    const error = toError('importJobs', { status: 503, body, requestId: 'r', retryAfterMs: 2_000 });
    expect({ ...error, message: error.message }).toMatchObject({
      ...{ code: 'unavailable', retryable: true, verdict: 'retry', status: 503, requestId: 'r', retryAfterMs: 2_000 },
      ...{ service: 'klaviyo', endpoint: 'importJobs', errors: [{ detail: 'Klaviyo’s words.' }] },
    });
    expect(toError('importJobs', { status: 404, body })).toMatchObject({ retryable: false, verdict: 'final' });
  });

  it.each([
    [404, '{"errors":[]}', 'Klaviyo does not know this any more.'],
    [404, '{"errors":[{"title":"Not found."}]}', 'Klaviyo does not know this any more. Not found.'],
    [418, '<html>', 'Klaviyo gave an unexpected answer.'],
  ])('says of %i with %s: %s', (status, text, message) => {
    const error = toError('importJobs', { status, body: readBody(text) });
    expect(error.message).toBe(message);
    if (text === '<html>') expect(error.errors).toEqual([]);
  });
});

describe('a body', () => {
  it.each<[string, BodyKind]>([
    ['', 'empty'],
    [' \r\n', 'empty'],
    ['{"errors":[]}', 'errors'],
    ['{"errors":[{}]}', 'errors'],
    ['{"errors":[{"detail":"x","source":null}],"data":1}', 'errors'],
    ['{"errors":null}', 'json'],
    ['{"errors":{}}', 'json'],
    ['{"errors":[{"detail":7}]}', 'json'],
    ['{"data":[]}', 'json'],
    ['null', 'json'],
    ['[]', 'json'],
    ['"text"', 'json'],
    ['17', 'json'],
    ['<html><title>Just a moment...</title></html>', 'page'],
    ['\n<!DOCTYPE html>', 'page'],
    ['{"data":[{"ty', 'broken'],
    ['{', 'broken'],
    ['upstream connect error', 'broken'],
    ['\u0000\u001f\ufffd', 'broken'],
  ])('that reads %j is %s, and never throws', (text, kind) => {
    const body = readBody(text);
    expect(body.kind).toBe(kind);
    for (const status of [200, 400, 404, 500]) expect(toError('accounts', { status, body })).toBeInstanceOf(KlaviyoAnswerError);
  });
});

describe('an error document', () => {
  it('keeps personal data out of the sentence, and in the list for the row report', () => {
    const detail = 'ada.lovelace@example.com and +33 1 23 45 67 89 are not valid.';
    const error = toError('importJobsCreate', { status: 400, body: readBody(JSON.stringify({ errors: [{ detail }] })) });
    expect(error.message).toBe('Klaviyo refused the request. (address) and (number) are not valid.');
    expect(error.errors[0]?.detail).toBe(detail);
  });

  it('keeps what Klaviyo quotes out of the sentence, too', () => {
    const detail = `"Ada Lovelace" isn't a city, nor is 'Grace' or \`tier\`; Klaviyo's list says so.`;
    const { message } = toError('importJobsCreate', { status: 400, body: readBody(JSON.stringify({ errors: [{ detail }] })) });
    expect(message).toBe("Klaviyo refused the request. (value) isn't a city, nor is (value) or (value); Klaviyo's list says so.");
  });

  it('names the list that was called, and no other value', () => {
    const errors = [{ detail: 'A list with id "90EBF0" does not exist, nor does "Ada".' }];
    const { message } = toError('list', { status: 404, body: { kind: 'errors', errors }, id: '90EBF0' });
    expect(message).toContain('A list with id "90EBF0" does not exist, nor does (value).');
  });

  it.each([
    [`'O'Brien' is too long`, '(value) is too long'],
    [`the value “Ada “the Lovelace`, 'the value (value)'],
    [`said "Ada`, 'said (value)'],
  ])('keeps a quote with quotes in it, and one that is not closed, out: %s', (detail, told) => {
    const { message } = toError('importJobsCreate', { status: 400, body: readBody(JSON.stringify({ errors: [{ detail }] })) });
    expect(message).toBe(`Klaviyo refused the request. ${told}`);
  });

  it.each(['x', '“', '"', '`', "'", " 'a", '@'])('of many %j is read once', (part) => {
    const growth = growthOf((length) => {
      const body = readBody(JSON.stringify({ errors: [{ detail: part.repeat(length / part.length) }] }));
      return () => void toError('accounts', { status: 400, body });
    });
    expect(growth).toBeLessThan(1.6);
  });

  it('is cut to a fair length', () => {
    const text = JSON.stringify({ errors: [{ detail: 'long '.repeat(10_000) }] });
    expect(toError('accounts', { status: 400, body: readBody(text) }).message.length).toBeLessThan(400);
  });

  it('names the rows that were refused, each once with the first text', () => {
    const at = (pointer: string | undefined, detail: string) => ({ detail, source: pointer === undefined ? null : { pointer } });
    const errors = [
      at('/data/attributes/profiles/data/7/attributes/email', 'Invalid email address'),
      at('/data/attributes/profiles/data/7/attributes/phone_number', 'Invalid phone number'),
      at('/data/attributes/profiles/data/9999', 'No identifier'),
      at('/data/attributes/profiles/data/12/attributes', 'No identifier'),
      at('/data/attributes/profiles/data', 'Too many'),
      at('/data/attributes/profiles/data/x1/attributes', 'Nothing'),
      at('/data', 'List ID X does not exist.'),
      at(undefined, 'Nothing'),
    ];
    const error = toError('importJobsCreate', { status: 400, body: readBody(JSON.stringify({ errors })) });
    expect([...refusedRows(error)]).toEqual([
      [7, 'Invalid email address'],
      [9999, 'No identifier'],
      [12, 'No identifier'],
    ]);
    expect(isAboutRows(error)).toBe(true);
    expect(isAboutRows(toError('importJobsCreate', { status: 400, body: readBody(JSON.stringify({ errors: errors.slice(6) })) }))).toBe(
      false,
    );
  });

  it('that is no JSON is undefined', () => {
    expect([parseJson('<html>'), parseJson(''), parseJson('1')]).toEqual([undefined, undefined, 1]);
  });
});
