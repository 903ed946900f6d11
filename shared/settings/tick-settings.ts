import type { Settings } from './settings';

type Whole = Awaited<ReturnType<Settings['getWhole']>>;
type Options = { signal: AbortSignal };

/** What the first part of a tick reads of the settings serves those that come after it in the same tick: one storage call for all. */
export const createTickSettings = ({ getWhole }: Pick<Settings, 'getWhole'>) => {
  let last: Whole | undefined;
  return {
    /** Reads, and remembers. */
    getRefresh: async (options: Options): Promise<Whole['refresh']> => {
      last = undefined;
      last = await getWhole(options);
      return last.refresh;
    },
    /** What was read last, once; read where nobody has. */
    take: async (options: Options): Promise<Whole> => {
      const mine = last;
      last = undefined;
      return mine ?? getWhole(options);
    },
  };
};

export type TickSettings = ReturnType<typeof createTickSettings>;
