import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createSandbox } from '../../infra/local/klaviyo/core';
import { cpuMs, median, peakRssMb } from './measure';

const START_MS = Date.parse('2026-11-23T10:00:00Z');
const JOB_ROWS = 10_000;
const LISTS = 10;

const bodyOf = (from: number, list: string): Buffer => {
  const data = Array.from({ length: JOB_ROWS }, (_, at) => ({
    type: 'profile',
    attributes: {
      ...{ email: `person.${from + at}@customers.example.com`, external_id: `c-${from + at}`, first_name: 'Ada', last_name: 'Lovelace' },
      properties: { city: 'Springfield', tier: 'gold' },
    },
  }));
  const attributes = { profiles: { data } };
  const relationships = { lists: { data: [{ type: 'list', id: list }] } };
  return Buffer.from(JSON.stringify({ data: { type: 'profile-bulk-import-job', attributes, relationships } }));
};

/** Hears of the garbage collector's pauses; they are told between two turns of the event loop. */
const pausesOfCollector = () => {
  let longestMs = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longestMs = Math.max(longestMs, duration);
  });
  observer.observe({ entryTypes: ['gc'] });
  return {
    longestMs: async (): Promise<number> => {
      await nextTurn();
      observer.disconnect();
      return longestMs;
    },
  };
};

/**
 * What the Klaviyo sandbox itself costs, in this process: admitting a job of 10,000 rows, taking the rows in, and the memory of all of them.
 * @param rows profiles; each list gets its share of them, and with `everywhere` each list gets all of them
 */
export const benchSandbox = async (
  { rows, everywhere }: { rows: number; everywhere: boolean },
  say: (text: string) => void,
): Promise<void> => {
  const sandbox = createSandbox({ limits: false, seed: 1 }, START_MS);
  const lists = Array.from({ length: LISTS }, (_, at) => ({ id: `LIST${String(at).padStart(2, '0')}`, name: `List ${at}` }));
  sandbox.addAccount({ id: 'SANDBX', lists }, START_MS);
  const headers = {
    authorization: 'Klaviyo-API-Key pk_sandbox_full',
    revision: '2026-07-15',
    'content-type': 'application/vnd.api+json',
  };
  const admissions: number[] = [];
  const cpu: number[] = [];
  const pauses = pausesOfCollector();
  let nowMs = START_MS;
  let processing = 0;
  for (const [at, { id }] of lists.entries()) {
    const share = Math.ceil(rows / LISTS / JOB_ROWS) * JOB_ROWS;
    const [from, to] = everywhere ? [0, rows] : [at * share, Math.min(rows, (at + 1) * share)];
    for (let row = from; row < to; row += JOB_ROWS) {
      const body = bodyOf(row, id);
      const admitted = performance.now();
      const spent = cpuMs();
      const { status } = sandbox.handle({ method: 'POST', url: '/api/profile-bulk-import-jobs', headers, body }, nowMs);
      admissions.push(performance.now() - admitted);
      cpu.push(cpuMs() - spent);
      if (status !== 202) throw new Error(`a job was answered with ${status}`);
      nowMs += 10_000;
      const begun = performance.now();
      sandbox.advance(nowMs);
      processing += performance.now() - begun;
      await nextTurn();
    }
  }
  const account = sandbox.state.accounts.get('SANDBX')!;
  const members = [...account.lists.values()].reduce((sum, list) => sum + list.members.count(), 0);
  const mb = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MB`;
  say(`${account.profiles.count()} profiles, ${members} memberships in ${LISTS} lists, ${admissions.length} jobs of ${JOB_ROWS} rows`);
  const of = (values: readonly number[]): string =>
    `${median(values).toFixed(0)} ms in the middle, ${Math.max(...values).toFixed(0)} ms at most`;
  say(`admission of a job: ${of(admissions)} (goal: under 150); processor time of all threads: ${of(cpu)}`);
  say(`longest pause of the garbage collector: ${(await pauses.longestMs()).toFixed(0)} ms`);
  say(`taking rows in: ${((members / processing) * 1000).toFixed(0)} rows a second`);
  say(`memory: ${mb(process.memoryUsage.rss())} at the end, ${peakRssMb().toFixed(0)} MB at most (goal: under 1,536)`);
};
