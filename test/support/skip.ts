/** How a reason travels through jest, which has no place for one, to the report of `npm test`. */
const mark = 'skipped because ';

/** `describe`, or where the condition does not hold, `describe.skip` with the reason in its name. */
export const describeWhere = (condition: boolean, reason: string) =>
  condition ? describe : (name: string, tests: () => void) => describe.skip(`${name} [${mark}${reason}]`, tests);

/** The reason in a test's full name. */
export const skipReason = (fullName: string): string => new RegExp(`\\[${mark}([^\\]]*)\\]`).exec(fullName)?.[1] ?? 'no reason given';
