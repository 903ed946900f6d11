import { UpstreamError, isDomainError } from '../errors';
import { PaceWait } from '../klaviyo/pacing';
import type { ExportId, RunId } from '../ids';
import type { KlaviyoClient } from '../klaviyo/client';
import type { Queue, SentMessage } from '../platform/queues';
import { errorFields } from '../platform/telemetry';
import type { Log, Span, Telemetry } from '../platform/telemetry';
import { HoldLost, createHold } from './hold';
import type { Hold } from './hold';
import { hasEnded, messageOf } from './run';
import type { RunDocument, RunError, RunMessage, RunPhase } from './run';
import { measureRun } from './run-metrics';
import type { RunStore, StopRequest } from './run-store';
import { addWarning, createSaver } from './slice';
import type { Phase, PhaseResult, Slice } from './slice';

/** Slices in a row that ended without handing over, after which the run is given up (design §2). */
const MAX_STARTS = 5;
/** Waits in a row for something that can pass: about two hours. */
const MAX_TROUBLES = 30;
/** Nothing runs longer than this, whatever it waits for. */
const MAX_RUN_HOURS = 26;
/** Lists show a moving run; its row is written at most this often. */
const PROJECT_EVERY_MS = 1_500;
/** An export shows as waiting when its run stands so long; shorter pauses would only flicker. */
const SHOWN_AFTER_MS = 5_000;

const troubleDelayMs = (troubles: number): number => Math.min(300_000, 5_000 * 2 ** Math.min(troubles - 1, 6));

/** What a person reads when the run failed; unknown errors keep their text for the log. */
const toRunError = (error: unknown): RunError => {
  if (error instanceof UpstreamError)
    return { code: error.code, message: error.message, ...(error.requestId ? { requestId: error.requestId } : {}) };
  if (isDomainError(error)) return { code: error.code, message: error.message };
  return {
    code: 'unexpected',
    message: 'Something unexpected happened; the run can be started again, and the app’s log holds the details.',
  };
};

export interface AdvanceTimes {
  readonly sliceSeconds: number;
  readonly leaseSeconds: number;
  readonly guardSeconds: number;
}

/**
 * The state machine: one message is one time-boxed slice of one run (design §2, "The run as a state machine"). A message that is
 * late, doubled or surplus costs at most three storage calls and does nothing.
 * @param openKlaviyo gives the run's client, paced by account and fenced by the hold; notes the checked key version in the document
 */
