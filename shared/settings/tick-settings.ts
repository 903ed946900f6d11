import type { ReadSettings, Settings } from './settings';

type Options = { signal: AbortSignal };

/** What the first part of a tick reads of the settings serves those that come after it in the same tick: one storage call for all. */
export const createTickSettings = ({ readAll }: Pick<Settings, 'readAll'>) => {
  let last: ReadSettings | undefined;
  return {
    /** Reads, and remembers. */
    getRefresh: async (options: Options): Promise<ReturnType<ReadSettings['refresh']>> => {
      last = undefined;
      last = await readAll(options);
      return last.refresh();
    },
    /** What was read last, once; read where nobody has. */
    take: async (options: Options): Promise<ReadSettings> => {
      const mine = last;
      last = undefined;
      return mine ?? readAll(options);
    },
  };
};

export type TickSettings = ReturnType<typeof createTickSettings>;
