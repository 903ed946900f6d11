import { makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { CheckmarkCircleFilled, CircleRegular, ErrorCircleFilled } from '@fluentui/react-icons';
import { useTranslations } from 'use-intl';
import { steps } from './steps';
import type { Step } from './steps';

const useStyles = makeStyles({
  list: {
    display: 'flex',
    flexWrap: 'wrap',
    gap: tokens.spacingHorizontalS,
    listStyleType: 'none',
    margin: 0,
    padding: 0,
  },
  item: { flex: '1 1 170px' },
  button: {
    font: 'inherit',
    width: '100%',
    display: 'flex',
    alignItems: 'center',
    columnGap: tokens.spacingHorizontalS,
    textAlign: 'start',
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalM}`,
    color: tokens.colorNeutralForeground1,
    backgroundColor: tokens.colorNeutralBackground1,
    border: `1px solid ${tokens.colorNeutralStroke1}`,
    borderRadius: tokens.borderRadiusMedium,
    cursor: 'pointer',
    ':hover': { backgroundColor: tokens.colorNeutralBackground1Hover },
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '1px' },
  },
  current: {
    fontWeight: tokens.fontWeightSemibold,
    border: `1px solid ${tokens.colorCompoundBrandStroke}`,
    boxShadow: `inset 0 -3px 0 ${tokens.colorCompoundBrandStroke}`,
  },
  done: { color: tokens.colorPaletteGreenForeground1, flexShrink: 0 },
  wrong: { color: tokens.colorPaletteRedForeground1, flexShrink: 0 },
  open: { color: tokens.colorNeutralForeground3, flexShrink: 0 },
});

/** The four steps; any may be opened at any time. Which are complete, and which need a look, is said by icon and word. */
export const Stepper = ({
  current,
  stateOf,
  onOpen,
}: {
  current: Step;
  stateOf: (step: Step) => 'wrong' | 'done' | 'open';
  onOpen: (step: Step) => void;
}) => {
  const styles = useStyles();
  const t = useTranslations('exportEditor');
  const icons = {
    done: <CheckmarkCircleFilled className={styles.done} fontSize={20} aria-label={t('stepStates.done')} />,
    wrong: <ErrorCircleFilled className={styles.wrong} fontSize={20} aria-label={t('stepStates.wrong')} />,
    open: <CircleRegular className={styles.open} fontSize={20} aria-label={t('stepStates.open')} />,
  };
  return (
    <nav aria-label={t('stepsLabel')}>
      <ol className={styles.list}>
        {steps.map((step, index) => (
          <li key={step} className={styles.item}>
            <button
              type="button"
              className={mergeClasses(styles.button, step === current && styles.current)}
              aria-current={step === current ? 'step' : undefined}
              onClick={() => onOpen(step)}
            >
              {icons[stateOf(step)]}
              {index + 1}. {t(`steps.${step}`)}
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
};
