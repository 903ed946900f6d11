import type { ExportActivity } from '../exports/export';
import type { ExportId } from '../ids';
import { NORMALISER_VERSION } from '../runs/member-key';
import type { HashKey } from '../runs/member-key';
import { SHARED, batchOf, runOf } from '../runs/member-state';
import type { RunStore } from '../runs/run-store';
import type { StateStore } from '../runs/state-store';
import { loadMemberKey } from './address';
import type { Address } from './address';
import type { TracedState } from './person-trace';
import type { SharedAddress } from './winner';

/** Marks name runs by their number modulo this. */
const RUN_NUMBERS = 65_536;

/** The number of the run behind a mark: the last one with these low bits up to the run that wrote the state. */
export const runNumberOf = (mark: number, writtenBy: number): number =>
  writtenBy - ((((writtenBy - runOf(mark)) % RUN_NUMBERS) + RUN_NUMBERS) % RUN_NUMBERS);

/** What an export's member state says of a person: whether it was sent, by which run, batch and jobs, and how sure that is. */
export const findInState = async (
  exportId: ExportId,
  activity: ExportActivity,
  address: Address,
  {
    states,
    runStore,
    key,
    signal,
  }: { states: StateStore; runStore: Pick<RunStore, 'find' | 'readOfExport'>; key: HashKey; signal: AbortSignal },
): Promise<{ state: TracedState; shared?: SharedAddress }> => {
  if (address.refusedAs !== undefined) return { state: { known: false } };
  const state = await states.load(exportId, activity.stateGeneration, { signal });
  if (state.kind === 'none') return { state: { known: false } };
  if (state.kind === 'unreadable') {
    return {
      state: {
        unknown: {
          code: 'state_unreadable',
          message: `What earlier runs sent cannot be read (${state.reason}); the next run sends everything and writes it anew.`,
        },
      },
    };
  }
  const { header, table } = state;
  if (header.hashKeyId !== key.id || header.normaliser !== NORMALISER_VERSION) {
    return {
      state: {
        unknown: {
          code: 'state_key_changed',
          message: 'What earlier runs sent was written with another key; the next run sends everything and writes it anew.',
        },
      },
    };
  }
  loadMemberKey(address, key);
  const record = table.find();
  if (record < 0) return { state: { known: false } };
  const mark = table.mark(record);
  const runNumber = runNumberOf(mark, header.runNumber);
  const found = {
    known: true,
    runNumber,
    batch: batchOf(mark),
    sure: table.isSure(record),
    jobOpen: header.openJobs.some((open) => open.mark === mark),
  };
  const isKnown = (low: number, high: number): boolean => table.hasPayload(record, low, high);
  const more = (table.flags(record) & SHARED) === 0 ? {} : { shared: { isKnown } };
  for await (const { value: run } of runStore.readOfExport(exportId, { signal })) {
    if (run.number > runNumber) continue;
    if (run.number < runNumber) break;
    const batches = (await runStore.find(run.id, { signal }))?.document.staged?.batches;
    const jobs = batches?.find(({ number }) => number === found.batch)?.jobs;
    const by = { runId: run.id, at: run.endedAt ?? run.submittedAt, ...(jobs ? { jobIds: jobs.map(({ id }) => id) } : {}) };
    return { state: { ...found, ...by }, ...more };
  }
  return { state: found, ...more };
};
