import { makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { useTranslations, useFormatter } from 'use-intl';
import { useLocation } from 'wouter';
import type { RecentRun } from '../../../../shared/exports/recent-run';
import { lookOf, RECENT_SHOWN, tally } from './run-look';
import type { RunLook } from './run-look';
import { useDuration } from './time';
import { useHiddenStyles } from './hidden';

const CELL = 8;
const HEIGHT = 20;

const useStyles = makeStyles({
  strip: { display: 'block', overflow: 'visible', cursor: 'pointer' },
  none: { color: tokens.colorNeutralForeground3 },
  good: { fill: tokens.colorStatusSuccessForeground1, stroke: tokens.colorStatusSuccessForeground1 },
  warned: { fill: tokens.colorStatusWarningForeground1, stroke: tokens.colorStatusWarningForeground1 },
  bad: { fill: 'none', stroke: tokens.colorStatusDangerForeground1, strokeWidth: '2px' },
  calm: { fill: 'none', stroke: tokens.colorNeutralForeground3, strokeWidth: '1.5px' },
  room: { fill: 'transparent', stroke: 'none' },
});

/** Each ending has its own form, so that nobody needs the colours. */
const shapes: Record<RunLook, string> = {
  good: 'M1 4h6v12h-6z',
  warned: 'M4 4l4 12h-8z',
  bad: 'M1 6l6 8m0 -8l-6 8',
  dry: 'M1.5 4.75h5v10.5h-5z',
  skipped: 'M1 10h6',
  canceled: 'M4 7a3 3 0 1 0 0.01 0z',
};

/** The last runs of an export, the newest at the end: one sign each, what it brought on hover, a click opens it. */
export const RunStrip = ({ runs }: { runs: readonly RecentRun[] }) => {
  const styles = useStyles();
  const hidden = useHiddenStyles();
  const t = useTranslations('strip');
  const format = useFormatter();
  const duration = useDuration();
  const [, go] = useLocation();
  if (runs.length === 0) return <span className={styles.none}>{t('none')}</span>;
  const classOf: Record<RunLook, string> = {
    good: styles.good,
    warned: styles.warned,
    bad: styles.bad,
    dry: styles.calm,
    skipped: styles.calm,
    canceled: styles.calm,
  };
  const number = (value: number | undefined) => format.number(value ?? 0);
  const told = (run: RecentRun): string =>
    [
      t('run', { number: run.number, ending: t(`endings.${lookOf(run)}`) }),
      format.dateTime(new Date(run.endedAt), { dateStyle: 'medium', timeStyle: 'short' }) +
        (run.seconds === undefined ? '' : ` · ${duration(run.seconds * 1_000)}`),
      ...(run.read === undefined
        ? []
        : [
            t('counts', {
              read: number(run.read),
              invalid: number(run.invalid),
              accepted: number(run.accepted),
              rejected: number(run.rejected),
              removed: number(run.removed),
            }),
          ]),
    ].join('\n');
  const shown = runs.slice(-RECENT_SHOWN);
  const sums = tally(shown)
    .map(([look, count]) => t('sum', { count, ending: t(`endings.${look}`) }))
    .join(', ');
  return (
    <>
      <svg className={styles.strip} width={CELL * RECENT_SHOWN} height={HEIGHT} aria-hidden focusable={false}>
        {shown.map((run, index) => (
          <g key={run.id} transform={`translate(${(RECENT_SHOWN - shown.length + index) * CELL} 0)`} onClick={() => go(`/runs/${run.id}`)}>
            <title>{told(run)}</title>
            <rect className={styles.room} width={CELL} height={HEIGHT} />
            <path className={mergeClasses(classOf[lookOf(run)])} d={shapes[lookOf(run)]} />
          </g>
        ))}
      </svg>
      <span className={hidden.hidden}>{t('summary', { count: shown.length, sums })}</span>
    </>
  );
};
