import { readFileSync } from 'node:fs';
import path from 'node:path';
import { SETTING_NAMES } from '../../../shared/env';
import { allRoutes } from '../all-routes';

/** What the code needs of Azure, read from the code. */
export interface Product {
  readonly settings: readonly string[];
  readonly tables: readonly string[];
  readonly queues: readonly string[];
  readonly containers: readonly string[];
  /** paths that answer who has not signed in */
  readonly openPaths: readonly string[];
  /** what wrote a blob whose event counts */
  readonly eventApis: readonly string[];
  readonly functions: readonly string[];
}

const root = path.resolve(__dirname, '../../..');
const text = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const all = (pattern: RegExp, source: string): string[] => [...source.matchAll(pattern)].map(([, found]) => found!).sort();

export const readProduct = (): Product => {
  const services = text('shared/services.ts');
  const apis = /WRITTEN_BY = new Set\(\[([^\]]*)\]\)/.exec(text('shared/requests/export-request.ts'))?.[1] ?? '';
  const triggers = ['advance-run', 'export-requests', 'export-starts', 'poison']
    .map((name) => text(`functions/queue/${name}.ts`))
    .join('\n');
  return {
    settings: SETTING_NAMES,
    tables: all(/storage\.table\('([^']+)'/g, services),
    queues: all(/storage\.queue\('([^']+)'/g, services),
    containers: all(/storage\.container\('([^']+)'/g, services),
    openPaths: allRoutes()
      .definitions.filter(({ who }) => who === 'open')
      .map((route) => `/${route.path}`),
    eventApis: all(/'([^']+)'/g, apis),
    functions: all(/app\.storageQueue\('([^']+)'/g, triggers),
  };
};
