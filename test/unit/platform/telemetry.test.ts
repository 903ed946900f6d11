import { errorFields, framesOf, withoutText } from '../../../shared/platform/telemetry';

const ADDRESS = 'grace.hopper@example.com';

const thrownBy = (work: () => unknown): Error => {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not throw');
};

/** Errors whose text quotes what was read or sent, as the platform's own do. */
const quoting: [string, () => Error][] = [
  ['JSON.parse', () => thrownBy(() => JSON.parse(`${ADDRESS}`))],
  ['URL', () => thrownBy(() => new URL(`${ADDRESS}/x`))],
  ['a message that looks at a person', () => new Error(`Looked at ${ADDRESS}`)],
  ['a message of several lines', () => new Error(`Bad row\n    at ${ADDRESS}:1:2\n    at x (${ADDRESS}:1:2)`)],
  ['a message that looks like a place', () => new Error('Bad row\n    at Grace (Hopper:1:2)')],
  ['a cause', () => new Error('outer', { cause: new Error(ADDRESS) })],
];

describe.each(quoting)('an error by %s', (_, make) => {
  it('is told of by class and place alone', () => {
    const fields = errorFields(make());
    expect(JSON.stringify(fields)).not.toMatch(/hopper/i);
    expect(fields).toMatchObject({
      at: expect.stringMatching(/^at (?:.*telemetry\.test\.ts|new URL .node:internal.*):\d+:\d+\)?$/) as string,
    });
  });

  it('reaches the host without its text', () => {
    const { message, stack, cause } = withoutText(make());
    expect([message, stack, cause].join('\n')).not.toMatch(/hopper/i);
    expect(stack).toMatch(/\n {4}at .*telemetry\.test\.ts/);
  });
});

it('what was thrown and is no error is told of by its type', () => {
  expect(errorFields(ADDRESS)).toEqual({ error: 'string' });
  expect(withoutText(ADDRESS).message).toBe('string; the app’s log says more.');
  expect(framesOf({ message: 'no stack' })).toEqual([]);
});
