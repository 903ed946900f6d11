import { z } from 'zod';

/**
 * How long things are kept; more limits come with their features, each with a default, so that stored rows of earlier versions parse.
 * The least numbers of runs are what the product promises.
 */
const limits = {
  /** days a row report is kept after its run has ended */
  reportDays: z.int().min(1).max(365).default(30),
  /** days a run stays in the history after it has ended … */
  runDays: z.int().min(90).max(3_650).default(90),
  /** … and longer while it is among so many newest ones of its export */
  runsKept: z.int().min(200).max(10_000).default(200),
};

/** What an administrator sends: a field left out takes its default. */
export const Limits = z.strictObject(limits).meta({ id: 'Limits' });
export type Limits = z.infer<typeof Limits>;

/** As stored: another version may know more of them. */
export const StoredLimits = z.object(limits);

export const defaultLimits: Limits = Limits.parse({});
