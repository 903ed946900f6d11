import { useCallback, useRef, useState } from 'react';
import { useTranslations } from 'use-intl';
import { useLocation } from 'wouter';
import type { ListedExport } from '../../../../../shared/exports/export-list';
import { useExportActions } from '../../api/exports';
import { useSay } from '../../components/toast';

/** What is asked about first, for one export or several. */
export interface Asked {
  readonly what: 'run' | 'schedule' | 'detach' | 'remove';
  readonly exports: readonly ListedExport[];
}

/** What a row's menu does; what went wrong is kept in `error` until the next action. */
export const useRowActions = () => {
  const t = useTranslations('exports.done');
  const say = useSay();
  const [, go] = useLocation();
  const api = useExportActions();
  const [asked, ask] = useState<Asked>();
  const [error, setError] = useState<unknown>();
  const busy = useRef(new Set<string>());

  /** A second click while the first is under way does nothing. */
  const once = async (id: string, work: () => Promise<void>): Promise<void> => {
    if (busy.current.has(id)) return;
    busy.current.add(id);
    setError(undefined);
    try {
      await work();
    } catch (cause) {
      setError(cause);
    } finally {
      busy.current.delete(id);
    }
  };
  const latest = useRef({ api, say, go, t, once });
  latest.current = { api, say, go, t, once };

  /** The same function at each drawing, as the table's columns hold it. */
  const dryRun = useCallback(({ id }: ListedExport): void => {
    const { api: calls, go: leadTo, once: guarded } = latest.current;
    void guarded(id, async () => leadTo(`/runs/${(await calls.start(id, { dryRun: true }, crypto.randomUUID())).id}`));
  }, []);

  return {
    asked,
    ask,
    error,
    dryRun,
    setPaused: ({ id, name }: ListedExport, paused: boolean): void =>
      void once(id, async () => {
        await (paused ? api.pause(id) : api.resume(id));
        say(t(paused ? 'paused' : 'resumed', { name }));
      }),
    go,
  };
};

export type RowActions = ReturnType<typeof useRowActions>;
