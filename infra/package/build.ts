import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { bomOf, type Described } from './bom';
import { keepBudgets, type Sizes } from './budgets';
import { bundleApp, MAIN } from './bundle';
import { DOCS_PACKAGE, readContents } from './contents';
import { noticesOf } from './notices';
import { bytesByPackage, deliveredPackages, type Metafile, packageFolders } from './packages';
import { zipOf } from './zip';

export interface BuiltPackage {
  readonly sizes: Sizes;
  /** of the zip, hexadecimal */
  readonly sha256: string;
  readonly packageCount: number;
}

const readJson = <T>(...parts: string[]): T => JSON.parse(readFileSync(path.join(...parts), 'utf8')) as T;

/**
 * Makes what is deployed: `OUT/app`, the same as `OUT/app.zip`, and its bill of materials `OUT/sbom.cdx.json`. The same sources and the same
 * node_modules give the same bytes, in every folder and time zone (compressed pages excepted where Node's zlib differs: another version of
 * Node, another kind of processor).
 * @param root the project's folder, built: the pages of the portal are taken as they lie in dist
 * @throws Error naming what is missing, warned of, too heavy or not to be delivered; OUT is as before then
 */
export const buildPackage = async (root: string, out: string): Promise<BuiltPackage> => {
  const project = readJson<Described>(root, 'package.json');
  const { files: bundled, metafile } = await bundleApp(root);
  const contents = readContents(root, project);
  for (const [file, bytes] of bundled) contents.set(path.relative(root, file).split(path.sep).join('/'), bytes);

  const portal = readJson<Metafile>(root, 'dist', 'functions', 'portal', 'metafile.json');
  const packages = deliveredPackages({ app: packageFolders(metafile), portal: packageFolders(portal), docs: [DOCS_PACKAGE] }, root);
  const bom = bomOf(project, packages);
  contents.set('THIRD-PARTY-NOTICES.txt', Buffer.from(noticesOf(packages, root)));

  const zip = zipOf(contents);
  const sizes = {
    main: contents.get(MAIN)!.length,
    zip: zip.length,
    unpacked: [...contents.values()].reduce((sum, { length }) => sum + length, 0),
  };
  keepBudgets(sizes, bytesByPackage(metafile));

  rmSync(path.join(out, 'app'), { recursive: true, force: true });
  for (const [name, bytes] of contents) {
    const file = path.join(out, 'app', name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
  writeFileSync(path.join(out, 'app.zip'), zip);
  writeFileSync(path.join(out, 'sbom.cdx.json'), bom);
  return { sizes, sha256: createHash('sha256').update(zip).digest('hex'), packageCount: packages.length };
};
