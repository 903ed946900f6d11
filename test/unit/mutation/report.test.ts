import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { parts } from '../../mutation/parts';
import { sumUp } from '../../mutation/report';

const root = path.resolve(__dirname, '../../..');

const mutant = (status: string, more: object = {}) => ({
  ...{ mutatorName: 'BooleanLiteral', replacement: 'false', status },
  location: { start: { line: 2, column: 11 }, end: { line: 2, column: 15 } },
  ...more,
});
const report = (...mutants: object[]) => ({ schemaVersion: '2', files: { 'a.ts': { source: 'let a;\nconst b = true;\n', mutants } } });

describe('the sum of a mutation report', () => {
  it('counts what a test noticed, and shows what none did', () => {
    expect(sumUp(report(mutant('Killed'), mutant('Timeout'), mutant('Survived'), mutant('NoCoverage')))).toEqual({
      ...{ mutants: 4, caught: 2 },
      survivors: ['a.ts:2  BooleanLiteral: true  ->  false', 'a.ts:2  BooleanLiteral, no test comes here: true  ->  false'],
    });
  });

  it('leaves out of what no program came', () => {
    expect(sumUp(report(mutant('Killed'), mutant('CompileError'), mutant('Ignored')))).toMatchObject({ mutants: 1, caught: 1 });
  });

  it('shows text over several lines as one, not too long', () => {
    const location = { start: { line: 1, column: 1 }, end: { line: 2, column: 6 } };
    const { survivors } = sumUp(
      report(mutant('Survived', { location, replacement: '' }), mutant('Survived', { replacement: 'x'.repeat(99) })),
    );
    expect(survivors[0]).toBe('a.ts:1  BooleanLiteral: let a; const  ->  (nothing)');
    expect(survivors[1]!.length).toBeLessThan(130);
  });

  it('is refused where there is none', () => {
    expect(() => sumUp({ files: { 'a.ts': {} } })).toThrow();
  });
});

describe('the mutated parts', () => {
  it('name files that exist', () => {
    const files = parts.flatMap(({ mutate }) => mutate.filter((file) => !file.includes('*')).map((file) => file.replace('!', '')));
    expect(files.filter((file) => !existsSync(path.join(root, file)))).toEqual([]);
  });

  it('have every test of the sandbox as a witness, but for the snapshot’s', () => {
    const witnesses = readFileSync(path.join(root, 'test/mutation/sandbox.test.ts'), 'utf8');
    const tests = readdirSync(path.join(root, 'test/unit/klaviyo-sandbox')).filter((name) => name.endsWith('.test.ts'));
    const missing = tests.filter((name) => !witnesses.includes(`/klaviyo-sandbox/${name.replace('.ts', '')}'`));
    expect(missing).toEqual(['snapshot.test.ts']);
  });
});
