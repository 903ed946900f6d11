import { Button, makeStyles, tokens } from '@fluentui/react-components';
import { BeakerRegular, PlayRegular } from '@fluentui/react-icons';
import { useTranslations } from 'use-intl';
import type { ExportView } from '../../../../../shared/exports/export-view';
import { useNextRuns } from '../../api/exports';
import { EmptyState } from '../../components/empty-state';
import { Time } from '../../components/time';

const useStyles = makeStyles({
  buttons: { display: 'flex', flexWrap: 'wrap', justifyContent: 'center', gap: tokens.spacingHorizontalS },
  text: { margin: 0, maxWidth: '560px' },
});

/** An export that has never run: a dry run is the next step, and when it would run by itself. */
export const NotStarted = ({ view, onStart }: { view: ExportView; onStart: ((how: 'run' | 'dryRun') => void) | undefined }) => {
  const styles = useStyles();
  const t = useTranslations('exportDetail.notStarted');
  const reasons = useTranslations('exportDetail.schedule.reasons');
  const next = useNextRuns(view.id);
  const at = next.data?.value[0]?.at;
  const reason = next.data?.reason;
  return (
    <EmptyState title={t('title')}>
      {(onStart !== undefined || view.permission === 'view') && (
        <p className={styles.text}>{t(onStart === undefined ? 'forOthers' : 'text')}</p>
      )}
      {onStart !== undefined && (
        <div className={styles.buttons}>
          <Button appearance="primary" size="large" icon={<BeakerRegular />} onClick={() => onStart('dryRun')}>
            {t('dryRun')}
          </Button>
          <Button size="large" icon={<PlayRegular />} onClick={() => onStart('run')}>
            {t('run')}
          </Button>
        </div>
      )}
      <p className={styles.text}>
        {at !== undefined ? (
          <>
            {t('due')} <Time at={at} />
          </>
        ) : (
          reason !== undefined && reasons(reason.code)
        )}
      </p>
    </EmptyState>
  );
};
