// Builds the portal's pages: functions/portal/app -> dist/functions/portal/app, hashed assets with their compressed twins and a manifest.
// Run by infra/setup.mjs after its inputs changed; alone: node infra/portal/build.mjs
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import esbuild from 'esbuild';
import { compiledMessages } from './compiled-messages.mjs';
import { FIRST_LOAD_BUDGET, firstLoad, kilobytes, laterLoads, outputOf, overBudget, PAGE_BUDGET, withImports } from './first-load.mjs';
import { ownFiles } from './own-files.mjs';

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const app = path.join(root, 'functions', 'portal', 'app');
const out = path.join(root, 'dist', 'functions', 'portal', 'app');
/** esbuild's record of what stands in which file, for the bill of materials (infra/package); beside the pages, not served. */
const record = path.join(path.dirname(out), 'metafile.json');
const brotli = promisify(zlib.brotliCompress);
const gzip = promisify(zlib.gzip);

const types = { '.js': 'text/javascript; charset=utf-8', '.map': 'application/json', '.svg': 'image/svg+xml' };

/** Each file in messages/ is a language: a new one needs no other line. */
const languages = () =>
  fs
    .readdirSync(path.join(app, 'messages'))
    .map((file) => /^([a-z]{2,3}(?:-[A-Za-z0-9]+)*)\.ts$/.exec(file)?.[1])
    .filter(Boolean);

