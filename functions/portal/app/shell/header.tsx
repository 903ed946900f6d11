import {
  Button,
  makeStyles,
  Menu,
  MenuDivider,
  MenuGroup,
  MenuGroupHeader,
  MenuItemRadio,
  MenuList,
  MenuPopover,
  MenuTrigger,
  tokens,
} from '@fluentui/react-components';
import { PersonRegular, SettingsRegular } from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { useContext } from 'react';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import { SessionContext, useLocalRoles } from '../api/session';
import { usePreferences } from './preferences';
import type { ThemeChoice } from './saved-preferences';

const useStyles = makeStyles({
  header: {
    display: 'flex',
    alignItems: 'center',
    flexWrap: 'wrap',
    columnGap: tokens.spacingHorizontalM,
    minHeight: '48px',
    rowGap: tokens.spacingVerticalXS,
    boxSizing: 'border-box',
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalL}`,
    backgroundColor: '#0c3b5e', // the bar of Dynamics 365, the same in both themes
    color: '#ffffff',
  },
  name: {
    color: 'inherit',
    textDecorationLine: 'none',
    fontSize: tokens.fontSizeBase400,
    fontWeight: tokens.fontWeightSemibold,
    ':focus-visible': { outline: '2px solid #ffffff', outlineOffset: '2px' },
  },
  space: { flexGrow: 1 },
  button: {
    color: '#ffffff',
    ':hover': { color: '#ffffff', backgroundColor: '#0f548c' },
    ':hover:active': { color: '#ffffff', backgroundColor: '#0f548c' },
    '[aria-expanded="true"]': { color: '#ffffff' },
    '&[data-fui-focus-visible]': { outline: '2px solid #ffffff' },
  },
});

/** Roles of the local cloud are chosen by a cookie that its sign-in reads. */
const LocalRole = () => {
  const styles = useStyles();
  const t = useTranslations('shell');
  const local = useLocalRoles();
  const client = useQueryClient();
  if (!local.data) return null;
  const { role, roles } = local.data;
  const nameOf = (name: string): string => {
    const key = `localRoles.${name}` as 'localRoles.None';
    return t.has(key) ? t(key) : name;
  };
  return (
    <Menu
      checkedValues={{ role: [role] }}
      onCheckedValueChange={(_, { checkedItems: [chosen] }) => {
        document.cookie = `local-role=${chosen}; path=/; samesite=strict`;
        client.clear();
        location.reload();
      }}
    >
      <MenuTrigger disableButtonEnhancement>
        <Button appearance="subtle" className={styles.button}>
          {t('localRole', { role: nameOf(role) })}
        </Button>
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          {roles.map((name) => (
            <MenuItemRadio key={name} name="role" value={name}>
              {nameOf(name)}
            </MenuItemRadio>
          ))}
        </MenuList>
      </MenuPopover>
    </Menu>
  );
};

const themes: readonly ThemeChoice[] = ['system', 'light', 'dark'];

const Preferences = () => {
  const styles = useStyles();
  const t = useTranslations('shell');
  const { theme, language, set } = usePreferences();
  return (
    <Menu
      checkedValues={{ theme: [theme], language: [language ?? 'browser'] }}
      onCheckedValueChange={(_, { name, checkedItems: [chosen] }) =>
        set(name === 'theme' ? { theme: chosen as ThemeChoice } : { language: chosen === 'browser' ? undefined : chosen })
      }
    >
      <MenuTrigger disableButtonEnhancement>
        <Button appearance="subtle" className={styles.button} icon={<SettingsRegular />} aria-label={t('preferences')} />
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          <MenuGroup>
            <MenuGroupHeader>{t('language')}</MenuGroupHeader>
            <MenuItemRadio name="language" value="browser">
              {t('languageOfBrowser')}
            </MenuItemRadio>
            {LANGUAGES.map((code) => (
              <MenuItemRadio key={code} name="language" value={code} lang={code}>
                {new Intl.DisplayNames([code], { type: 'language' }).of(code)}
              </MenuItemRadio>
            ))}
          </MenuGroup>
          <MenuDivider />
          <MenuGroup>
            <MenuGroupHeader>{t('theme')}</MenuGroupHeader>
            {themes.map((choice) => (
              <MenuItemRadio key={choice} name="theme" value={choice}>
                {t(`themes.${choice}`)}
              </MenuItemRadio>
            ))}
          </MenuGroup>
        </MenuList>
      </MenuPopover>
    </Menu>
  );
};

/** The bar at the top: the app's name, who is signed in, language and theme, and in the local cloud the role. */
export const Header = () => {
  const styles = useStyles();
  const t = useTranslations('shell');
  const caller = useContext(SessionContext);
  return (
    <header className={styles.header}>
      <Link href="/exports" className={styles.name}>
        {t('name')}
      </Link>
      <span className={styles.space} />
      <LocalRole />
      {caller !== undefined && (
        <span>
          <PersonRegular aria-hidden /> {caller.name} ({t(`roles.${caller.role}`)})
        </span>
      )}
      <Preferences />
    </header>
  );
};
