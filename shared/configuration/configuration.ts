import type { ActivityDetails } from '../activity/entry';
import type { Caller } from '../caller';
import { nameKey } from '../connections/connection-store';
import { ConflictError, InvalidInputError, UpstreamError, isDomainError } from '../errors';
import { requireVersion } from '../platform/versions';
import { mapConcurrent } from '../streams/map-concurrent';
import { toDocument, versionOf } from './current';
import type { Current } from './current';
import type { Configuration, ConfigurationPlan, PlanItem, PlanProblem } from './document';
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

type Outcome = { readonly step: Step } & ({ readonly told: ActivityDetails } | { readonly error: unknown });

/** Does the steps in their order. @param goOn whether the rest is tried, too, after one that failed */
const runSteps = async (
  steps: readonly Step[],
  target: Target,
  { current, goOn, caller, signal }: { current: Current; goOn: boolean; caller: Caller } & Options,
): Promise<readonly Outcome[]> => {
  const context = { target, connectionIds: new Map(current.connections.map(({ value }) => [nameKey(value), value.id])), caller, signal };
  const outcomes: Outcome[] = [];
  let failed = false;
  const attempt = async (step: Step): Promise<Outcome | undefined> => {
    if (failed && !goOn) return undefined;
    try {
      signal.throwIfAborted();
      return { step, told: await step.run(context) };
    } catch (error) {
      failed = true;
      return { step, error };
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
}: {
  read: (options: Options) => Promise<Current>;
  targets: (options: Options) => { readonly draft: Target; readonly real: Target };
}) => {
  const get = async ({ signal }: Options): Promise<{ value: Configuration; etag: string }> => {
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
     * @throws ConflictError changed_meanwhile, configuration_refused (nothing was done), partly_applied (send it again);
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
      const current = await read({ signal });
      const etag = versionOf(toDocument(current));
      if (ifMatch !== undefined) requireVersion({ etag }, ifMatch, 'The configuration');
      const plan = planOf(document, current, { prune });
      if (plan.steps.length === 0 && plan.problems.length === 0)
        return { value: toPlan(plan, { applied: !dryRun, problems: [] }), etag, told: [] };

      const { draft, real } = targets({ signal });
      const tried = await runSteps(plan.steps, draft, { current, goOn: true, caller, signal });
      const problems = [
        ...plan.problems,
        ...tried.flatMap((outcome) => ('error' in outcome ? problemsOf(outcome.step, outcome.error) : [])),
      ];
      if (dryRun) return { value: toPlan(plan, { applied: false, problems }), etag, told: [] };
      if (problems.length > 0) throw refused(problems);

      const outcomes = await runSteps(plan.steps, real, { current, goOn: false, caller, signal });
      const done = outcomes.filter((outcome) => 'told' in outcome);
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
      const told = [summary, ...done.map((outcome) => outcome.told)];
      const failure = outcomes.find((outcome) => 'error' in outcome);
      if (failure === undefined) return { value: toPlan(plan, { applied: true, problems: [] }), etag: (await get({ signal })).etag, told };
      if (done.length === 0) throw failure.error;
      await record(told).catch(() => undefined); // the first error says more
      throw partlyApplied(
        done.map(({ step }) => step),
        failure.step,
        failure.error,
        plan.steps.length,
      );
    },
  };
};

export type ConfigurationDocuments = ReturnType<typeof createConfiguration>;
