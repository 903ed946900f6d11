import { Link, makeStyles, tokens } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';

/** What a mirror export needs of a key (klaviyo.md §1); `accounts:read` names the account. */
export const scopes = ['accounts:read', 'lists:read', 'lists:write', 'profiles:read', 'profiles:write'] as const;

const useStyles = makeStyles({
  box: { textAlign: 'start' },
  scopes: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalS, margin: `${tokens.spacingVerticalS} 0`, padding: 0 },
  scope: {
    listStyleType: 'none',
    fontFamily: tokens.fontFamilyMonospace,
    backgroundColor: tokens.colorNeutralBackground3,
    borderRadius: tokens.borderRadiusMedium,
    padding: `0 ${tokens.spacingHorizontalXS}`,
  },
});

/** How to make a key: where, and with which scopes. */
export const KeyHelp = () => {
  const styles = useStyles();
  const t = useTranslations('connections');
  return (
    <div className={styles.box}>
      {t.rich('keyHelp', {
        link: (text) => (
          <Link href="https://www.klaviyo.com/settings/account/api-keys" target="_blank" rel="noreferrer" inline>
            {text}
          </Link>
        ),
      })}
      <ul className={styles.scopes} aria-label={t('scopes')}>
        {scopes.map((scope) => (
          <li key={scope} className={styles.scope}>
            {scope}
          </li>
        ))}
      </ul>
    </div>
  );
};
