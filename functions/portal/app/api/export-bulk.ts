import type { RunAllAnswer } from '../../../../shared/schedules/run-all';
import type { ScheduleChanged, SchedulesChange } from '../../../../shared/schedules/set-schedules';
import { ApiError, request } from './client';
import { useRefreshAfter } from './exports';

/** What became of several exports: how many did it, and why each of the others did not. */
export interface Outcome {
  readonly done: number;
  readonly refused: readonly { readonly id: string; readonly code: string; readonly message: string }[];
}

const AT_ONCE = 4;

interface DetachedList {
  readonly value: readonly { exportId: string; detached: boolean; error?: { code: string; detail: string } }[];
}

/** Runs one after the other, a few at once. @throws whatever is no refusal of the API */
const startEach = async (ids: readonly string[], key: string): Promise<Outcome> => {
  const refused: Outcome['refused'][number][] = [];
  const waiting = [...ids];
  const work = async (): Promise<void> => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      try {
        await request('POST', `/exports/${id}/run`, { body: {}, idempotencyKey: `${key}-${id}` });
      } catch (error) {
        if (!(error instanceof ApiError) || error.status === 401) throw error;
        refused.push({ id, code: error.code, message: error.message });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { done: ids.length - refused.length, refused };
};

/**
 * What can be done with several exports at once; what one of them refuses keeps no other from it.
 * @throws ApiError, OfflineError when nothing could be done at all
 */
export const useBulkActions = () => {
  const done = useRefreshAfter();
  return {
    /** @param key the same for each try of one click */
    run: (ids: readonly string[], key: string): Promise<Outcome> => done(startEach(ids, key)),
    runAll: async (key: string): Promise<RunAllAnswer> =>
      (await done(request<RunAllAnswer>('POST', '/exports/run-all', { idempotencyKey: key }))).body,
    detach: async (exportIds: readonly string[]): Promise<Outcome> => {
      const { value } = (await done(request<DetachedList>('POST', '/exports/detach', { body: { exportIds } }))).body;
      const refused = value.flatMap(({ exportId: id, error }) => (error ? [{ id, code: error.code, message: error.detail }] : []));
      return { done: value.length - refused.length, refused };
    },
    schedule: async (change: SchedulesChange): Promise<Outcome> => {
      const { value } = (await done(request<{ value: ScheduleChanged[] }>('PUT', '/exports/schedules', { body: change }))).body;
      const refused = value.flatMap(({ exportId: id, outcome, code = '', message = '' }) =>
        outcome === 'refused' ? [{ id, code, message }] : [],
      );
      return { done: value.length - refused.length, refused };
    },
  };
};
