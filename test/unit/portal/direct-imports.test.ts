import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { buildModule } from './build-module';

const root = path.resolve(__dirname, '../../..');
const evaluate = buildModule(
  'direct-imports.mjs',
  "const placeOf = (index, name) => ({ from: index + '/' + name.toLowerCase()[0], name: given[name] ?? name })",
);

it('imports from where things are defined, and leaves lines and everything else as they were', () => {
  const source = `import {
  Apple, // an apple
  type Avocado,
  Banana as Yellow,
  Almond,
} from '@fluentui/react-components';
import type { Cherry } from '@fluentui/react-components';
import { useState } from 'react';
import { Add } from '@fluentui/react-icons';
const text = "import { Apple } from '@fluentui/react-components';";`;
  expect(evaluate<string>('it.rewriteImports(given.source, placeOf)', { source, Almond: 'Nut' }).split('\n')).toEqual([
    "import { Apple, Nut as Almond } from '@fluentui/react-components/a'; import { Banana as Yellow } from '@fluentui/react-components/b';",
    ...Array<string>(5).fill(''),
    "import type { Cherry } from '@fluentui/react-components';",
    "import { useState } from 'react';",
    "import { Add } from '@fluentui/react-icons/a';",
    'const text = "import { Apple } from \'@fluentui/react-components\';";',
  ]);
});

it('reads what an index passes on', () => {
  const index = `// Utilities
export { one, two as deux } from "@x/a";
export { // kept for others
three } from '@x/b';
export * from '@x/c';`;
  expect(evaluate('[...it.readIndex(given.index)]', { index })).toEqual([
    ['one', { from: '@x/a', name: 'one' }],
    ['deux', { from: '@x/a', name: 'two' }],
    ['three', { from: '@x/b', name: 'three' }],
  ]);
});

it('finds the file of each icon that the portal uses', () => {
  const app = path.join(root, 'functions/portal/app');
  const files = globSync('**/*.tsx', { cwd: app }).map((file) => readFileSync(path.join(app, file), 'utf8'));
  const lists = files.flatMap((text) =>
    [...text.matchAll(/^import\s*\{([^}]*)\}\s*from '@fluentui\/react-icons'/gm)].map(([, list]) => list!),
  );
  const icons = [...new Set(lists.flatMap((list) => list.split(',').map((name) => name.trim().split(' as ')[0]!)))].filter((name) =>
    /^\w+$/.test(name),
  );
  expect(icons.length).toBeGreaterThan(5);
  const found = evaluate<string[]>('given.icons.map(it.iconFileOf)', { icons });
  const missing = icons.filter((name, index) => {
    const file = path.join(root, 'node_modules/@fluentui/react-icons/lib/atoms/svg', `${found[index]}.js`);
    return !existsSync(file) || !readFileSync(file, 'utf8').includes(`export const ${name} `);
  });
  expect(missing).toEqual([]);
});
