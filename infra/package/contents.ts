import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Described } from './bom';
import { MAIN } from './bundle';

/** What of swagger-ui-dist the page of the API loads, and the licences of what is in its bundle. */
const DOCS_FILES = ['package.json', 'swagger-ui.css', 'swagger-ui-bundle.js', 'swagger-ui-bundle.js.LICENSE.txt', 'favicon-32x32.png'];
/** Where the package that the page of the API is made of lies. */
export const DOCS_PACKAGE = 'node_modules/swagger-ui-dist';

interface PortalManifest {
  readonly index: string;
  readonly files: Readonly<Record<string, { readonly brotliBytes?: number }>>;
}

/** Only a developer's browser asks for maps, they make up half of the zip, and each new instance fetches the zip before it answers. */
const isMap = (file: string): boolean => file.endsWith('.map');

/**
 * The built pages: what their manifest names, without maps, and the compressed twins. Other things may lie in that folder: what tests take
 * of the pages' sources is compiled into it.
 */
const readPages = (folder: string): (readonly [string, Uint8Array])[] => {
  const manifest = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as PortalManifest;
  const served = Object.entries(manifest.files).filter(([file]) => !isMap(file));
  const names = served.flatMap(([file, { brotliBytes }]) => (brotliBytes === undefined ? [file] : [file, `${file}.br`, `${file}.gz`]));
  return [
    ['manifest.json', Buffer.from(JSON.stringify({ ...manifest, files: Object.fromEntries(served) }))],
    ...[manifest.index, ...names].map((file) => [file, readFileSync(path.join(folder, file))] as const),
  ];
};

/** The package.json of what is deployed: nothing is to be installed or built there, so it names neither dependencies nor scripts. */
const manifestOf = ({ name, version, description, license }: Described): string =>
  `${JSON.stringify({ name, version, description, license, private: true, main: MAIN, engines: { node: '>=24' } }, undefined, 2)}\n`;

/**
 * Everything that the app reads at run time beside its bundle: pages of the portal, parts of the API's page, and the host's own two files.
 * @param root the project's folder, built
 * @returns contents by path in the package
 */
export const readContents = (root: string, project: Described): Map<string, Uint8Array> => {
  const read = (...parts: string[]): Uint8Array => readFileSync(path.join(root, ...parts));
  return new Map<string, Uint8Array>([
    ['host.json', read('host.json')],
    ['package.json', Buffer.from(manifestOf(project))],
    ['LICENSE', read('LICENSE')],
    ...readPages(path.join(root, 'dist', 'functions', 'portal', 'app')).map(
      ([file, bytes]) => [`functions/portal/app/${file}`, bytes] as const,
    ),
    ...DOCS_FILES.map((file) => [`functions/swagger-ui/${file}`, read(DOCS_PACKAGE, file)] as const),
  ]);
};
