import { buildModule } from './build-module';

const evaluate = buildModule('first-load.mjs', 'const sizeOf = (file) => given.sizes[file]');

const to = (target: string, kind = 'import-statement') => ({ path: target, kind });
const lazily = (target: string) => to(target, 'dynamic-import');
/** main → react, theme ⇄ react; the pages and languages come lazily; both pages share the table, the second one has charts of its own. */
const outputs = {
  'main.js': {
    entryPoint: 'app/main.tsx',
    imports: [to('react.js'), to('theme.js'), lazily('home.js'), lazily('other.js'), lazily('en.js'), lazily('fr.js')],
  },
  'react.js': { imports: [to('theme.js')] },
  'theme.js': { imports: [to('react.js')] },
  'home.js': { entryPoint: 'app/home.tsx', imports: [to('table.js'), to('react.js'), lazily('chart.js')] },
  'other.js': { entryPoint: 'app/other.tsx', imports: [to('table.js'), to('chart.js')] },
  'table.js': { imports: [to('react.js')] },
  'chart.js': { entryPoint: 'app/chart.tsx', imports: [] },
  'en.js': { entryPoint: 'app/en.ts', imports: [] },
  'fr.js': { entryPoint: 'app/fr.ts', imports: [] },
  'main.js.map': { imports: [] },
};
const sizes = {
  'main.js': 1,
  'react.js': 10,
  'theme.js': 100,
  'home.js': 1_000,
  'table.js': 10_000,
  'en.js': 2,
  'fr.js': 3,
  'chart.js': 500_000,
  'other.js': 7,
};
const first =
  "it.firstLoad({ outputs: given.outputs }, { entry: 'app/main.tsx', home: 'app/home.tsx', languages: ['app/en.ts', 'app/fr.ts'], sizeOf })";

it('counts the entry, the home page, the larger language and what they import, each once; nothing that comes later', () => {
  const { files, bytes } = evaluate<{ files: string[]; bytes: number }>(first, { outputs, sizes });
  expect(files.sort()).toEqual(['fr.js', 'home.js', 'main.js', 'react.js', 'table.js', 'theme.js']);
  expect(bytes).toBe(11_114);
});

it('counts what a page adds to that', () => {
  const expression = `it.laterLoads({ outputs: given.outputs }, { sources: ['app/other.tsx'], loaded: ${first}.files, sizeOf })`;
  expect(evaluate(expression, { outputs, sizes })).toEqual({ 'app/other.tsx': { files: ['other.js', 'chart.js'], bytes: 500_007 } });
});

it('refuses to count without the home page: one that is no chunk of its own would weigh nothing', () => {
  const { 'home.js': _home, ...rest } = outputs;
  expect(() => evaluate(first, { outputs: rest, sizes })).toThrow('app/home.tsx is no chunk of its own');
});

it('says what is too heavy, and what weighs most in it', () => {
  const loads = [
    { what: 'The first page', bytes: 250 * 1_024 + 1, budget: 250 * 1_024, files: ['app/assets/a.js', 'app/assets/b.js'] },
    { what: 'A page', bytes: 250 * 1_024, budget: 250 * 1_024, files: [] },
  ];
  const given = { loads, sizes: { 'app/assets/a.js': 1_024, 'app/assets/b.js': 255_000 } };
  expect(evaluate('it.overBudget(given.loads, sizeOf)', given)).toEqual([
    'The first page takes 250.0 KB of JavaScript, 250.0 KB are allowed; most of it: b.js 249.0 KB, a.js 1.0 KB',
  ]);
  expect(evaluate('it.FIRST_LOAD_BUDGET', given)).toBe(256_000);
});
