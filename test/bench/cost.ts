import type { OursReport } from './protocol';

/** List prices in USD, pay as you go, without free grants (performance.md §6; region East US). */
/** Flex Consumption, on demand, per GB-s (modal.com/blog/azure-function-pricing-guide, May 2025) */
const USD_PER_GB_SECOND = 0.000_026;
/** Flex Consumption, per execution (0.40 per million; same source) */
const USD_PER_EXECUTION = 0.4 / 1e6;
/** Blob, hot tier, LRS, per operation (0.004 and 0.05 per 10,000); lists cost as writes, deletes nothing. Tables and queues cost less */
const USD_PER_READ = 0.004 / 10_000;
const USD_PER_WRITE = 0.05 / 10_000;
/** Data leaving the region, per GB, after the free 100 GB */
const USD_PER_EGRESS_GB = 0.087;

/** The app's instance size. */
const INSTANCE_GB = 2;
/** Flex bills at least a second an execution, then by 100 ms (learn.microsoft.com, Flex Consumption plan, Billing). */
const LEAST_BILLED_MS = 1_000;
const BILLED_STEP_MS = 100;
/** Storage with a hierarchical namespace counts a read for each 4 MB. */
const BYTES_PER_READ = 4 * 1024 ** 2;

export const costOf = ({ invocationsMs, calls, bodyBytes }: OursReport, sourceBytes: number) => {
  const billedMs = invocationsMs.reduce((sum, ms) => sum + Math.max(LEAST_BILLED_MS, Math.ceil(ms / BILLED_STEP_MS) * BILLED_STEP_MS), 0);
  const gbSeconds = (billedMs / 1_000) * INSTANCE_GB;
  const reads = calls.read + Math.ceil(sourceBytes / BYTES_PER_READ);
  const writes = calls.write + calls.list;
  const parts = {
    time: gbSeconds * USD_PER_GB_SECOND,
    executions: invocationsMs.length * USD_PER_EXECUTION,
    storage: reads * USD_PER_READ + writes * USD_PER_WRITE,
    egress: (bodyBytes / 1e9) * USD_PER_EGRESS_GB,
  };
  return { usd: parts.time + parts.executions + parts.storage + parts.egress, parts, gbSeconds, reads, writes };
};
