import { z } from 'zod';
import { RunId } from '../ids';

/** As many of an export's newest runs as its line in a list shows. */
export const RECENT_RUNS = 14;

const count = z.int().min(0).optional();

/** One of an export's last runs, as short as it can be: a list of exports carries many. Figures that are 0 are left out. */
export const RecentRun = z
  .object({
    id: RunId,
    number: z.int().min(0),
    state: z.enum(['successful', 'failed', 'skipped', 'canceled']),
    /** absent: it was a real one */
    dryRun: z.literal(true).optional(),
    /** it ended with a warning that somebody should look at */
    warned: z.literal(true).optional(),
    endedAt: z.iso.datetime(),
    /** from its start to its end; absent where it never started */
    seconds: z.int().min(0).optional(),
    read: count,
    invalid: count,
    accepted: count,
    rejected: count,
    removed: count,
  })
  .meta({ id: 'RecentRun' });
export type RecentRun = z.infer<typeof RecentRun>;
