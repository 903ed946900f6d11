import type { World } from './world';

/** Where the tests of a run find the cloud that was started for all of them. */
export interface Surroundings {
  /** e.g. http://localhost:7071 */
  readonly origin: string;
  readonly api: string;
  readonly klaviyo: string;
  readonly dataDir: string;
  readonly world: World;
}

const NAME = 'BROWSER_TEST_SURROUNDINGS';

/** Jest's workers are started afterwards and inherit it. */
export const tellSurroundings = (surroundings: Surroundings): void => {
  process.env[NAME] = JSON.stringify(surroundings);
};

export const readSurroundings = (): Surroundings | null => JSON.parse(process.env[NAME] ?? 'null') as Surroundings | null;
