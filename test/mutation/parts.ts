/** What is mutated, and the tests that have to notice. */
export interface Part {
  readonly name: 'client' | 'sandbox';
  /** files and patterns below the project's folder, as Stryker takes them; `!` leaves out */
  readonly mutate: readonly string[];
}

/** Least share of changed programs that some test must notice. */
export const LEAST_CAUGHT = 0.85;

const KLAVIYO = 'infra/local/klaviyo';
/** Not a rule of Klaviyo's: sockets, the page, the control API, journal and snapshot, the log, and the sentences about the rules. */
const NO_RULES = ['main', 'server', 'control', 'page-parts', 'status-page', 'journal', 'snapshot', 'request-log', 'rules'];

/** Of the client: what an answer means, when it is tried again, and what it may ask at which pace. Of the sandbox: every rule. */
export const parts: readonly Part[] = [
  { name: 'client', mutate: ['answers', 'retry', 'endpoints'].map((name) => `shared/klaviyo/${name}.ts`) },
  { name: 'sandbox', mutate: [`${KLAVIYO}/*.ts`, ...NO_RULES.map((name) => `!${KLAVIYO}/${name}.ts`)] },
];

/**
 * Stryker's settings for a part. Its tests are those that the one file of its name brings, so that a mutant costs one start of jest and one
 * load of the code.
 * @param folder below the project's folder, for whatever is written
 * @param incremental keeps what is known from the last time; a test that changed but not its name is not noticed then
 */
export const strykerConfig = (
  { name, mutate }: Part,
  { folder, concurrency, incremental }: { folder: string; concurrency: number; incremental: boolean },
) => ({
  testRunner: 'jest',
  jest: {
    projectType: 'custom',
    configFile: 'test/mutation/jest.json',
    config: { testMatch: [`<rootDir>/test/mutation/${name}.test.ts`] },
    enableFindRelatedTests: false,
  },
  coverageAnalysis: 'perTest',
  mutate,
  ignorePatterns: ['/dist', '/coverage', '/.local', '/functions/portal', '/test/e2e', '/test/integration', '/test/bench'],
  tempDirName: `${folder}/trees`,
  cleanTempDir: 'always',
  reporters: ['json', 'html', 'progress-append-only'],
  jsonReporter: { fileName: `${folder}/${name}.json` },
  htmlReporter: { fileName: `${folder}/${name}.html` },
  incremental,
  incrementalFile: `${folder}/${name}.known.json`,
  concurrency,
  // a mutant that never ends is found by counting its steps; the time is for machines that are busy with something else
  timeoutMS: 20_000,
  warnings: { slow: false },
});
