import { makeStyles, tokens } from '@fluentui/react-components';
import { CheckmarkCircleFilled, DismissCircleFilled, InfoRegular } from '@fluentui/react-icons';
import { useTranslations } from 'use-intl';
import type { Check } from '../../api/connections';

const useStyles = makeStyles({
  list: { listStyleType: 'none', margin: 0, padding: 0, display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalS },
  item: { display: 'flex', columnGap: tokens.spacingHorizontalS, alignItems: 'start' },
  icon: { flexShrink: 0, fontSize: '20px' },
  good: { color: tokens.colorPaletteGreenForeground1 },
  bad: { color: tokens.colorPaletteRedForeground1 },
  unknown: { color: tokens.colorNeutralForeground3 },
  detail: { color: tokens.colorNeutralForeground2, overflowWrap: 'anywhere' },
});

/** What a key was held against, item by item, in the order in which it was checked. */
export const Checklist = ({ checks }: { checks: readonly Check[] }) => {
  const styles = useStyles();
  const t = useTranslations('connections');
  const textOf = ({ check, ok, detail, assumed }: Check): string => {
    if (check === 'account') return ok === true ? detail : t('checkUntold');
    // the API says it in words only
    if (check === 'testAccount') return ok !== true ? '' : t(/\bno\b/.test(detail) ? 'isNoTestAccount' : 'isTestAccount');
    if (ok === true) return assumed === true ? t('checkAssumed') : '';
    if (ok === null || check === 'secret') return ''; // the message above says what is wrong with a secret
    return check === 'key' ? t('statuses.keyRefused.what') : t('checkLacks');
  };
  return (
    <ul className={styles.list} aria-label={t('checklist')}>
      {checks.map(({ check, ok, detail, assumed }) => {
        // whether it is a test account is no question of right or wrong
        const shown = check === 'testAccount' ? null : ok;
        const [Icon, colour, word] =
          shown === true
            ? [CheckmarkCircleFilled, styles.good, t('checkGood')]
            : shown === false
              ? [DismissCircleFilled, styles.bad, t('checkBad')]
              : [InfoRegular, styles.unknown, t('checkUnknown')];
        return (
          <li key={check} className={styles.item}>
            <span className={`${styles.icon} ${colour}`}>
              <Icon aria-label={word} role="img" />
            </span>
            <span>
              <strong>{t(`checks.${check.replace(':', '_') as 'key'}`)}</strong>{' '}
              <span className={styles.detail}>{textOf({ check, ok, detail, assumed })}</span>
            </span>
          </li>
        );
      })}
    </ul>
  );
};
