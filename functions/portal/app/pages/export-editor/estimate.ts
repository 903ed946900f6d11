import { leastSeconds } from '../../../../../shared/klaviyo/budget';
import { endpoints, MAX_PROFILES_PER_JOB } from '../../../../../shared/klaviyo/endpoints';

export interface Estimate {
  readonly jobs: number;
  /** from the first call to the last, by Klaviyo's published limits; Klaviyo's own work comes on top */
  readonly seconds: number;
}

/**
 * What a first load takes: import jobs of 10,000 profiles, posted no faster than Klaviyo allows an account.
 * @param people distinct addresses over all segments
 * @param canaryRows rows of the small job before the others; none for a list that has been proven
 */
export const estimateOf = (people: number, canaryRows: number): Estimate => {
  const first = Math.min(people, Math.max(0, canaryRows));
  const jobs = (first > 0 ? 1 : 0) + Math.ceil((people - first) / MAX_PROFILES_PER_JOB);
  return { jobs, seconds: leastSeconds(jobs, endpoints.importJobsCreate) };
};
