import { Button, makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import type { ListedExport } from '../../../../../shared/exports/export-list';
import { Count } from '../../components/count';
import { useCodeText } from '../../components/code-text';
import { useScheduleText } from '../../components/schedule-text';
import { ActivityBadge, HealthBadge } from '../../components/status';
import { Time } from '../../components/time';

const useStyles = makeStyles({
  link: { color: tokens.colorBrandForegroundLink, fontWeight: tokens.fontWeightSemibold, overflowWrap: 'anywhere' },
  name: { '@media (min-width: 641px)': { minWidth: '170px' } },
  plain: { color: tokens.colorBrandForegroundLink },
  below: {
    display: 'block',
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
    lineHeight: tokens.lineHeightBase200,
  },
  oneLine: { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap', maxWidth: '112px' },
  mono: { fontFamily: tokens.fontFamilyMonospace },
  narrow: { maxWidth: '112px' },
  whole: { whiteSpace: 'nowrap' },
  muted: { color: tokens.colorNeutralForeground3 },
});

interface Cell {
  readonly item: ListedExport;
}

/** The export's name, and where it leads: connection, list and its id. */
export const NameCell = ({ item, tellPermission }: Cell & { tellPermission: boolean }) => {
  const styles = useStyles();
  const t = useTranslations('exports');
  const { id, name, permission, connection, connectionId, listId, listName } = item;
  // of a connection that is not shared nothing is told
  const source = connection === undefined && connectionId === undefined ? t('noConnection') : connection?.displayName;
  return (
    <div className={styles.name}>
      <Link href={`/exports/${id}`} className={styles.link}>
        {name}
      </Link>
      <span className={styles.below}>
        {source !== undefined && <>{source} → </>}
        {listName ?? t('list')} (<span className={styles.mono}>{listId}</span>){tellPermission && <> · {t(`permission.${permission}`)}</>}
      </span>
    </div>
  );
};

export const MembersCell = ({ item: { members, segments } }: Cell) => {
  const styles = useStyles();
  const t = useTranslations('exports');
  return (
    <div>
      <Count value={members} />
      <span className={styles.below} title={segments.join(', ')}>
        {t('segmentCount', { count: segments.length })}
      </span>
    </div>
  );
};

export const HealthCell = ({ item: { health, reasons } }: Cell) => {
  const styles = useStyles();
  const textOf = useCodeText();
  const told = reasons.map(({ code, message }) => textOf(code, message));
  const [first] = told;
  return (
    <div>
      <HealthBadge health={health} />
      {first !== undefined && (
        <span className={mergeClasses(styles.below, styles.oneLine, styles.narrow)} title={told.join('\n')}>
          {first}
        </span>
      )}
    </div>
  );
};

export const ActivityCell = ({ item: { activity } }: Cell) => {
  const styles = useStyles();
  const t = useTranslations('status.activity');
  return activity === 'idle' ? <span className={styles.muted}>{t('idle')}</span> : <ActivityBadge activity={activity} />;
};

/** The last run; where there was none, a dry run is the next step. */
export const LastRunCell = ({ item, onDryRun }: Cell & { onDryRun: ((item: ListedExport) => void) | undefined }) => {
  const styles = useStyles();
  const t = useTranslations('exports');
  const trigger = useTranslations('status.trigger');
  const { lastRun, recentRuns, permission, paused, connectionId, activity } = item;
  if (lastRun !== undefined) {
    return (
      <div>
        <Link href={`/runs/${lastRun.id}`} className={mergeClasses(styles.plain, styles.whole)}>
          <Time at={lastRun.endedAt} relative />
        </Link>
        <span className={styles.below}>{trigger(lastRun.trigger)}</span>
      </div>
    );
  }
  const canTry = permission === 'edit' && !paused && connectionId !== undefined && recentRuns.length === 0 && activity === 'idle';
  return (
    <div>
      <span className={styles.muted}>{t('neverRan')}</span>
      {canTry && onDryRun !== undefined && (
        <Button size="small" onClick={() => onDryRun(item)} aria-label={t('dryRunOf', { name: item.name })}>
          {t('dryRun')}
        </Button>
      )}
    </div>
  );
};

export const NextRunCell = ({ item: { nextRunAt, schedule } }: Cell) => {
  const styles = useStyles();
  const t = useTranslations('exports');
  const textOf = useScheduleText();
  const text = textOf(schedule);
  return (
    <div>
      {nextRunAt === undefined ? (
        <span className={styles.muted}>{t('noNextRun')}</span>
      ) : (
        <span className={styles.whole}>
          <Time at={nextRunAt} relative />
        </span>
      )}
      <span className={mergeClasses(styles.below, styles.oneLine)} title={text}>
        {text}
      </span>
    </div>
  );
};
