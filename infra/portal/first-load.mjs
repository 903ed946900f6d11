// What a browser must have loaded before somebody can do anything, from esbuild's metafile: pure functions, see build.mjs.

/** 250 KB of compressed JavaScript before the first interaction, in bytes. */
export const FIRST_LOAD_BUDGET = 250 * 1_024;
/** What a page may add when somebody goes there, charts included; beyond it the page feels like another start. */
export const PAGE_BUDGET = 150 * 1_024;

/**
 * A chunk and all that it imports statically, each once.
 * @param metafile of esbuild
 * @param file an output's path, as in the metafile
 * @returns {string[]} paths of outputs, the file itself first
 */
export const withImports = ({ outputs }, file) => {
  const found = new Set();
  const visit = (one) => {
    if (found.has(one) || outputs[one] === undefined) return;
    found.add(one);
    for (const { path, kind } of outputs[one].imports) if (kind === 'import-statement') visit(path);
  };
  visit(file);
  return [...found];
};

/**
 * The output that a source file became. A lazily imported file is an entry point of its own in esbuild's eyes.
 * @throws Error when there is none: the budget would be held against too little
 */
export const outputOf = ({ outputs }, source) => {
  const found = Object.keys(outputs).find((file) => outputs[file].entryPoint === source);
  if (found === undefined) throw new Error(`${source} is no chunk of its own: is it imported lazily where it was before?`);
  return found;
};

const sumOf = (files, sizeOf) => files.reduce((sum, file) => sum + sizeOf(file), 0);

/**
 * Everything that loads before the first interaction: the entry, the largest of the languages, the home page, and their static imports.
 * @param {{ entry: string, languages: string[], home: string, sizeOf: (file: string) => number }} options sources, and the bytes of an output as they go over the wire
 * @returns {{ files: string[], bytes: number }} paths of outputs and their sum
 */
export const firstLoad = (metafile, { entry, languages, home, sizeOf }) => {
  const always = [entry, home].flatMap((source) => withImports(metafile, outputOf(metafile, source)));
  const variants = languages.map((source) => {
    const files = [...new Set([...always, ...withImports(metafile, outputOf(metafile, source))])];
    return { files, bytes: sumOf(files, sizeOf) };
  });
  return variants.sort((one, other) => other.bytes - one.bytes)[0];
};

/**
 * What each lazily imported file adds to what is there by then.
 * @returns {Record<string, { files: string[], bytes: number }>} by source
 */
export const laterLoads = (metafile, { sources, loaded, sizeOf }) =>
  Object.fromEntries(
    sources.map((source) => {
      const files = withImports(metafile, outputOf(metafile, source)).filter((file) => !loaded.includes(file));
      return [source, { files, bytes: sumOf(files, sizeOf) }];
    }),
  );

export const kilobytes = (bytes) => `${(bytes / 1_024).toFixed(1)} KB`;

/**
 * @param loads what is loaded and what it may weigh
 * @returns {string[]} a sentence for each that is too heavy, its heaviest files first
 */
export const overBudget = (loads, sizeOf) =>
  loads
    .filter(({ bytes, budget }) => bytes > budget)
    .map(({ what, bytes, budget, files }) => {
      const heaviest = [...files].sort((one, other) => sizeOf(other) - sizeOf(one)).slice(0, 5);
      return `${what} takes ${kilobytes(bytes)} of JavaScript, ${kilobytes(budget)} are allowed; most of it: ${heaviest
        .map((file) => `${file.split('/').at(-1)} ${kilobytes(sizeOf(file))}`)
        .join(', ')}`;
    });
