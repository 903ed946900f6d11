import { readFileSync } from 'node:fs';
import path from 'node:path';

/** What esbuild says of a bundle; the parts that are read. Paths are relative to the project's folder, with forward slashes. */
export interface Metafile {
  readonly outputs: Readonly<
    Record<
      string,
      {
        readonly bytes: number;
        readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>>;
        readonly imports: readonly { readonly path: string; readonly kind: string; readonly external?: boolean }[];
      }
    >
  >;
}

/** Where in the package something lies: in the functions' bundle, the pages of the portal, or the page of the API's description. */
export type Part = 'app' | 'portal' | 'docs';

/** A package of which at least a byte is delivered. */
export interface DeliveredPackage {
  readonly name: string;
  readonly version: string;
  /** as its package.json says */
  readonly license: string;
  /** of package-lock.json: what the registry's file hashes to, `sha512-` and base64 */
  readonly integrity?: string;
  /** where this version lies, at least once, relative to the project's folder, e.g. node_modules/@azure/identity */
  readonly folders: readonly string[];
  readonly parts: readonly Part[];
  /** names of its own dependencies */
  readonly dependencies: readonly string[];
}

interface LockEntry {
  readonly version?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
}
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string | { readonly type?: string };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const PACKAGE = /^((?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+)\//;

/**
 * Folders of the packages of which something stands in a bundle; what was shaken off does not count.
 * @returns e.g. node_modules/zod, sorted
 */
export const packageFolders = ({ outputs }: Metafile): string[] => {
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  const folders = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).flatMap(([file]) => PACKAGE.exec(file)?.[1] ?? []);
  return [...new Set(folders)].sort();
};

/** How much of a bundle each package makes up, in bytes; our own code is among them as "own code". */
export const bytesByPackage = ({ outputs }: Metafile): Map<string, number> => {
  const sums = new Map<string, number>();
  for (const { inputs } of Object.values(outputs)) {
    for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
      const name = PACKAGE.exec(file)?.[1]?.replace(/^.*node_modules\//, '') ?? 'own code';
      sums.set(name, (sums.get(name) ?? 0) + bytesInOutput);
    }
  }
  return sums;
};

/**
 * Every package that is delivered, once per name and version, sorted.
 * @param folders by the part of the delivery, as {@link packageFolders} finds them
 * @param root where package-lock.json and node_modules lie
 * @throws Error naming packages without a licence; those that are none of the app's dependencies but stand in its bundle: nobody would
 * notice when they are updated; those that differ from package-lock.json
 */
export const deliveredPackages = (folders: Readonly<Record<Part, readonly string[]>>, root: string): DeliveredPackage[] => {
  const { packages: lock } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockEntry>;
  };
  const found = new Map<string, DeliveredPackage>();
  const faults: string[] = [];
  for (const [part, list] of Object.entries(folders) as [Part, readonly string[]][]) {
    for (const folder of list) {
      const manifest = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8')) as Manifest;
      const { name, version } = manifest;
      const license = typeof manifest.license === 'object' ? manifest.license.type : manifest.license;
      const locked = lock[folder];
      if (license === undefined) faults.push(`${name} names no licence`);
      if (locked?.version !== version) faults.push(`${folder} is ${version}, package-lock.json says ${locked?.version ?? 'nothing'}`);
      if (part === 'app' && locked?.dev) faults.push(`${name} stands in the app's bundle, but is a development dependency`);
      const key = `${name}@${version}`;
      const before = found.get(key);
      found.set(key, {
        name,
        version,
        license: license ?? '',
        integrity: locked?.integrity,
        folders: [...new Set([...(before?.folders ?? []), folder])],
        parts: [...new Set([...(before?.parts ?? []), part])],
        dependencies: Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).sort(),
      });
    }
  }
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return [...found.entries()].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, one]) => one);
};
