import { useState } from 'react';
import { useTranslations } from 'use-intl';
import type { RunAllAnswer } from '../../../../../shared/schedules/run-all';
import { useBulkActions } from '../../api/export-bulk';
import { useActiveExports } from '../../api/export-list';
import { Confirm } from '../../components/confirm';
import { useSay } from '../../components/toast';
import { OutcomeDialog } from './outcome-dialog';

/** Those were never meant. */
const VIEW_ONLY = 'export_view_only';

/** Asks before all exports with an active schedule run, and says which did not. */
const RunAllDialog = ({ onClose }: { onClose: () => void }) => {
  const t = useTranslations('exports.runAll');
  const say = useSay();
  const { runAll } = useBulkActions();
  const summary = useActiveExports().data?.summary;
  const [answer, setAnswer] = useState<RunAllAnswer>();
  const [key] = useState(() => crypto.randomUUID());
  if (answer !== undefined) {
    const refused = answer.value.flatMap(({ exportId: id, outcome, code = '', message = '' }) =>
      outcome === 'refused' && code !== VIEW_ONLY ? [{ id, code, message }] : [],
    );
    const names = new Map(answer.value.map(({ exportId, name }) => [exportId as string, name]));
    return <OutcomeDialog outcome={{ done: answer.runningCount, refused }} nameOf={(id) => names.get(id) ?? id} onClose={onClose} />;
  }
  return (
    <Confirm
      title={t('title')}
      action={t('action')}
      onConfirm={async () => {
        const told = await runAll(key);
        if (told.value.some(({ outcome, code }) => outcome === 'refused' && code !== VIEW_ONLY)) {
          setAnswer(told);
          return false;
        }
        say(t('done', { count: told.runningCount }));
        return true;
      }}
      onClose={onClose}
    >
      <p>{summary === undefined ? t('text') : t('plan', { scheduled: summary.scheduled, total: summary.total })}</p>
      <p>{t('others')}</p>
    </Confirm>
  );
};

export default RunAllDialog;
