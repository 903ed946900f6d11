import { z } from 'zod';

/** What holds for an export that has none of its own; the bounds are the same as there. */
const ofExports = {
  /**
   * Most distinct valid addresses an export brings at a time, over all its segments. It bounds what exports say of themselves; left out,
   * the app setting MAX_PROFILES_PER_EXPORT alone does, which bounds this one, too.
   */
  maxProfiles: z.int().min(1).max(100_000_000).optional(),
  /** days after which everything is sent again, changed or not */
  resyncDays: z.int().min(1).max(365).default(7),
  /** share of invalid rows above which nothing is sent, 0 to 1 */
  maxInvalidShare: z.number().min(0).max(1).default(0.2),
  /** removals above this count and this share are held, until somebody approves them (mirror only) */
  guardCount: z.int().min(0).max(100_000_000).default(500),
  guardShare: z.number().min(0).max(1).default(0.1),
};

/** How long things are kept; the least numbers of runs are what the product promises. */
const retention = {
  /** days a row report is kept after its run has ended */
  reportDays: z.int().min(1).max(365).default(30),
  /** days a run stays in the history after it has ended … */
  runDays: z.int().min(90).max(3_650).default(90),
  /** … and longer while it is among so many newest ones of its export */
  runsKept: z.int().min(200).max(10_000).default(200),
  /** days an entry of the activity log is kept */
  activityDays: z.int().min(30).max(3_650).default(400),
};

/** What an administrator sends: a field left out takes its default. */
export const Limits = z.strictObject({ ...ofExports, ...retention }).meta({ id: 'Limits' });
export type Limits = z.infer<typeof Limits>;

/** As stored: another version may know more of them, or fewer. */
export const StoredLimits = z.object({ ...ofExports, ...retention });

export const defaultLimits: Limits = Limits.parse({});

/** The limits that a run is held to. */
export type RunLimits = Required<Pick<Limits, keyof typeof ofExports>>;

/**
 * An export's own limits, and the administrators' where it has none. Of the caps the lowest counts: what an administrator or the app
 * forbids, no export may.
 * @param maxProfiles the app's own bound
 */
export const limitsFor = (own: Partial<RunLimits>, limits: Limits, { maxProfiles }: { maxProfiles: number }): RunLimits => ({
  maxProfiles: Math.min(...[own.maxProfiles, limits.maxProfiles, maxProfiles].filter((cap) => cap !== undefined)),
  resyncDays: own.resyncDays ?? limits.resyncDays,
  maxInvalidShare: own.maxInvalidShare ?? limits.maxInvalidShare,
  guardCount: own.guardCount ?? limits.guardCount,
  guardShare: own.guardShare ?? limits.guardShare,
});
