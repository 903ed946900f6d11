/**
 * What the warnings of a successful run say of its export: `null` = good to know, and nothing that anybody has to do; else what an
 * administrator or contributor reads. One that is not named here counts as something to look at.
 */
export const warningsThatTell: Readonly<Record<string, string | null>> = {
  rows_rejected: 'Klaviyo refused rows in the last run; its report names them.',
  rows_open: 'Klaviyo has not said what became of some rows of the last run; the next run looks again.',
  removals_held: 'People have left the segments, and their removal waits for somebody’s word; approve or dismiss it.',
  removals_postponed: 'People who left the segments could not be removed in the last run; the next run tries again.',
  gap: 'People that were sent are not on the list; the next run sends everybody again.',
  source_empty: 'The segments were empty in the last run; see whether their refresh works.',
  list_changed: 'People sent to the former list are still on it; remove them in Klaviyo if they should not be.',
  state_unreadable: 'What earlier runs had sent could not be read, so nobody was removed in the last run.',
  state_key_changed: 'What earlier runs had sent was written with another key, so nobody was removed in the last run.',
  state_lost: 'The data of the last run was lost at its end; the next run sends everything again.',
  not_verified: 'It could not be checked whether everybody arrived, as Klaviyo answered with people that were not asked for.',
  revision_differs: 'Klaviyo serves another API revision than this app was made for; install the newest version of the app.',
  profiles_missing: 'Customers of the segments had no profile yet in the last run, so nobody was removed; they come with the next run.',
  // a share that is too high is told by itself
  rows_invalid: null,
  rows_gone: null,
  small_gap: null,
  canary_gap: null,
  interrupted: null,
  waiting_for_source: null,
  slow_source: null,
  sent_uncompressed: null,
};

/** Whether somebody should look because of a warning. */
export const tells = (code: string): boolean => warningsThatTell[code] !== null;
