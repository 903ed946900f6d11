import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { DeliveredPackage } from './packages';

const LICENSE_FILE = /^(licen[cs]e|notice|copying|copyright)([.-].*)?$/i;
const RULE = '-'.repeat(78);

/** What a package says of its licence, in full; most ask for just that wherever their code goes. */
const textsOf = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => LICENSE_FILE.test(name) && !/\.(js|ts|json|map)$/.test(name))
    .sort()
    .map((name) => readFileSync(path.join(folder, name), 'utf8').replaceAll('\r\n', '\n').trim());

/**
 * The notice of all that others have written and that is delivered with the app.
 * @param root where the packages' folders are relative to
 */
export const noticesOf = (packages: readonly DeliveredPackage[], root: string): string => {
  const head =
    'This package holds, beside its own code (see LICENSE), parts of the packages below: under these licences, each in its words.';
  const parts = packages.map(({ name, version, license, folders }) => {
    const texts = textsOf(path.join(root, folders[0]!));
    const words = texts.length > 0 ? texts.join('\n\n') : `The package carries no text of its licence, which it names: ${license}.`;
    return `${RULE}\n${name} ${version} (${license})\n${RULE}\n\n${words}\n`;
  });
  return `${head}\n\n${parts.join('\n')}`;
};
