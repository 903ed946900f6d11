// How the bundler reads our own files: see direct-imports.mjs for the first half.
import fs from 'node:fs';
import path from 'node:path';
import { createPlaceOf, rewriteImports } from './direct-imports.mjs';

/**
 * esbuild makes a chunk of its own for every set of entry points that share something: with a dozen pages the first load falls into fifty
 * small files. So every page is made to reach all of the first load: that is one set then, and one file, which each page finds loaded.
 * @param folder of our own files
 * @param root where node_modules lies
 * @param first files below the folder that are loaded before anything else, with all that they import
 */
export const ownFiles = ({ folder, root, first }) => ({
  name: 'own-files',
  setup: (build) => {
    const placeOf = createPlaceOf(root);
    build.onLoad({ filter: /\.tsx?$/ }, ({ path: file }) => {
      if (!file.startsWith(folder + path.sep)) return undefined;
      const own = path.relative(folder, file).split(path.sep).join('/');
      const reached = own.startsWith('pages/') || own === 'main.tsx' ? first.filter((one) => one !== own) : [];
      // at the end, where an import counts as well: no line moves
      const imports = reached.map((one) => `import ${JSON.stringify(path.join(folder, one))};`).join(' ');
      const contents = `${rewriteImports(fs.readFileSync(file, 'utf8'), placeOf)}\n${imports}\n`;
      return { contents, loader: file.endsWith('x') ? 'tsx' : 'ts' };
    });
  },
});
