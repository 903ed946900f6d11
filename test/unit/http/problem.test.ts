import { z } from 'zod';
import { ConflictError, InvalidInputError, LimitError, NotAllowedError, NotFoundError, UpstreamError } from '../../../shared/errors';
import { toProblem } from '../../../shared/http/problem';
import { parseInput } from '../../../shared/http/validation';
import { growthOf } from '../../support/growth';

const instance = '4d6f-invocation';
const problemOf = (error: unknown, conditional = false) => toProblem(error, { instance, conditional });
const error = (code: string) => ({ code, message: `${code} happened` });

describe('an error becomes an answer', () => {
  it.each<[string, unknown, number]>([
    ['input', new InvalidInputError(error('invalid_input')), 400],
    ['not signed in', new NotAllowedError(error('not_signed_in')), 401],
    ['not allowed', new NotAllowedError(error('role_too_low')), 403],
    ['not found', new NotFoundError(error('export_unknown')), 404],
    ['conflict', new ConflictError(error('connection_in_use')), 409],
    ['too large', new LimitError(error('body_too_large')), 413],
    ['content type', new InvalidInputError(error('content_type_unsupported')), 415],
    ['limit', new LimitError(error('cap_too_high')), 422],
    [
      'a value that another service refused',
      new InvalidInputError({
        ...error('key_refused'),
        cause: new UpstreamError('klaviyo', { ...error('key_refused'), retryable: false }),
      }),
      422,
    ],
    ['no version', new InvalidInputError(error('precondition_required')), 428],
    ['unknown', new Error('pk_secret in the text'), 500],
    ['no error at all', 'pk_secret', 500],
    ['refused upstream', new UpstreamError('klaviyo', { ...error('key_refused'), retryable: false }), 502],
    ['upstream away', new UpstreamError('source', { ...error('unavailable'), retryable: true }), 503],
    ['deadline', new DOMException('timed out', 'TimeoutError'), 503],
  ])('%s', (_, thrown, status) => {
    const problem = problemOf(thrown);
    expect([problem.status, problem.body.status]).toEqual([status, status]);
    expect(problem.headers['content-type']).toBe('application/problem+json');
    expect(problem.body).toMatchObject({ instance, type: expect.stringMatching(/^urn:/) as string, title: expect.any(String) as string });
  });

  it('tells a stale version from a lost race by whether a version was named', () => {
    const changed = new ConflictError(error('changed_meanwhile'));
    expect(problemOf(changed, true).status).toBe(412);
    expect(problemOf(changed, false).status).toBe(409);
    expect(problemOf(new ConflictError(error('name_taken')), true).status).toBe(409);
  });

  it('shows nothing of an unknown error but the invocation', () => {
    const { body } = problemOf(new Error('pk_secret in the text', { cause: new Error('ada@example.com') }));
    expect(JSON.stringify(body)).not.toMatch(/pk_secret|ada@/);
    expect(body.detail).toContain(instance);
  });

  it('gives the request id of the service that refused, also from a cause', () => {
    const upstream = new UpstreamError('klaviyo', { ...error('key_refused'), requestId: 'req-7', retryable: false });
    expect(problemOf(upstream).body).toMatchObject({ service: 'klaviyo', requestId: 'req-7' });
    expect(problemOf(new InvalidInputError({ ...error('key_refused'), pointer: '/apiKey', cause: upstream })).body).toMatchObject({
      requestId: 'req-7',
      errors: [{ pointer: '/apiKey', detail: 'key_refused happened' }],
    });
  });

  it('gives no pointer into another system’s document, as it would be read as one into the body', () => {
    const malformed = new UpstreamError('source', { ...error('model_malformed'), pointer: '/entities/0', retryable: false });
    expect(problemOf(malformed).body.errors).toBeUndefined();
  });

  it('hides addresses in what it names, and cuts it', () => {
    const { body } = problemOf(
      new NotFoundError({ ...error('segment_unknown'), message: `${'long '.repeat(399)}ada@example.com is unknown` }),
    );
    expect(body.detail).toMatch(/long \(addr…$/);
  });

  /** What a caller makes up: the name of a field, as long as the largest body. */
  const refused = (input: unknown) => {
    try {
      return parseInput(z.strictObject({ name: z.string().optional(), map: z.record(z.string(), z.int()).optional() }), input);
    } catch (thrown) {
      return problemOf(thrown).body;
    }
  };

  it.each(['x', '.', '@', '1', '“', ' ', 'a@b '])('answers a field named by many %j in time', (part) => {
    const growth = growthOf((length) => {
      const input = { [part.repeat(length / part.length)]: 1 };
      return () => void refused(input);
    });
    expect(growth).toBeLessThan(1.6);
  });

  it.each([
    ['unknown', (name: string) => ({ [name]: 1 })],
    ['wrong', (name: string) => ({ map: { [name]: 'x' } })],
  ])('names an %s field by its beginning, without an address', (_, inputOf) => {
    expect(JSON.stringify(refused(inputOf('x'.repeat(1_000_000)))).length).toBeLessThan(1_000);
    expect(JSON.stringify(refused(inputOf(`${'x'.repeat(95)}@example.com`)))).not.toMatch(/xxxx/);
  });

  it('says when to come back, in whole seconds', () => {
    const away = (retryAfterMs?: number) => new UpstreamError('klaviyo', { ...error('throttled'), retryable: true, retryAfterMs });
    expect(problemOf(away(1_200)).headers['retry-after']).toBe('2');
    expect(problemOf(away()).headers['retry-after']).toBe('5');
  });

  it('names what stands in the way', () => {
    const exports = [{ id: 'exp_1', name: 'VIP' }];
    expect(problemOf(new ConflictError({ ...error('connection_in_use'), details: { exports } })).body.details).toEqual({ exports });
  });
});
