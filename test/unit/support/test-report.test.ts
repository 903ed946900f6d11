import { addOutcomes, checkOutcome, closingLine, isSuccess, jestOutcome, noOutcome, skippedLines } from '../../support/test-report';

const aTest = (status: string, fullName = `a test that is ${status}`, failureMessages: string[] = []) => ({
  fullName,
  status,
  failureMessages,
});
const aFile = (tests: object[], more: object = {}) => ({
  name: '/top/test/unit/a.test.ts',
  status: 'passed',
  message: '',
  assertionResults: tests,
  ...more,
});
const outcomeOf = (files: object[], exitCode = 0) => jestOutcome('unit', exitCode, { testResults: files, other: 1 }, '/top');

describe('the report of npm test', () => {
  it('counts what passed, failed and was skipped', () => {
    const outcome = outcomeOf([aFile([aTest('passed'), aTest('failed', 'sums', ['1 is not 2']), aTest('pending'), aTest('todo')])], 1);
    expect(closingLine(outcome)).toBe('1 passed, 1 failed, 2 skipped');
    expect(outcome.failures).toEqual([{ title: 'test/unit/a.test.ts › sums', text: '1 is not 2' }]);
    expect(outcome.testsRun).toBe(2);
  });

  it('leaves out the skipped where there are none', () => {
    expect(closingLine(addOutcomes([checkOutcome('lint'), outcomeOf([aFile([aTest('passed')])])]))).toBe('2 passed, 0 failed');
  });

  it('says once for a file why its tests were skipped, and counts each of them', () => {
    const names = ['holds', 'is whole'].map((name) => `The contract [skipped because ../shared/klaviyo-openapi is absent] ${name}`);
    const skipped = [...names, 'no mark in it'].map((name) => aTest('pending', name));
    const outcome = addOutcomes([outcomeOf([aFile(skipped)]), outcomeOf([aFile(skipped, { name: '/top/test/b.test.ts' })])]);
    expect(skippedLines(outcome)).toEqual([
      '2 of test/unit/a.test.ts: ../shared/klaviyo-openapi is absent',
      '1 of test/unit/a.test.ts: no reason given',
      '2 of test/b.test.ts: ../shared/klaviyo-openapi is absent',
      '1 of test/b.test.ts: no reason given',
    ]);
    expect(closingLine(outcome)).toBe('0 passed, 0 failed, 6 skipped');
  });

  it('counts a file that does not load as a failure', () => {
    const outcome = outcomeOf([aFile([], { status: 'failed', message: 'Cannot find module' })], 1);
    expect(outcome.failures).toEqual([{ title: 'test/unit/a.test.ts', text: 'Cannot find module' }]);
  });

  it.each([
    ['left no results', jestOutcome('unit', 0, undefined, '/top')],
    ['left something else', jestOutcome('unit', 0, { testResults: 'none' }, '/top')],
    ['ended badly although all passed', outcomeOf([aFile([aTest('passed')])], 1)],
  ])('fails when jest %s', (_, outcome) => {
    expect(outcome.failures).toHaveLength(1);
    expect(isSuccess(outcome)).toBe(false);
  });

  it.each([
    { outcome: outcomeOf([aFile([aTest('passed')])]), success: true },
    { outcome: outcomeOf([]), success: false },
    { outcome: outcomeOf([aFile([aTest('pending')])]), success: false },
    { outcome: addOutcomes([checkOutcome('lint', 'a bad line'), outcomeOf([aFile([aTest('passed')])])]), success: false },
    { outcome: noOutcome, success: false },
  ])('is a success only when something ran and nothing failed ($success)', ({ outcome, success }) => {
    expect(isSuccess(outcome)).toBe(success);
  });

  it('adds failures and skipped tests of all parts in their order', () => {
    const sum = addOutcomes([checkOutcome('format', 'x.ts'), outcomeOf([aFile([aTest('pending')])]), checkOutcome('types')]);
    expect(sum.failures.map(({ title }) => title)).toEqual(['format']);
    expect(closingLine(sum)).toBe('1 passed, 1 failed, 1 skipped');
  });
});
