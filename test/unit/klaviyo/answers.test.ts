import { KlaviyoAnswerError, classify, parseJson, rules, toError, withoutPersonalData } from '../../../shared/klaviyo/answers';
import type { BodyKind } from '../../../shared/klaviyo/answers';
import { isAboutRows, refusedRows } from '../../../shared/klaviyo/import-jobs';

const kinds = (body: BodyKind | 'any'): readonly BodyKind[] => (body === 'any' ? ['json', 'other'] : [body]);
const statuses = (status: number | readonly [number, number]): number[] =>
  typeof status === 'number' ? [status] : [status[0], status[0] + 1, Math.floor((status[0] + status[1]) / 2), status[1]];

describe('the table of answers', () => {
  it.each(rules.map((rule) => [JSON.stringify(rule.status), rule.body, rule] as const))(
    'has a row that is reached for %s with %s',
    (...[, , rule]) => {
      const reached = statuses(rule.status).flatMap((status) => kinds(rule.body).map((body) => classify(status, body, rule.errorCode)));
      expect(reached).toContain(rule);
    },
  );

  const json = JSON.stringify({ errors: [{ code: 'x', title: 'T', detail: 'Klaviyo’s words.' }] });
  const limited = JSON.stringify({ errors: [{ code: 'forbidden', title: 'Forbidden.', detail: 'Your plan is full.' }] });
  const html = '<html><title>Just a moment...</title></html>';
  it.each<[number, string, string, boolean]>([
    [400, json, 'invalid', false],
    [400, html, 'edge_refused', true],
    [401, json, 'key_refused', false],
    [401, html, 'edge_refused', true],
    [403, json, 'scope_missing', false],
    [403, limited, 'account_limited', false],
    [403, html, 'edge_refused', true],
    [404, json, 'not_found', false],
    [404, html, 'not_found', false],
    [405, json, 'unexpected', false],
    [408, '', 'timeout', true],
    [409, json, 'conflict', false],
    [410, json, 'revision_retired', false],
    [413, json, 'too_large', false],
    [413, html, 'too_large', false],
    [415, json, 'encoding_refused', false],
    [418, html, 'unexpected', false],
    [422, json, 'unexpected', false],
    [429, json, 'throttled', true],
    [429, '', 'throttled', true],
    [302, html, 'unexpected', false],
    [500, json, 'unavailable', true],
    [502, html, 'unavailable', true],
    [503, '', 'unavailable', true],
    [504, html, 'unavailable', true],
    [520, html, 'unavailable', true],
    [524, html, 'unavailable', true],
    [599, '', 'unavailable', true],
    [600, json, 'unexpected', false],
  ])('takes %i with %j for %s', (status, text, code, retryable) => {
    const error = toError('importJobsCreate', { status, text, requestId: 'r', retryAfterMs: 2_000 });
    expect({ ...error, message: error.message }).toMatchObject({
      code,
      retryable,
      status,
      requestId: 'r',
      retryAfterMs: 2_000,
      service: 'klaviyo',
    });
    expect(error.message).toMatch(/^[A-Z].*\.$/s);
    expect(error.message).not.toMatch(/[{}<>]/);
  });

  it.each([200, 201, 202, 204, 299])('takes %i for an answer', (status) => {
    for (const body of kinds('any')) expect(classify(status, body).verdict).toBe('ok');
  });
});

describe('an error document', () => {
  it.each([
    '',
    '{',
    'null',
    '[]',
    '"text"',
    '17',
    '{"errors":null}',
    '{"errors":{}}',
    '{"errors":[]}',
    '{"errors":[{}]}',
    '{"errors":[{"detail":7}]}',
  ])('that reads %j never throws', (text) => {
    expect(toError('accounts', { status: 404, text })).toBeInstanceOf(KlaviyoAnswerError);
  });

  it('keeps personal data out of the sentence, and in the list for the row report', () => {
    const detail = 'ada.lovelace@example.com and +33 1 23 45 67 89 are not valid.';
    const error = toError('importJobsCreate', { status: 400, text: JSON.stringify({ errors: [{ detail }] }) });
    expect(error.message).toBe('Klaviyo refused the request. (address) and (number) are not valid.');
    expect(error.errors[0]?.detail).toBe(detail);
  });

  it('is cut to a fair length', () => {
    const text = JSON.stringify({ errors: [{ detail: 'long '.repeat(10_000) }] });
    expect(toError('accounts', { status: 400, text }).message.length).toBeLessThan(400);
  });

  it.each([
    ['"ada@example.com" is bad', '(address) is bad'],
    ['List ID LIST5K does not exist.', 'List ID LIST5K does not exist.'],
    ['Expected available in 1 second.', 'Expected available in 1 second.'],
    ['call (415) 555-2671', 'call ((number)'],
  ])('says %j as %j', (text, expected) => {
    expect(withoutPersonalData(text)).toBe(expected);
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
    const error = toError('importJobsCreate', { status: 400, text: JSON.stringify({ errors }) });
    expect([...refusedRows(error)]).toEqual([
      [7, 'Invalid email address'],
      [9999, 'No identifier'],
      [12, 'No identifier'],
    ]);
    expect(isAboutRows(error)).toBe(true);
    expect(isAboutRows(toError('importJobsCreate', { status: 400, text: JSON.stringify({ errors: errors.slice(6) }) }))).toBe(false);
  });

  it('that is no JSON is undefined', () => {
    expect([parseJson('<html>'), parseJson(''), parseJson('1')]).toEqual([undefined, undefined, 1]);
  });
});
