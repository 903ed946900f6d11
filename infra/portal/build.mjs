// Builds the portal's pages: functions/portal/app -> dist/functions/portal/app, hashed assets with their compressed twins and a manifest.
// Run by infra/setup.mjs after its inputs changed; alone: node infra/portal/build.mjs
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import esbuild from 'esbuild';

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const app = path.join(root, 'functions', 'portal', 'app');
const out = path.join(root, 'dist', 'functions', 'portal', 'app');
const brotli = promisify(zlib.brotliCompress);
const gzip = promisify(zlib.gzip);

const types = { '.js': 'text/javascript; charset=utf-8', '.map': 'application/json', '.svg': 'image/svg+xml' };

/** Each file in messages/ is a language: a new one needs no other line. */
const languages = () =>
  fs
    .readdirSync(path.join(app, 'messages'))
    .map((file) => /^([a-z]{2,3}(?:-[A-Za-z0-9]+)*)\.ts$/.exec(file)?.[1])
    .filter(Boolean);

/** Files that the page loads before it can show anything: the entry and what it imports, and theirs. */
const preloaded = (metafile, entry) => {
  const found = new Set();
  const visit = (file) => {
    if (found.has(file)) return;
    found.add(file);
    for (const { path: imported, kind } of metafile.outputs[file].imports) if (kind === 'import-statement') visit(imported);
  };
  visit(entry);
  return [...found];
};

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

/**
 * Builds everything anew.
 * @returns what is served, as manifest.json says
 * @throws Error with esbuild's messages when a source is wrong
 */
export const buildPortal = async () => {
  fs.rmSync(out, { recursive: true, force: true });
  const { metafile } = await esbuild.build({
    absWorkingDir: root,
    entryPoints: { main: path.join(app, 'main.tsx') },
    outdir: path.join(out, 'assets'),
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    sourcemap: 'linked',
    metafile: true,
    jsx: 'automatic',
    legalComments: 'none',
    tsconfig: path.join(app, 'tsconfig.json'),
    define: { 'process.env.NODE_ENV': '"production"', LANGUAGES: JSON.stringify(languages()) },
    logLevel: 'warning',
  });
  const name = (file) => path.relative(out, path.join(root, file)).split(path.sep).join('/');
  const outputs = Object.keys(metafile.outputs);
  const entry = outputs.find((file) => metafile.outputs[file].entryPoint === 'functions/portal/app/main.tsx');
  const first = preloaded(metafile, entry);
  const sizes = Object.fromEntries(
    await Promise.all(
      outputs.filter((file) => file.endsWith('.js')).map(async (file) => [name(file), await writeTwins(path.join(root, file))]),
    ),
  );
  const links = first.map((file) => `<link rel="modulepreload" href="/portal/${name(file)}" nonce="__NONCE__" />`).join('\n    ');
  const script = `<script type="module" src="/portal/${name(entry)}" nonce="__NONCE__"></script>`;
  const index = fs.readFileSync(path.join(app, 'index.html'), 'utf8').replace('<!-- assets -->', `${links}\n    ${script}`);
  fs.writeFileSync(path.join(out, 'index.html'), index);
  const manifest = {
    index: 'index.html',
    files: Object.fromEntries(outputs.map((file) => [name(file), { type: types[path.extname(file)] }])),
    sizes,
  };
  fs.writeFileSync(path.join(out, 'manifest.json'), JSON.stringify(manifest));
  return manifest;
};

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPortal();
