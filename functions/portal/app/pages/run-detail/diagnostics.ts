import type { Run } from '../../../../../shared/runs/run';
import type { RunJobs } from '../../../../../shared/runs/run-jobs';

/**
 * What support needs to know of a run, as JSON: ids, counts, times and codes. Names of people are not in it:
 * who started the run is left as an id.
 */
export const diagnosticsOf = (run: Run, jobs: RunJobs | undefined, about: { readonly version: string; readonly page: string }): string => {
  const { trigger, error, ...rest } = run;
  const { byId, kind } = trigger;
  return JSON.stringify(
    {
      ...about,
      run: {
        ...rest,
        // of a run that was stopped the sentence names who did it
        ...(error === undefined ? {} : { error: run.state === 'canceled' ? { code: error.code } : error }),
        trigger: { kind, ...(byId === undefined ? {} : { byId }) },
      },
      jobs: jobs?.value.map(({ batch, rows, state, jobs: parts, failedRows, strippedRows, requestId, postedAt }) => ({
        ...{ batch, rows, state, jobs: parts, failedRows, strippedRows, requestId, postedAt },
      })),
    },
    null,
    2,
  );
};
