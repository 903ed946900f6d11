import { makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { ArrowExportUpRegular, HistoryRegular, PeopleRegular, PlugConnectedRegular, SettingsRegular } from '@fluentui/react-icons';
import { useContext } from 'react';
import { Link, useLocation } from 'wouter';
import { useTranslations } from 'use-intl';
import { SessionContext } from '../api/session';
import type { Role } from '../api/session';

const useStyles = makeStyles({
  nav: {
    width: '200px',
    flexShrink: 0,
    paddingTop: tokens.spacingVerticalL,
    backgroundColor: tokens.colorNeutralBackground3,
    '@media (max-width: 800px)': { width: 'auto', paddingTop: 0, overflowX: 'auto' },
  },
  list: {
    listStyleType: 'none',
    margin: 0,
    padding: 0,
    '@media (max-width: 800px)': { display: 'flex', flexWrap: 'wrap' },
  },
  link: {
    display: 'flex',
    alignItems: 'center',
    columnGap: tokens.spacingHorizontalS,
    padding: `${tokens.spacingVerticalMNudge} ${tokens.spacingHorizontalL}`,
    color: tokens.colorNeutralForeground1,
    textDecorationLine: 'none',
    borderLeft: `3px solid transparent`,
    ':hover': { backgroundColor: tokens.colorNeutralBackground3Hover },
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '-2px' },
    '@media (max-width: 800px)': { padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalS}` },
  },
  current: {
    borderLeftColor: tokens.colorCompoundBrandStroke,
    backgroundColor: tokens.colorNeutralBackground1,
    fontWeight: tokens.fontWeightSemibold,
  },
});

const items = [
  { area: 'exports', icon: ArrowExportUpRegular, atLeast: 'Viewer' },
  { area: 'runs', icon: HistoryRegular, atLeast: 'Viewer' },
  { area: 'connections', icon: PlugConnectedRegular, atLeast: 'Contributor' },
  { area: 'settings', icon: SettingsRegular, atLeast: 'Viewer' },
  { area: 'access', icon: PeopleRegular, atLeast: 'Administrator' },
] as const;
const roles: readonly Role[] = ['Viewer', 'Contributor', 'Administrator'];

/** The menu: what the caller's role can open. */
export const Navigation = () => {
  const styles = useStyles();
  const t = useTranslations('shell');
  const [path] = useLocation();
  const role = useContext(SessionContext)?.role;
  const shown = items.filter(({ atLeast }) => role !== undefined && roles.indexOf(role) >= roles.indexOf(atLeast));
  return (
    <nav className={styles.nav} aria-label={t('menu')}>
      <ul className={styles.list}>
        {shown.map(({ area, icon: Icon }) => {
          const current = path === `/${area}` || path.startsWith(`/${area}/`);
          return (
            <li key={area}>
              <Link
                href={`/${area}`}
                className={mergeClasses(styles.link, current && styles.current)}
                aria-current={current ? 'page' : undefined}
              >
                <Icon fontSize={20} aria-hidden />
                {t(`areas.${area}`)}
              </Link>
            </li>
          );
        })}
      </ul>
    </nav>
  );
};
