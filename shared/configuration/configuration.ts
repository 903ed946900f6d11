import type { ActivityDetails } from '../activity/entry';
import type { Caller } from '../caller';
import { nameKey } from '../connections/connection-store';
import { ConflictError, InvalidInputError, UpstreamError, isDomainError } from '../errors';
import { requireVersion } from '../platform/versions';
import { channelNameKey } from '../settings/notification-settings';
import { mapConcurrent } from '../streams/map-concurrent';
import { toDocument, versionOf } from './current';
import type { ConfigurationClaim } from './claim';
import type { Current } from './current';
import type { Configuration, ConfigurationPlan, PlanItem, PlanProblem, SavedConfiguration } from './document';
import { STAGES, planOf } from './plan';
import type { Plan, Stage, Step } from './plan';
import type { Target } from './target';

type Options = { signal: AbortSignal };

/** Exports do not depend on one another; connections go one by one, as each asks Klaviyo for its account at the account's pace. */
const CONCURRENCY: Readonly<Record<Stage, number>> = { settings: 1, connections: 1, exports: 8, exportsRemoved: 8, connectionsRemoved: 1 };

/** Fields are called differently in a document. */
const POINTERS: Readonly<Record<string, string>> = { '/connectionId': '/connection', '/apiKey': '/secretName' };

/** What keeps a step from being done, in the words of the single route. @throws what says nothing about the document */
const problemsOf = ({ item: { what, name }, pointer }: Step, error: unknown): PlanProblem[] => {
  if (!isDomainError(error) || error instanceof UpstreamError || error.code === 'changed_meanwhile') throw error;
  const at = (inner = ''): string => (pointer === '' ? '' : `${pointer}${POINTERS[inner] ?? inner}`);
  const problems =
    error instanceof InvalidInputError && error.problems.length > 0
      ? error.problems
      : [{ pointer: error.pointer ?? '', detail: error.message }];
  return problems.map((problem) => ({ what, name, pointer: at(problem.pointer), code: error.code, detail: problem.detail }));
};

interface Outcome {
  readonly step: Step;
  /** what was done, also by a step that failed half-way */
  readonly told: readonly ActivityDetails[];
  readonly failure?: { readonly error: unknown };
}

/** Does the steps in their order. @param goOn whether the rest is tried, too, after one that failed */
const runSteps = async (
  steps: readonly Step[],
  target: Target,
  { current, goOn, caller, signal }: { current: Current; goOn: boolean; caller: Caller } & Options,
): Promise<readonly Outcome[]> => {
  const connectionIds = new Map(current.connections.map(({ value }) => [nameKey(value), value.id]));
  const channelIds = new Map(current.notifications.value.channels.map(({ id, name }) => [channelNameKey(name), id]));
  const context = { target, connectionIds, channelIds, caller, signal };
  const outcomes: Outcome[] = [];
  let failed = false;
  const attempt = async (step: Step): Promise<Outcome | undefined> => {
    if (failed && !goOn) return undefined;
    const told: ActivityDetails[] = [];
    try {
      signal.throwIfAborted();
      await step.run({ ...context, tell: (done) => void told.push(done) });
      return { step, told };
    } catch (error) {
      failed = true;
      return { step, told, failure: { error } };
    }
  };
  for (const stage of STAGES) {
    const mine = steps.filter((step) => step.stage === stage);
    // never cut short, not even by the deadline: what has begun is waited for, and told
    const options = { concurrency: CONCURRENCY[stage], signal: new AbortController().signal };
    for await (const outcome of mapConcurrent(mine, attempt, options)) if (outcome) outcomes.push(outcome);
  }
  return outcomes;
};

const itemsOf = (steps: readonly Step[], action: Step['action']): PlanItem[] =>
  steps.filter((step) => step.action === action).map(({ item }) => item);

const toPlan = (plan: Plan, rest: Pick<ConfigurationPlan, 'applied' | 'problems'>): ConfigurationPlan => ({
  applied: rest.applied,
  created: itemsOf(plan.steps, 'created'),
  changed: itemsOf(plan.steps, 'changed'),
  deleted: itemsOf(plan.steps, 'deleted'),
  notInDocument: [...plan.notInDocument],
  unchanged: plan.unchanged,
  problems: rest.problems,
});

/** Most of them that an error names. */
const MAX_NAMED = 100;

const refused = (problems: readonly PlanProblem[]): ConflictError =>
  new ConflictError({
    code: 'configuration_refused',
    message:
      problems.length === 1
        ? `Nothing was changed: ${problems[0]!.detail}`
        : `Nothing was changed: ${problems.length} things stand in the way; see details.problems.`,
    details: { problems: problems.slice(0, MAX_NAMED) },
  });

