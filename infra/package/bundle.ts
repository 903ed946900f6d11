import { isBuiltin } from 'node:module';
import { build } from 'esbuild';
import type { Metafile } from './packages';

/** Entry and result lie where the compiled ones do, so that what looks beside itself finds the same there. */
export const ENTRY = 'functions/index.ts';
export const MAIN = 'functions/index.js';

/** What the bundle asks for at run time and does not hold. */
export const EXTERNAL = [
  '@azure/functions-core', // exists inside the host's worker only
  'supports-color', // the package `debug` tries it and does without
  'swagger-ui-dist/package.json', // where the page of the API finds its parts outside a package; in one they lie beside the bundle
];

/**
 * Bundles the app into one CommonJS file for Node 24, with its source map.
 * White space goes, a third of the bytes that a new instance fetches. Names stay, as errors and logs show them; short ones load no faster
 * (measured). What is required inside a function, as the telemetry's exporter is, runs when that asks for it and not before. The map goes
 * without the text of the files: that is in the repository.
 * @param root the project's folder; nothing of its path gets into the result
 * @throws Error with esbuild's words when something cannot be resolved or deserves a warning
 */
export const bundleApp = async (root: string): Promise<{ files: Map<string, Uint8Array>; metafile: Metafile }> => {
  const { outputFiles, metafile, warnings } = await build({
    absWorkingDir: root,
    entryPoints: [ENTRY],
    outfile: MAIN,
    write: false,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    external: EXTERNAL,
    preserveSymlinks: true, // node_modules may be a link: paths stay below our folder
    sourcemap: 'linked',
    sourcesContent: false,
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none', // the notice of all licences lies beside the bundle
    metafile: true,
    logLevel: 'silent',
  });
  if (warnings.length > 0)
    throw new Error(`esbuild warns:\n${warnings.map(({ text, location }) => `${location?.file ?? ''} ${text}`).join('\n')}`);
  return { files: new Map(outputFiles.map((file) => [file.path, file.contents])), metafile };
};

/** What the bundle leaves to others: whatever is not one of Node's own modules. @returns sorted, each once */
export const leftOut = ({ outputs }: Metafile): string[] => {
  const found = Object.values(outputs)
    .flatMap(({ imports }) => imports)
    .filter(({ external, path }) => external && !isBuiltin(path))
    .map(({ path }) => path);
  return [...new Set(found)].sort();
};