export const createAdvance =
  ({
    store,
    queue,
    phases,
    giveUp,
    openKlaviyo,
    afterRemoval,
    showActivity,
    times,
    now,
    monotonicMs,
    telemetry,
    log,
  }: {
    store: RunStore;
    queue: Queue<RunMessage>;
    phases: Record<RunPhase, Phase>;
    /** ends a run whose finish does not get through */
    giveUp: Phase;
    openKlaviyo: (document: RunDocument, hold: Hold, options: { timeoutMs: number }) => Promise<KlaviyoClient>;
    /** completes the removal of an export, whose last run has just ended */
    afterRemoval: (exportId: ExportId, options: { signal: AbortSignal }) => Promise<void>;
    /** tells the export's row how far its active run is */
    showActivity: (exportId: ExportId, options: { runId: RunId; as: 'running' | 'waiting'; signal: AbortSignal }) => Promise<void>;
    times: AdvanceTimes;
    now: () => Date;
    monotonicMs: () => number;
    telemetry: Telemetry;
    log: Log;
  }) =>
  /** Ends normally for whatever can pass. @throws only when storage refuses the first calls; the platform then gives the message back */
  async (message: RunMessage, { signal }: { signal: AbortSignal }): Promise<void> => {
    const { runId } = message;
    const found = await store.find(runId, { signal });
    if (!found || hasEnded(found.document.run.state) || message.turn <= found.document.turn || found.leased) return;
    const leasedAtMs = monotonicMs();
    const lease = await store.tryLease(runId, { seconds: times.leaseSeconds, etag: found.etag, signal });
    if (!lease) return;

    const { document } = found;
    const { run } = document;
    const workOn = async (sliceSpan: Span): Promise<void> => {
      // a run that nobody traced when it was started: its first slice that is traced begins its trace
      document.traceparent ??= telemetry.traceparent();
      const next = messageOf(document, message.turn + 1);
      let guard: SentMessage;
      try {
        guard = await queue.send(next, { delaySeconds: times.guardSeconds, signal });
      } catch (error) {
        // without a guard nobody would follow us: the lease goes back, and so does the message
        await lease.release({ signal }).catch(() => undefined);
        throw error;
      }
      let stop: StopRequest | undefined;
      const hold = createHold({
        lease,
        leasedAtMs,
        queue,
        guard,
        next,
        ...times,
        monotonicMs,
        signal,
        onBeat: async () => {
          stop ??= await store.findStop(runId, { signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]) });
        },
      });

      let projectedAt = -Infinity;
      const project = async (force: boolean): Promise<void> => {
        if (!force && monotonicMs() - projectedAt < PROJECT_EVERY_MS) return;
        projectedAt = monotonicMs();
        try {
          await store.project(run, { signal: hold.signal });
        } catch (error) {
          // the row is repaired by the next save, by the sweep or on read
          log('run_projection_failed', { runId, ...errorFields(error) });
        }
      };
      const show = async (as: 'running' | 'waiting'): Promise<void> => {
        if (document.shownAs === as) return;
        try {
          await showActivity(run.exportId, { runId, as, signal: hold.signal });
          document.shownAs = as;
        } catch (error) {
          // said again at the next hand-over, or by the sweep
          log('activity_not_shown', { runId, ...errorFields(error) });
        }
      };
      /** After each step: whether the run moves, or stands and how long it has. */
      const showStep = async (stands: boolean, waitMs: number): Promise<void> => {
        if (!stands) {
          delete document.standsSince;
          return show('running');
        }
        document.standsSince ??= now().toISOString();
        if (waitMs + now().getTime() - Date.parse(document.standsSince) >= SHOWN_AFTER_MS) await show('waiting');
      };
      const save = createSaver(async () => {
        // a phase that had waited goes on
        if (document.shownAs === 'waiting' && document.standsSince === undefined) await show('running');
        try {
          await store.save(document, { leaseId: hold.leaseId, signal: hold.signal });
        } catch (error) {
          hold.signal.throwIfAborted();
          if ((error as { code?: string }).code === 'changed_meanwhile') throw new HoldLost();
          throw error;
        }
        await project(false);
      });

      const begunMs = monotonicMs();
      let client: Promise<KlaviyoClient> | undefined;
      const slice: Slice = {
        document,
        save,
        signal: hold.signal,
        timeIsUp: () => monotonicMs() - begunMs >= times.sliceSeconds * 1_000,
        ageMs: () => monotonicMs() - begunMs,
        // a call must end well before the lease can
        telemetry,
        klaviyo: () => (client ??= openKlaviyo(document, hold, { timeoutMs: times.leaseSeconds * 600 })),
        stopRequested: () => stop !== undefined,
        warn: (code, text) => addWarning(document, code, text),
        now,
      };

      const enter = (phase: RunPhase): void => {
        const at = now();
        if (document.phaseAt) {
          const seconds = Math.max(0, (at.getTime() - Date.parse(document.phaseAt)) / 1_000);
          run.phases[run.phase] = Math.round(((run.phases[run.phase] ?? 0) + seconds) * 1_000) / 1_000;
        }
        run.phase = phase;
        document.phaseAt = at.toISOString();
      };
      const endWith = (state: 'successful' | 'failed' | 'skipped' | 'canceled', error?: RunError): void => {
        if (document.ending && run.phase === 'finish') return;
        document.ending = { state };
        if (error) run.error = error;
        enter('finish');
      };

      try {
        document.turn = message.turn;
        document.starts += 1;
        delete document.wakeAt;
        if (run.state === 'queued') {
          run.state = 'refreshing';
          run.startedAt = now().toISOString();
          document.phaseAt = run.startedAt;
        }
        if (document.shownAs === undefined) await show('running');
        stop = await store.findStop(runId, { signal: hold.signal });
        if (document.starts > MAX_STARTS && run.phase !== 'finish') {
          endWith('failed', {
            code: 'gave_up',
            message: `The run ended ${MAX_STARTS} times in the middle of "${run.phase}" without a reason we could catch; look for memory or time limits in the app’s log.`,
          });
        } else if (now().getTime() - Date.parse(run.submittedAt) > MAX_RUN_HOURS * 3_600_000 && run.phase !== 'finish') {
          endWith('failed', { code: 'too_long', message: `The run took longer than ${MAX_RUN_HOURS} hours and was given up.` });
        }
        await save();
        await project(true);
        log('slice_begun', { runId, exportId: run.exportId, turn: message.turn, phase: run.phase, starts: document.starts });

        for (;;) {
          if (stop && run.phase !== 'finish') {
            document.stoppedBy = { reason: stop.reason, by: stop.by };
            endWith('canceled');
            await save();
          }
          const phase = run.phase;
          const result = await carryOut(phase);
          document.troubles = 'waitMs' in result && result.waitMs > 0 ? document.troubles : 0;
          if ('end' in result && phase === 'finish') {
            log('run_ended', { runId, exportId: run.exportId, state: run.state, turn: message.turn });
            measureRun(document, { telemetry });
            // no more rows from here on: the run is released, and may be removed with its export at any moment
            await hold.end();
            if (stop?.reason === 'removed') await afterRemoval(run.exportId, { signal });
            return;
          }
          if ('end' in result) endWith(result.end, result.error);
          else if ('next' in result) enter(result.next);
          const wait = 'waitMs' in result ? result.waitMs : slice.timeIsUp() ? 0 : undefined;
          if (run.phase !== 'finish') await showStep('waitMs' in result && result.stands === true, wait ?? 0);
          if (wait !== undefined) {
            document.starts = 0;
            document.wakeAt = new Date(now().getTime() + wait).toISOString();
            await save();
            await project(true);
            log('slice_handed_over', { runId, turn: message.turn, phase: run.phase, waitMs: Math.round(wait) });
            await hold.handOver({ delaySeconds: Math.ceil(wait / 1_000) });
            return;
          }
          await save();
          await project(true);
        }
      } catch (error) {
        // lost, shut down, or broken: the guard message brings the next runner, and `starts` bounds how often
        sliceSpan.fail(error);
        log('slice_broken', { runId, turn: message.turn, phase: run.phase, ...errorFields(error) });
        await hold.abandon();
      }

      function carryOut(phase: RunPhase): Promise<PhaseResult> {
        return telemetry.span(`phase ${phase}`, { attributes: { 'run.phase': phase } }, async (span) => {
          const result = await attempt(phase, span);
          span.set({ 'run.step': 'end' in result ? result.end : 'next' in result ? `to-${result.next}` : 'waits' });
          return result;
        });
      }

      async function attempt(phase: RunPhase, span: Span): Promise<PhaseResult> {
        try {
          const stuck = phase === 'finish' && document.starts > 2 * MAX_STARTS;
          return await (stuck ? giveUp : phases[phase])(slice);
        } catch (error) {
          hold.signal.throwIfAborted();
          if (error instanceof HoldLost) throw error;
          if (error instanceof PaceWait) return { waitMs: error.waitMs };
          if (!isDomainError(error)) throw error;
          span.fail(error);
          log('phase_stopped', { runId, phase, ...errorFields(error) });
          if (error instanceof UpstreamError && error.retryable && document.troubles < MAX_TROUBLES) {
            document.troubles += 1;
            addWarning(document, 'interrupted', `Interrupted and taken up again: ${error.message}`);
            return { waitMs: Math.max(error.retryAfterMs ?? 0, troubleDelayMs(document.troubles)), stands: true };
          }
          if (phase === 'finish') throw error;
          return { end: 'failed', error: toRunError(error) };
        }
      }
    };
    return telemetry.span(
      'run slice',
      {
        parent: document.traceparent,
        attributes: {
          'run.id': runId,
          'export.id': run.exportId,
          'run.turn': message.turn,
          'run.phase': run.phase,
          'run.trigger': run.trigger.kind,
          'run.starts': document.starts + 1,
        },
        fields: { runId, exportId: run.exportId },
      },
      workOn,
    );
  };

export type Advance = ReturnType<typeof createAdvance>;