const partlyApplied = (done: readonly Step[], failed: Step, error: unknown, all: number): ConflictError =>
  new ConflictError({
    code: 'partly_applied',
    message: `${done.length} of ${all} changes were made, then the ${failed.item.what} “${failed.item.name}” could not be ${failed.action}: ${
      isDomainError(error) ? error.message : 'it took too long, or the app is being restarted.'
    } Send the same document again to complete it.`,
    details: { made: done.slice(0, MAX_NAMED).map(({ action, item: { what, name } }) => ({ what, name, action })) },
    cause: error,
  });

/** The whole configuration as one document: read, compared, and applied through the operations of the single routes. */
export const createConfiguration = ({
  read,
  targets,
  claim,
}: {
  read: (options: Options) => Promise<Current>;
  claim: ConfigurationClaim;
  targets: (options: Options) => { readonly draft: Target; readonly real: Target };
}) => {
  const get = async ({ signal }: Options): Promise<{ value: SavedConfiguration; etag: string }> => {
    const value = toDocument(await read({ signal }));
    return { value, etag: versionOf(value) };
  };

  return {
    get,

    /**
     * Makes this deployment what the document says. Everything is first done to a draft; where anything fails there, nothing is
     * applied. What only shows when it is done: that somebody changes the same thing meanwhile, and that a service stops answering.
     * @param dryRun only says what would be done, and what stands in the way
     * @param prune whether what the document does not name is removed, too
     * @param record puts what was done on record before an error leaves
     * @returns what was, or would be, done; `told` is for the activity log
     * @throws ConflictError changed_meanwhile, configuration_busy, configuration_refused (nothing was done), partly_applied (send it again);
     * UpstreamError when something could not be checked (nothing was done)
     */
    put: async (
      document: Configuration,
      {
        dryRun,
        prune,
        ifMatch,
        caller,
        record,
        signal,
      }: {
        dryRun: boolean;
        prune: boolean;
        ifMatch?: string;
        caller: Caller;
        record: (told: readonly ActivityDetails[]) => Promise<void>;
      } & Options,
    ): Promise<{ value: ConfigurationPlan; etag: string; told: readonly ActivityDetails[] }> => {
      const look = async () => {
        const current = await read({ signal });
        const etag = versionOf(toDocument(current));
        if (ifMatch !== undefined) requireVersion({ etag }, ifMatch, 'The configuration');
        const plan = planOf(document, current, { prune });
        return { current, etag, plan, changesNothing: plan.steps.length === 0 && plan.problems.length === 0 };
      };
      type Look = Awaited<ReturnType<typeof look>>;
      const unchanged = ({ plan, etag }: Look) => ({ value: toPlan(plan, { applied: !dryRun, problems: [] }), etag, told: [] });
      const tryOut = async ({ current, plan }: Look) => {
        const { draft, real } = targets({ signal });
        const tried = await runSteps(plan.steps, draft, { current, goOn: true, caller, signal });
        const problems = [...plan.problems, ...tried.flatMap(({ step, failure }) => (failure ? problemsOf(step, failure.error) : []))];
        return { real, problems };
      };

      const first = await look();
      if (first.changesNothing) return unchanged(first);
      if (dryRun)
        return { value: toPlan(first.plan, { applied: false, problems: (await tryOut(first)).problems }), etag: first.etag, told: [] };

      return claim(
        async () => {
          // what another document has just made is not made again
          const seen = await look();
          if (seen.changesNothing) return unchanged(seen);
          const { current, plan } = seen;
          const { real, problems } = await tryOut(seen);
          if (problems.length > 0) throw refused(problems);

          const outcomes = await runSteps(plan.steps, real, { current, goOn: false, caller, signal });
          const done = outcomes.filter(({ failure }) => failure === undefined);
          const count = (action: Step['action']): number => done.filter(({ step }) => step.action === action).length;
          const summary: ActivityDetails = {
            kind: 'configuration_applied',
            details: {
              created: count('created'),
              changed: count('changed'),
              deleted: count('deleted'),
              complete: done.length === outcomes.length,
            },
          };
          const told = [summary, ...outcomes.flatMap((outcome) => outcome.told)];
          const failed = outcomes.find(({ failure }) => failure !== undefined);
          if (failed?.failure === undefined) {
            try {
              const { etag } = await get({ signal });
              return { value: toPlan(plan, { applied: true, problems: [] }), etag, told };
            } catch (error) {
              await record(told).catch(() => undefined); // it is done, though its version cannot be read; sent again, nothing is changed
              throw error;
            }
          }
          const { error } = failed.failure;
          if (told.length === 1) throw error;
          await record(told).catch(() => undefined); // the first error says more
          throw partlyApplied(
            done.map(({ step }) => step),
            failed.step,
            error,
            plan.steps.length,
          );
        },
        { signal },
      );
    },
  };
};

export type ConfigurationDocuments = ReturnType<typeof createConfiguration>;
