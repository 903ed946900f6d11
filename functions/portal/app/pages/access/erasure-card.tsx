import { Button, makeStyles, MessageBar, MessageBarBody, ProgressBar, tokens } from '@fluentui/react-components';
import { DismissRegular } from '@fluentui/react-icons';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import { useExportNames } from '../../api/export-list';
import { useErasure } from '../../api/people';
import { Card } from '../../components/card';
import { ProblemMessage } from '../../components/problem-message';
import { Time } from '../../components/time';

const useStyles = makeStyles({
  list: { margin: `${tokens.spacingVerticalS} 0`, paddingLeft: tokens.spacingHorizontalXL },
  head: { display: 'flex', alignItems: 'start', gap: tokens.spacingHorizontalM, '& > :first-child': { flexGrow: 1 } },
});

/** How far an erasure is, what it has done, and where the person still stands in the source. */
export const ErasureCard = ({ id, onClose }: { id: string; onClose: () => void }) => {
  const styles = useStyles();
  const t = useTranslations('access.erasure');
  const names = useExportNames();
  const { data: erasure, error, refetch } = useErasure(id);
  if (erasure === undefined)
    return error === null ? <ProgressBar aria-label={t('title')} /> : <ProblemMessage error={error} onRetry={() => void refetch()} />;
  const { state, counts, lists, segments, waitingFor, requestedAt, byName, endedAt } = erasure;
  const link = (exportId: string) => <Link href={`/exports/${exportId}`}>{names.data?.get(exportId)?.name ?? exportId}</Link>;
  const still = segments.filter(({ stillInSource }) => stillInSource !== false);
  const told = (['states', 'statesRemoved', 'runsStopped', 'reports', 'reportRows', 'stagedRuns', 'lists'] as const).filter(
    (name) => counts[name] > 0,
  );
  return (
    <Card title={t('title')}>
      <div className={styles.head}>
        <div role="status">
          {t(`states.${state}`)} {t('asked', { name: byName })} <Time at={requestedAt} />
          {endedAt !== undefined && (
            <>
              , {t('ended')} <Time at={endedAt} />
            </>
          )}
        </div>
        <Button appearance="subtle" icon={<DismissRegular />} aria-label={t('close')} onClick={onClose} />
      </div>
      {state !== 'done' && <ProgressBar aria-label={t(`states.${state}`)} />}
      <ul className={styles.list}>
        {told.map((name) => (
          <li key={name}>{t(`counts.${name}`, { count: counts[name] })}</li>
        ))}
        {state === 'done' && told.length === 0 && <li>{t('nothing')}</li>}
        {lists.map(({ accountId, listId, state: listState, reason }) => (
          <li key={`${accountId}/${listId}`}>
            {t('list', { listId })}: {t(`listStates.${listState}`)} {reason}
          </li>
        ))}
        {waitingFor.map(({ exportId, runId }) => (
          <li key={exportId}>
            {t('waitingFor')} {link(exportId)}
            {runId !== undefined && (
              <>
                {' '}
                (<Link href={`/runs/${runId}`}>{t('run')}</Link>)
              </>
            )}
          </li>
        ))}
      </ul>
      {still.length > 0 && (
        <MessageBar intent="warning" layout="multiline">
          <MessageBarBody>
            {t('stillInSource')}
            <ul className={styles.list}>
              {still.map(({ segment, reason, exportIds }) => (
                <li key={segment}>
                  {segment} {reason !== undefined && `(${reason})`} →{' '}
                  {exportIds.map((exportId, index) => (
                    <span key={exportId}>
                      {index > 0 && ', '}
                      {link(exportId)}
                    </span>
                  ))}
                </li>
              ))}
            </ul>
          </MessageBarBody>
        </MessageBar>
      )}
    </Card>
  );
};
