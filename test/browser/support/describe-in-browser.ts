import { describeWhere } from '../../support/skip';
import { chromiumPath, chromiumTrouble, NO_CHROMIUM } from './chromium';
import { readSurroundings } from './surroundings';
import type { Surroundings } from './surroundings';
import { openBrowser } from './visitors';
import type { Visit, Visitor } from './visitors';

/** What the tests of a file have in common. */
export interface Stage extends Surroundings {
  /** A visitor, who leaves when the test ends; what went wrong in their browser fails the test. */
  visit(visit?: Visit): Promise<Visitor>;
}

/**
 * Tests in a real Chromium, before the cloud that was started for all of them. Without a browser they are skipped, aloud; where the
 * set-up was to install one and could not, they fail.
 * @param tests gets the stage by a function, as there is none before the first test
 */
export const describeInBrowser = (name: string, tests: (stage: () => Stage) => void): void => {
  if (chromiumPath === undefined && chromiumTrouble !== undefined) {
    it(`${name}: Chromium is there`, () => {
      throw new Error(chromiumTrouble);
    });
    return;
  }
  describeWhere(chromiumPath !== undefined, NO_CHROMIUM)(name, () => {
    let stage: Stage;
    let browser: Awaited<ReturnType<typeof openBrowser>>;
    beforeAll(async () => {
      const surroundings = readSurroundings()!;
      browser = await openBrowser(surroundings.origin);
      stage = { ...surroundings, visit: browser.visit };
    });
    afterEach(() => browser.leaveAll());
    afterAll(() => browser?.close());
    tests(() => stage);
  });
};
