import { useState } from 'react';
import { useTranslations } from 'use-intl';
import type { Outcome } from '../../api/export-bulk';
import { useBulkActions } from '../../api/export-bulk';
import { useExportActions } from '../../api/exports';
import { Confirm } from '../../components/confirm';
import { useSay } from '../../components/toast';
import { OutcomeDialog } from './outcome-dialog';
import { ScheduleDialog } from './schedule-dialog';
import type { Asked } from './use-row-actions';

/** Asks before something is done with one export or several, with what will happen in numbers, and says what became of it. */
const ExportDialog = ({ what, exports, onClose, onDone }: Asked & { onClose: () => void; onDone: () => void }) => {
  const t = useTranslations('exports.ask');
  const say = useSay();
  const bulk = useBulkActions();
  const { remove } = useExportActions();
  const [outcome, setOutcome] = useState<Outcome>();
  const [key] = useState(() => crypto.randomUUID());

  const nameOf = (id: string) => exports.find((one) => one.id === id)?.name ?? id;
  if (outcome !== undefined) return <OutcomeDialog outcome={outcome} nameOf={nameOf} onClose={onClose} />;

  const ids = exports.map(({ id }) => id);
  const count = exports.length;
  const [first] = exports;
  const sum = (figure: (one: Asked['exports'][number]) => number | undefined) =>
    exports.reduce((total, one) => total + (figure(one) ?? 0), 0);
  const active = exports.filter(({ activity }) => activity !== 'idle' && activity !== 'paused').length;
  /** Whatever was refused is told in a dialog of its own, which takes the place of this one. */
  const finish = (result: Outcome): boolean => {
    onDone();
    if (result.refused.length === 0) say(t(`${what}Done`, { count: result.done, name: first?.name ?? '' }));
    else setOutcome(result);
    return result.refused.length === 0;
  };

  switch (what) {
    case 'schedule':
      return <ScheduleDialog exports={exports} onSave={async (change) => finish(await bulk.schedule(change))} onClose={onClose} />;
    case 'run': {
      const cannot = exports.filter(({ paused, connectionId }) => paused || connectionId === undefined).length;
      const runnable = exports.filter(({ paused, connectionId }) => !paused && connectionId !== undefined);
      return (
        <Confirm
          title={t('runTitle', { count: runnable.length })}
          action={t('runAction', { count: runnable.length })}
          disabled={runnable.length === 0}
          onConfirm={async () =>
            finish(
              await bulk.run(
                runnable.map(({ id }) => id),
                key,
              ),
            )
          }
          onClose={onClose}
        >
          <p>{t('runText', { count: runnable.length, members: sum(({ members }) => members) })}</p>
          <p>{t('runMirrors', { count: runnable.filter(({ membership }) => membership === 'mirror').length })}</p>
          {cannot > 0 && <p>{t('runCannot', { count: cannot })}</p>}
          {active > 0 && <p>{t('runActive', { count: active })}</p>}
        </Confirm>
      );
    }
    case 'detach':
      return (
        <Confirm
          title={t('detachTitle', { count, name: first?.name ?? '' })}
          action={t('detachAction')}
          onConfirm={async () => finish(await bulk.detach(ids))}
          onClose={onClose}
        >
          <p>{t('detachText', { count })}</p>
          {active > 0 && <p>{t('stops', { count: active })}</p>}
        </Confirm>
      );
    case 'remove':
      return (
        <Confirm
          title={t('removeTitle', { name: first?.name ?? '' })}
          action={t('removeAction')}
          onConfirm={async () => {
            await remove(ids[0]!);
            return finish({ done: 1, refused: [] });
          }}
          onClose={onClose}
        >
          <p>{t('removeText', { runs: first?.lastRun?.number ?? first?.recentRuns.at(-1)?.number ?? 0 })}</p>
          <p>
            {t('removeList', {
              list: first?.listName ?? first?.listId ?? '',
              members: first?.members ?? 0,
              known: first?.members === undefined ? 'no' : 'yes',
            })}
          </p>
          {active > 0 && <p>{t('stops', { count: active })}</p>}
        </Confirm>
      );
  }
};

export default ExportDialog;
