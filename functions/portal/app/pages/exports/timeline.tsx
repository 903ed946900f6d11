import { Link as FluentLink, makeStyles, mergeClasses, Skeleton, SkeletonItem, tokens } from '@fluentui/react-components';
import { useFormatter, useNow, useTranslations } from 'use-intl';
import { Link, useLocation } from 'wouter';
import { PLOT_LIMIT, useRunsSince } from '../../api/run-list';
import { useHiddenStyles } from '../../components/hidden';
import { ProblemMessage } from '../../components/problem-message';
import { useDuration } from '../../components/time';
import { daysIn, lanesOf, lastDays } from './timeline-lanes';
import type { Bar } from './timeline-lanes';

/** More lanes than fit on a few screens are no picture any more. */
const MOST_LANES = 50;
const DAYS_BETWEEN = 5;

const useStyles = makeStyles({
  words: { margin: `0 0 ${tokens.spacingVerticalM}`, color: tokens.colorNeutralForeground2 },
  grid: {
    display: 'grid',
    gridTemplateColumns: 'minmax(90px, 200px) 1fr',
    columnGap: tokens.spacingHorizontalM,
    listStyleType: 'none',
    margin: 0,
    padding: 0,
  },
  row: { display: 'contents' },
  name: {
    color: tokens.colorBrandForegroundLink,
    overflow: 'hidden',
    textOverflow: 'ellipsis',
    whiteSpace: 'nowrap',
    lineHeight: '24px',
  },
  lane: {
    position: 'relative',
    height: '24px',
    borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
    overflow: 'hidden',
  },
  bar: {
    position: 'absolute',
    top: '4px',
    height: '16px',
    minWidth: '5px',
    borderRadius: '2px',
    cursor: 'pointer',
    boxSizing: 'border-box',
  },
  good: { backgroundColor: tokens.colorStatusSuccessForeground1 },
  warned: { backgroundColor: tokens.colorStatusWarningForeground1, clipPath: 'polygon(50% 0, 100% 100%, 0 100%)', minWidth: '9px' },
  bad: { backgroundColor: tokens.colorStatusDangerForeground1, clipPath: 'polygon(50% 0, 100% 50%, 50% 100%, 0 50%)', minWidth: '9px' },
  running: { backgroundColor: tokens.colorCompoundBrandBackground, minWidth: '9px' },
  calm: { border: `1.5px solid ${tokens.colorNeutralForeground3}` },
  axis: { position: 'relative', height: '20px', color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
  tick: {
    position: 'absolute',
    whiteSpace: 'nowrap',
    borderLeft: `1px solid ${tokens.colorNeutralStroke1}`,
    paddingLeft: '3px',
  },
  few: { '@media (max-width: 640px)': { ':nth-child(even)': { display: 'none' } } },
});

/** When each export ran in the last 30 days, a lane each; said in words, too, and all runs are one link away as a table. */
const Timeline = ({ exports }: { exports: readonly { readonly id: string; readonly name: string }[] }) => {
  const styles = useStyles();
  const hidden = useHiddenStyles();
  const t = useTranslations('exports.timeline');
  const endings = useTranslations('strip');
  const states = useTranslations('status.run');
  const format = useFormatter();
  const duration = useDuration();
  const [, go] = useLocation();
  const span = lastDays(useNow().getTime());
  const from = new Date(span.fromMs).toISOString();
  const { data: runs, error, refetch } = useRunsSince(from);
  if (runs === undefined) {
    return error === null ? (
      <Skeleton aria-label={t('loading')}>
        <SkeletonItem size={96} />
      </Skeleton>
    ) : (
      <ProblemMessage error={error} onRetry={() => void refetch()} />
    );
  }
  const lanes = lanesOf(exports.slice(0, MOST_LANES), runs, span);
  const failed = runs.filter(({ state }) => state === 'failed').length;
  const classOf = (look: Bar['look']): string => {
    if (look === 'good' || look === 'warned' || look === 'bad' || look === 'running') return styles[look];
    return styles.calm;
  };
  const told = ({ number, look, at, ms }: Bar): string =>
    [
      endings('run', { number, ending: look === 'running' ? states('refreshing') : endings(`endings.${look}`) }),
      format.dateTime(new Date(at), { dateStyle: 'medium', timeStyle: 'short' }),
      duration(ms),
    ].join('\n');
  const percent = (share: number): string => `${(share * 100).toFixed(3)}%`;
  return (
    <>
      <p className={styles.words}>
        {t('summary', { runs: runs.length, exports: new Set(runs.map(({ exportId }) => exportId)).size, failed })}{' '}
        {runs.length >= PLOT_LIMIT && t('cut', { limit: PLOT_LIMIT })} {exports.length > MOST_LANES && t('lanesCut', { limit: MOST_LANES })}{' '}
        {t('axis')}{' '}
        <Link href={`/runs?from=${from.slice(0, 10)}`} asChild>
          <FluentLink inline>{t('asTable')}</FluentLink>
        </Link>
      </p>
      <ul className={styles.grid}>
        {lanes.map(({ id, name, bars, failed: failedHere, longestMs }) => (
          <li key={id} className={styles.row}>
            <Link href={`/exports/${id}`} className={styles.name} title={name}>
              {name}
            </Link>
            <span className={hidden.hidden}>
              {t('lane', { runs: bars.length, failed: failedHere })}
              {bars.length > 0 && `, ${t('longest', { duration: duration(longestMs) })}`}
            </span>
            <div className={styles.lane} aria-hidden>
              {bars.map((bar) => (
                <div
                  key={bar.runId}
                  className={mergeClasses(styles.bar, classOf(bar.look))}
                  style={{ left: `min(${percent(bar.from)}, calc(100% - 9px))`, width: percent(bar.width) }}
                  title={told(bar)}
                  onClick={() => go(`/runs/${bar.runId}`)}
                />
              ))}
            </div>
          </li>
        ))}
      </ul>
      <div className={styles.grid} aria-hidden>
        <span />
        <div className={styles.axis}>
          {daysIn(span, DAYS_BETWEEN).map(({ at, place }) => (
            <span key={place} className={mergeClasses(styles.tick, styles.few)} style={{ left: percent(place) }}>
              {format.dateTime(at, { day: 'numeric', month: 'short' })}
            </span>
          ))}
        </div>
      </div>
    </>
  );
};

export default Timeline;
