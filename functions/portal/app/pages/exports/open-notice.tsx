import { makeStyles, tokens } from '@fluentui/react-components';
import { WarningRegular } from '@fluentui/react-icons';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import { useOpenConditions } from '../../api/notifications';

const useStyles = makeStyles({
  link: { display: 'inline-flex', alignItems: 'center', columnGap: tokens.spacingHorizontalXS, color: tokens.colorBrandForegroundLink },
  sign: { color: tokens.colorPaletteDarkOrangeForeground1, flexShrink: 0 },
});

/** How much is open, in a few words that lead to it; nothing where nothing is. @param ready what matters more on the page is there */
export const OpenNotice = ({ ready }: { ready: boolean }) => {
  const styles = useStyles();
  const t = useTranslations('notifications.open');
  const open = useOpenConditions({ enabled: ready });
  if (open.data === undefined || open.data.length === 0) return null;
  return (
    <Link href="/settings?tab=notifications" className={styles.link}>
      <WarningRegular className={styles.sign} fontSize={16} aria-hidden />
      {t('notice', { count: open.data.length })}
    </Link>
  );
};
