import type { World } from './world';

export interface PageUnderTest {
  /** also the name of its screenshots */
  readonly name: string;
  /** below /portal */
  readonly path: (world: World) => string;
}

/** Every page, in each state that looks different; two halves, for two test files beside each other. */
export const pagesOfExports: readonly PageUnderTest[] = [
  { name: 'exports', path: () => '/exports' },
  { name: 'export-new', path: () => '/exports/new' },
  { name: 'export', path: ({ exports: { loyalty } }) => `/exports/${loyalty}` },
  { name: 'export-held', path: ({ exports: { mirror } }) => `/exports/${mirror}?tab=notifications` },
  { name: 'export-not-started', path: ({ exports: { fresh } }) => `/exports/${fresh}` },
  { name: 'export-edit', path: ({ exports: { loyalty } }) => `/exports/${loyalty}/edit?step=behaviour` },
  { name: 'connections', path: () => '/connections' },
  { name: 'connection-refused', path: ({ connections: { refused } }) => `/connections/${refused}` },
  { name: 'connection-new', path: () => '/connections/new' },
  { name: 'not-found', path: () => '/nowhere' },
];
export const pagesOfRuns: readonly PageUnderTest[] = [
  { name: 'runs', path: () => '/runs' },
  { name: 'run-running', path: ({ runs: { running } }) => `/runs/${running}` },
  { name: 'run-successful', path: ({ runs: { successful } }) => `/runs/${successful}` },
  { name: 'run-rejected', path: ({ runs: { rejected } }) => `/runs/${rejected}` },
  { name: 'run-failed', path: ({ runs: { failed } }) => `/runs/${failed}` },
  { name: 'run-held', path: ({ runs: { held } }) => `/runs/${held}` },
  { name: 'run-dry', path: ({ runs: { dry } }) => `/runs/${dry}` },
  { name: 'settings', path: () => '/settings' },
  { name: 'settings-notifications', path: () => '/settings?tab=notifications' },
  { name: 'access', path: () => '/access' },
];
