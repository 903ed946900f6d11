// esbuild puts a file into every chunk whose entry point can reach it, and an index that passes on everything reaches everything: what a
// single late page uses of Fluent UI would be loaded before the first. Here our files import from where a thing is defined.
import fs from 'node:fs';
import path from 'node:path';

const COMPONENTS = '@fluentui/react-components';
const ICONS = '@fluentui/react-icons';
const IMPORT = /^import\s*\{([^}]*)\}\s*from\s*'(@fluentui\/react-(?:components|icons))';/gm;

/** `A`, `A as B`, `type C` → [{ name: 'A', as: 'A' }, { name: 'A', as: 'B' }]; types are gone by then. */
const namesOf = (list) =>
  list
    .replaceAll(/\/\/.*$/gm, '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '' && !one.startsWith('type '))
    .map((one) => {
      const [name, as = name] = one.split(/\s+as\s+/);
      return { name, as };
    });

/**
 * Which package defines what an index passes on.
 * @param text of the index
 * @returns {Map<string, { from: string, name: string }>} by the name that the index gives it
 */
export const readIndex = (text) =>
  new Map(
    [...text.matchAll(/export\s*\{([^}]*)\}\s*from\s*["']([^"']+)["']/g)].flatMap(([, list, from]) =>
      namesOf(list).map(({ name, as }) => [as, { from, name }]),
    ),
  );

/** AddRegular, Add20Filled → add; ArrowExportUpRegular → arrow-export-up. */
export const iconFileOf = (name) =>
  name
    .replace(/\d*(Regular|Filled|Color|Light)$/, '')
    .replaceAll(/([a-z0-9])([A-Z])|([A-Za-z])(?=\d)/g, (_, before, letter, other) =>
      other === undefined ? `${before}-${letter}` : `${other}-`,
    )
    .toLowerCase();

/**
 * A source whose imports name the defining packages. Lines stay where they were.
 * @param placeOf (package, name) → { from, name }
 */
export const rewriteImports = (source, placeOf) =>
  source.replaceAll(IMPORT, (whole, list, index) => {
    const byPlace = new Map(); // Node 20 builds, too: no Map.groupBy
    for (const { name, as } of namesOf(list)) {
      const { from, name: there } = placeOf(index, name);
      byPlace.set(from, [...(byPlace.get(from) ?? []), there === as ? there : `${there} as ${as}`]);
    }
    const statements = [...byPlace].map(([from, names]) => `import { ${names.join(', ')} } from '${from}';`);
    return statements.join(' ') + '\n'.repeat(whole.split('\n').length - 1);
  });

/** @param root where node_modules lies. @returns what {@link rewriteImports} needs to know of the packages there */
export const createPlaceOf = (root) => {
  const inPackage = (name, ...parts) => path.join(root, 'node_modules', name, ...parts);
  const components = readIndex(fs.readFileSync(inPackage(COMPONENTS, 'lib', 'index.js'), 'utf8'));
  return (index, name) => {
    if (index === COMPONENTS) {
      const place = components.get(name);
      if (place === undefined) throw new Error(`${COMPONENTS} has no ${name}`);
      return place;
    }
    const file = inPackage(ICONS, 'lib', 'atoms', 'svg', `${iconFileOf(name)}.js`);
    const isThere = fs.existsSync(file) && fs.readFileSync(file, 'utf8').includes(`export const ${name} `);
    return { from: isThere ? `${ICONS}/svg/${iconFileOf(name)}` : ICONS, name };
  };
};
