import { makeStyles, mergeClasses, ProgressBar, tokens } from '@fluentui/react-components';
import { ArrowSyncRegular, CheckmarkCircleFilled, CircleRegular, DismissCircleFilled, SubtractCircleRegular } from '@fluentui/react-icons';
import type { ReactElement } from 'react';
import { useFormatter, useTranslations } from 'use-intl';
import type { Run } from '../../../../../shared/runs/run';
import { useHiddenStyles } from '../../components/hidden';
import { useDuration } from '../../components/time';
import { paceOf, stepsOf } from './progress';
import type { Step, StepState } from './progress';

const useStyles = makeStyles({
  steps: {
    listStyleType: 'none',
    margin: 0,
    padding: 0,
    display: 'grid',
    gridTemplateColumns: 'repeat(8, minmax(0, 1fr))',
    columnGap: tokens.spacingHorizontalXS,
    '@media (max-width: 1000px)': { gridTemplateColumns: '1fr', rowGap: tokens.spacingVerticalXS },
  },
  step: {
    display: 'flex',
    flexDirection: 'column',
    rowGap: tokens.spacingVerticalXXS,
    borderTop: `4px solid ${tokens.colorNeutralStroke2}`,
    paddingTop: tokens.spacingVerticalS,
    color: tokens.colorNeutralForeground2,
    '@media (max-width: 1000px)': {
      flexDirection: 'row',
      alignItems: 'center',
      columnGap: tokens.spacingHorizontalS,
      borderTop: 'none',
      borderLeft: `4px solid ${tokens.colorNeutralStroke2}`,
      padding: `${tokens.spacingVerticalXXS} 0 ${tokens.spacingVerticalXXS} ${tokens.spacingHorizontalS}`,
    },
  },
  done: { borderTopColor: tokens.colorPaletteGreenBackground3, borderLeftColor: tokens.colorPaletteGreenBackground3 },
  current: {
    borderTopColor: tokens.colorCompoundBrandStroke,
    borderLeftColor: tokens.colorCompoundBrandStroke,
    color: tokens.colorNeutralForeground1,
    fontWeight: tokens.fontWeightSemibold,
  },
  stopped: { borderTopColor: tokens.colorPaletteRedBackground3, borderLeftColor: tokens.colorPaletteRedBackground3 },
  name: { display: 'flex', alignItems: 'start', columnGap: tokens.spacingHorizontalXS, overflowWrap: 'anywhere' },
  icon: { flexShrink: 0, display: 'inline-flex', fontSize: '16px', marginTop: '2px' },
  green: { color: tokens.colorPaletteGreenForeground1 },
  red: { color: tokens.colorPaletteRedForeground1 },
  brand: { color: tokens.colorBrandForeground1 },
  time: { fontVariantNumeric: 'tabular-nums', fontWeight: tokens.fontWeightRegular },
  pace: { marginTop: tokens.spacingVerticalM, display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalXS },
});

const Icon = ({ state }: { state: StepState }): ReactElement => {
  const styles = useStyles();
  if (state === 'done') return <CheckmarkCircleFilled aria-hidden className={mergeClasses(styles.icon, styles.green)} />;
  if (state === 'current') return <ArrowSyncRegular aria-hidden className={mergeClasses(styles.icon, styles.brand)} />;
  if (state === 'stopped') return <DismissCircleFilled aria-hidden className={mergeClasses(styles.icon, styles.red)} />;
  if (state === 'notNeeded') return <SubtractCircleRegular aria-hidden className={styles.icon} />;
  return <CircleRegular aria-hidden className={styles.icon} />;
};

const PhaseStep = ({ step: { phase, state, seconds } }: { step: Step }) => {
  const styles = useStyles();
  const hidden = useHiddenStyles();
  const t = useTranslations('runDetail.steps');
  const phases = useTranslations('status.phase');
  const duration = useDuration();
  const time = seconds === undefined ? t(state) : duration(seconds * 1_000);
  return (
    <li
      className={mergeClasses(
        styles.step,
        state === 'done' && styles.done,
        state === 'current' && styles.current,
        state === 'stopped' && styles.stopped,
      )}
      aria-current={state === 'current' ? 'step' : undefined}
    >
      <span className={styles.name}>
        <Icon state={state} /> {phases(phase)}
      </span>
      <span className={styles.time} title={t(state)}>
        {time}
        {/* what the sign before the name says */}
        {seconds !== undefined && <span className={hidden.hidden}> ({t(state)})</span>}
      </span>
    </li>
  );
};

/** The eight phases with the seconds each took, and, while rows are sent, how far that has come. */
export const PhaseBar = ({ run, nowMs }: { run: Run; nowMs: number }) => {
  const styles = useStyles();
  const t = useTranslations('runDetail.steps');
  const phases = useTranslations('status.phase');
  const format = useFormatter();
  const duration = useDuration();
  const pace = run.endedAt === undefined ? paceOf(run, nowMs) : undefined;
  const reading = run.endedAt === undefined && run.phase === 'prepare' && run.counts.read > 0;
  return (
    <>
      <ol className={styles.steps} aria-label={t('label')}>
        {stepsOf(run, nowMs).map((step) => (
          <PhaseStep key={step.phase} step={step} />
        ))}
      </ol>
      {reading && <div className={styles.pace}>{t('reading', { count: run.counts.read })}</div>}
      {pace !== undefined && (
        <div className={styles.pace}>
          <ProgressBar value={pace.share} thickness="large" aria-label={phases(run.phase)} />
          <span>
            {[
              t('jobs', { done: pace.done, total: pace.total }),
              ...(pace.rowsPerSecond === undefined
                ? []
                : [t('rate', { rate: format.number(pace.rowsPerSecond, { maximumFractionDigits: pace.rowsPerSecond < 10 ? 1 : 0 }) })]),
              ...(pace.secondsLeft === undefined || pace.done === pace.total
                ? []
                : [t('left', { time: duration(Math.ceil(pace.secondsLeft) * 1_000) })]),
            ].join(' · ')}
          </span>
        </div>
      )}
    </>
  );
};
