import { makeStyles, MessageBar, MessageBarBody, Spinner, tokens } from '@fluentui/react-components';
import { lazy, Suspense } from 'react';
import type { ReactNode } from 'react';
import { useTranslations } from 'use-intl';
import type { SegmentOverlap } from '../../../../../shared/figures/figures';
import { useConnections, useLists } from '../../api/connections';
import { Card } from '../../components/card';
import { Count } from '../../components/count';
import { ProblemMessage } from '../../components/problem-message';
import { useDuration } from '../../components/time';
import { estimateOf } from './estimate';
import { limitOf } from './form';
import type { ExportForm } from './form';

const OverlapMatrix = lazy(() => import('./overlap-matrix'));

const useStyles = makeStyles({
  list: {
    display: 'grid',
    gridTemplateColumns: 'minmax(80px, auto) 1fr',
    columnGap: tokens.spacingHorizontalM,
    rowGap: tokens.spacingVerticalXS,
    margin: 0,
  },
  term: { color: tokens.colorNeutralForeground3 },
  value: { margin: 0, overflowWrap: 'anywhere' },
  box: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalS },
});

const Facts = ({ facts }: { facts: readonly (readonly [term: string, value: ReactNode])[] }) => {
  const styles = useStyles();
  return (
    <dl className={styles.list}>
      {facts.map(([term, value]) => (
        <div key={term} style={{ display: 'contents' }}>
          <dt className={styles.term}>{term}</dt>
          <dd className={styles.value}>{value}</dd>
        </div>
      ))}
    </dl>
  );
};

/** Most people an export may bring: its own cap or the app's, whichever is lower. */
export const capOf = (form: ExportForm, overlap: SegmentOverlap | undefined): number | undefined => {
  const own = limitOf(form, 'maxProfiles');
  const known = [own, overlap?.cap].filter((cap): cap is number => cap !== undefined && cap > 0);
  return known.length === 0 ? undefined : Math.min(...known);
};

/** What is being made, in a few lines, and whom it would bring. */
export const Rail = ({
  form,
  overlap,
  counting,
  error,
  isNew,
}: {
  form: ExportForm;
  overlap: SegmentOverlap | undefined;
  counting: boolean;
  error: unknown;
  isNew: boolean;
}) => {
  const styles = useStyles();
  const t = useTranslations('exportEditor.rail');
  const durationOf = useDuration();
  const connections = useConnections();
  const { connectionId, listMode, listId, listName, newListName, segments, fields, properties } = form;
  const connection = connections.data?.find(({ id }) => id === connectionId)?.displayName;
  const lists = useLists(connectionId);
  // a copy knows the id alone
  const called = lists.data?.find(({ id }) => id === listId)?.name ?? listName;
  const list = listMode === 'create' ? newListName : called === '' ? listId : `${called} (${listId})`;
  const mapped = Object.values(fields).filter((field) => field !== '').length + properties.length;
  const cap = capOf(form, overlap);
  const estimate = overlap && estimateOf(overlap.union, isNew ? (limitOf(form, 'canaryRows') ?? 0) : 0);
  return (
    <>
      <Card title={t('title')}>
        <Facts
          facts={[
            [t('connection'), connection ?? '–'],
            [t('list'), list === '' ? '–' : list],
            [t('segments'), t('segmentCount', { count: segments.length })],
            [t('mapping'), t('attributeCount', { count: mapped })],
            [t('membership'), t(`memberships.${form.membership}`)],
            [t('schedule'), t(`schedules.${form.scheduleKind}`)],
          ]}
        />
      </Card>
      <Card title={t('people')}>
        <div className={styles.box} aria-busy={counting}>
          <ProblemMessage error={error} />
          {overlap === undefined &&
            error === null &&
            (counting ? <Spinner size="small" label={t('counting')} /> : <span>{t('nothingYet')}</span>)}
          {overlap !== undefined && (
            <>
              <Facts
                facts={[
                  [t('union'), <Count value={overlap.union} />],
                  [t('rows'), <Count value={overlap.segments.reduce((sum, { members }) => sum + members, 0)} />],
                  [t('jobs'), <Count value={estimate?.jobs} />],
                  [t('time'), t('atLeast', { duration: durationOf(Math.max(1, estimate?.seconds ?? 0) * 1_000) })],
                  ...(isNew ? [[t('newProfiles'), t('newProfilesUnknown')] as const] : []),
                ]}
              />
              {cap !== undefined && overlap.union > cap && (
                <MessageBar intent="warning" layout="multiline">
                  <MessageBarBody>{t('overCap', { union: overlap.union, cap })}</MessageBarBody>
                </MessageBar>
              )}
              {overlap.segments.length > 1 && (
                <Suspense fallback={<Spinner size="tiny" />}>
                  <OverlapMatrix overlap={overlap} />
                </Suspense>
              )}
            </>
          )}
        </div>
      </Card>
    </>
  );
};
