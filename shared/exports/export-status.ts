import { z } from 'zod';
import type { ConnectionStatus } from '../connections/connection-status';
import { RunId } from '../ids';
import { TriggerKind } from './export';
import type { ExportActivity } from './export';
import { warningsThatTell } from './warnings-that-tell';

/** How an export fares: `failing` its last run failed, `attention` somebody should look, `healthy` all is well, or it has never run. */
export const ExportHealth = z.enum(['healthy', 'attention', 'failing']).meta({ id: 'ExportHealth' });
export type ExportHealth = z.infer<typeof ExportHealth>;

/** What an export does right now; says nothing of how it fares. */
export const ExportState = z.enum(['idle', 'queued', 'running', 'waiting', 'paused']).meta({ id: 'ExportState' });
export type ExportState = z.infer<typeof ExportState>;

/** The last run that brought, or failed to bring, something: no dry run, none that was cancelled or had nothing to do (X10, X11). */
export const LastRun = z
  .object({
    id: RunId,
    number: z.int().min(0),
    state: z.enum(['successful', 'failed']),
    trigger: TriggerKind,
    endedAt: z.iso.datetime(),
  })
  .meta({ id: 'LastRun' });
export type LastRun = z.infer<typeof LastRun>;

export const ExportStatus = z
  .object({
    health: ExportHealth,
    /** why the health is not better, the most serious first */
    reasons: z.array(z.object({ code: z.string(), message: z.string() })),
    activity: ExportState,
    lastRun: LastRun.optional(),
    /** end of the last successful real run that brought the segments (customer-insights.md X8) */
    refreshedAt: z.iso.datetime().optional(),
  })
  .meta({ id: 'ExportStatus' });
export type ExportStatus = z.infer<typeof ExportStatus>;

/** So many rows without a usable address, and so great a share, are more than the odd typing error. */
const MANY_INVALID = { rows: 50, share: 0.1 };

/** What stands in the way of every export of a connection, under the codes with which its runs fail. */
const connectionThatTells: Readonly<Record<ConnectionStatus, { readonly code: string; readonly message: string } | null>> = {
  connected: null,
  secretMissing: {
    code: 'secret_missing',
    message: 'The API key of its connection is no longer in the key vault; restore it or enter the key again.',
  },
  secretDisabled: {
    code: 'secret_disabled',
    message: 'The secret with the API key of its connection is disabled in the key vault; enable it.',
  },
  secretInvalid: {
    code: 'secret_invalid',
    message: 'The secret of its connection holds no API key of Klaviyo; correct it in the key vault.',
  },
  vaultRefused: {
    code: 'vault_refused',
    message: 'The key vault does not let this app read the API key of its connection; allow it there.',
  },
  keyRefused: { code: 'key_refused', message: 'Klaviyo refuses the API key of its connection; enter a new key.' },
  scopeMissing: {
    code: 'scope_missing',
    message: 'The API key of its connection lacks a scope; test the connection to see which, and make a key that has it.',
  },
  accountChanged: {
    code: 'account_changed',
    message: 'The API key of its connection belongs to another Klaviyo account than before; enter a key of the former one.',
  },
};

const messageOf = (code: string): string | null => {
  const known = warningsThatTell[code];
  return known === undefined ? 'The last run ended with a warning; open it to read what it says.' : known;
};

const activityOf = ({ activeRunId, activeState, pending }: ExportActivity, paused: boolean): ExportState => {
  // rows of earlier versions do not say how far the active run is
  if (activeRunId !== undefined) return activeState ?? 'running';
  if (paused) return 'paused';
  return pending === undefined ? 'idle' : 'queued';
};

/**
 * Health and activity of an export. Pure; of the runs it looks at the last one that tells anything (`last`), so that dry runs, cancelled
 * runs and runs that found nothing new change nothing (customer-insights.md X10, X11).
 * @param connectionStatus what was last found out about the export's connection
 */
export const exportStatus = ({
  activity,
  paused,
  detached,
  connectionStatus = 'connected',
}: {
  activity: ExportActivity;
  paused: boolean;
  detached: boolean;
  connectionStatus?: ConnectionStatus | undefined;
}): ExportStatus => {
  const { last, lastSkip, refreshedAt, unreadableRun } = activity;
  const reasons: ExportStatus['reasons'] = [];
  const tell = (code: string, message: string): void => void reasons.push({ code, message });

  const failed = last?.state === 'failed';
  if (failed) tell(last.error?.code ?? 'failed', last.error?.message ?? 'The last run failed; open it to read why.');
  if (unreadableRun !== undefined && unreadableRun === activity.activeRunId) {
    tell(
      'run_unreadable',
      'Its active run was written by a newer version of this app, which alone can go on with it; install that version.',
    );
  }
  if (detached) tell('detached', 'It has no connection, so it does not run; choose one.');
  const ofConnection = connectionThatTells[connectionStatus];
  // as the last run may have told already
  if (ofConnection !== null && !reasons.some(({ code }) => code === ofConnection.code)) reasons.push(ofConnection);
  if (lastSkip !== undefined) tell(lastSkip.code, lastSkip.message);
  if (last?.state === 'successful') {
    if (last.invalid >= MANY_INVALID.rows && last.invalid > last.read * MANY_INVALID.share) {
      const share = Math.round((100 * last.invalid) / last.read);
      tell('many_invalid', `${share} % of the rows of the last run have no usable e-mail address; see whether the right field is mapped.`);
    }
    for (const code of last.warnings) {
      const message = code === 'removals_held' && last.held === 0 ? null : messageOf(code);
      if (message !== null) tell(code, message);
    }
  }
  return {
    health: failed ? 'failing' : reasons.length > 0 ? 'attention' : 'healthy',
    reasons,
    activity: activityOf(activity, paused),
    ...(last ? { lastRun: { id: last.runId, number: last.number, state: last.state, trigger: last.trigger, endedAt: last.endedAt } } : {}),
    ...(refreshedAt === undefined ? {} : { refreshedAt }),
  };
};