const writeTwins = async (file) => {
  const bytes = fs.readFileSync(file);
  const [small, zipped] = await Promise.all([
    brotli(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 11, [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
    gzip(bytes, { level: 9 }),
  ]);
  fs.writeFileSync(`${file}.br`, small);
  fs.writeFileSync(`${file}.gz`, zipped);
  return small.length;
};

const common = {
  absWorkingDir: root,
  preserveSymlinks: true, // paths below our folder, wherever node_modules really lies: names of files are hashes over them, too
  bundle: true,
  target: 'es2022',
  minify: true,
  jsx: 'automatic',
  legalComments: 'none',
  tsconfig: path.join(app, 'tsconfig.json'),
  define: { 'process.env.NODE_ENV': '"production"', LANGUAGES: JSON.stringify(languages()) },
  logLevel: 'warning',
};

/** The page that most people see first. */
const HOME = 'pages/exports/exports-page.tsx';
const source = (file) => `functions/portal/app/${file}`;

/**
 * Holds what loads before the first interaction, and what each page adds to that, against their budgets.
 * @param sizeOf bytes of an output over the wire
 * @returns the first load
 * @throws Error naming what is too heavy, and what weighs most in it
 */
const keepBudgets = (metafile, sizeOf) => {
  const first = firstLoad(metafile, {
    entry: source('main.tsx'),
    languages: languages().map((code) => source(`messages/${code}.ts`)),
    home: source(HOME),
    sizeOf,
  });
  const later = Object.values(metafile.outputs)
    .map(({ entryPoint }) => entryPoint)
    .filter((file) => file?.startsWith(source('')) && !file.startsWith(source('messages/')) && file !== source('main.tsx'));
  const pages = laterLoads(metafile, { sources: later, loaded: first.files, sizeOf });
  const loads = [
    { what: 'What loads before the first interaction', ...first, budget: FIRST_LOAD_BUDGET },
    ...Object.entries(pages).map(([what, load]) => ({ what, ...load, budget: PAGE_BUDGET })),
  ];
  const tooHeavy = overBudget(loads, sizeOf);
  if (tooHeavy.length > 0) throw new Error(tooHeavy.join('\n'));
  return first;
};

/** Pattern and source of each page, in the order in which routes.tsx tries them. */
const routes = () => {
  const text = fs.readFileSync(path.join(app, 'routes.tsx'), 'utf8');
  const found = [...text.matchAll(/\bpath: '([^']+)'[^]*?\bimport\('\.\/([^']+)'\)/g)];
  if (found.length !== text.split('import(').length - 1) throw new Error('routes.tsx has a page that could not be read: see build.mjs');
  return found.map(([, pattern, file]) => [pattern, source(`${file}.tsx`)]);
};

/** The script in the head of the page, with the names of the files that it is to load early. */
const earlyScript = async (metafile, address) => {
  const loaded = withImports(metafile, outputOf(metafile, source('main.tsx')));
  const filesOf = (file) =>
    withImports(metafile, outputOf(metafile, file))
      .filter((one) => !loaded.includes(one))
      .map(address);
  const early = {
    languages: Object.fromEntries(languages().map((code) => [code, filesOf(source(`messages/${code}.ts`))])),
    pages: routes().map(([pattern, file]) => [pattern, filesOf(file)]),
  };
  const built = await esbuild.build({
    ...common,
    entryPoints: [path.join(app, 'early.ts')],
    format: 'iife',
    write: false,
    metafile: true,
    define: { ...common.define, EARLY: JSON.stringify(early) },
  });
  return { script: built.outputFiles[0].text.trim(), inPage: built.metafile.outputs };
};

/**
 * Builds everything anew.
 * @returns what is served, as manifest.json says
 * @throws Error with esbuild's messages when a source is wrong; naming what is too heavy when a budget is exceeded
 */
export const buildPortal = async () => {
  fs.rmSync(out, { recursive: true, force: true });
  const { metafile } = await esbuild.build({
    ...common,
    entryPoints: { main: path.join(app, 'main.tsx') },
    outdir: path.join(out, 'assets'),
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    splitting: true,
    format: 'esm',
    sourcemap: 'linked',
    metafile: true,
    plugins: [compiledMessages({ folder: app }), ownFiles({ folder: app, root, first: ['app.tsx', HOME] })],
  });
  const name = (file) => path.relative(out, path.join(root, file)).split(path.sep).join('/');
  const outputs = Object.keys(metafile.outputs);
  const scripts = outputs.filter((file) => file.endsWith('.js'));
  const sizes = Object.fromEntries(await Promise.all(scripts.map(async (file) => [file, await writeTwins(path.join(root, file))])));
  const budget = keepBudgets(metafile, (file) => sizes[file]);
  const entry = outputOf(metafile, source('main.tsx'));
  const first = withImports(metafile, entry);
  const address = (file) => `/portal/${name(file)}`;
  const { script, inPage } = await earlyScript(metafile, address);
  const head = [
    `<script nonce="__NONCE__">${script}</script>`,
    ...first.map((file) => `<link rel="modulepreload" href="${address(file)}" nonce="__NONCE__" />`),
    `<script type="module" src="${address(entry)}" nonce="__NONCE__"></script>`,
  ];
  const index = fs.readFileSync(path.join(app, 'index.html'), 'utf8').replace('<!-- assets -->', () => head.join('\n    '));
  fs.writeFileSync(path.join(out, 'index.html'), index);
  const described = (file) => ({ type: types[path.extname(file)], ...(sizes[file] === undefined ? {} : { brotliBytes: sizes[file] }) });
  const manifest = {
    index: 'index.html',
    files: Object.fromEntries(outputs.map((file) => [name(file), described(file)])),
    firstLoad: { bytes: budget.bytes, budget: FIRST_LOAD_BUDGET, files: budget.files.map(name) },
  };
  fs.writeFileSync(record, JSON.stringify({ outputs: { ...inPage, ...metafile.outputs } }));
  fs.writeFileSync(path.join(out, 'manifest.json'), JSON.stringify(manifest));
  return manifest;
};

/** What the build says of the first load. @param manifest of {@link buildPortal} */
export const firstLoadSentence = ({ firstLoad: { bytes, budget } }) =>
  `the portal loads ${kilobytes(bytes)} of JavaScript before the first interaction; ${kilobytes(budget)} are allowed`;

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(`${firstLoadSentence(await buildPortal())}\n`);
