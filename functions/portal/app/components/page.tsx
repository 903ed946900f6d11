import { makeStyles, tokens, typographyStyles } from '@fluentui/react-components';
import { useEffect, useRef } from 'react';
import type { ReactNode } from 'react';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';

const useStyles = makeStyles({
  head: {
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    columnGap: tokens.spacingHorizontalL,
    rowGap: tokens.spacingVerticalS,
    marginBottom: tokens.spacingVerticalL,
  },
  title: { ...typographyStyles.title2, margin: 0, overflowWrap: 'anywhere', ':focus': { outlineStyle: 'none' } },
  space: { flexGrow: 1 },
  actions: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalS },
  crumbs: { marginBottom: tokens.spacingVerticalXS, fontSize: tokens.fontSizeBase200 },
  crumb: { color: tokens.colorBrandForegroundLink },
  body: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalL },
});

export interface PageProps {
  readonly title: string;
  /** beside the title, e.g. badges */
  readonly beside?: ReactNode;
  readonly actions?: ReactNode;
  /** the page above this one */
  readonly up?: { readonly href: string; readonly text: string };
  readonly children: ReactNode;
}

/** A page's frame. A new page takes the focus to its title, so that a screen reader says where one is. */
export const Page = ({ title, beside, actions, up, children }: PageProps) => {
  const styles = useStyles();
  const t = useTranslations('shell');
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} – ${t('name')}`;
  }, [title, t]);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <>
      {up !== undefined && (
        <nav className={styles.crumbs} aria-label={t('crumbs')}>
          <Link href={up.href} className={styles.crumb}>
            {up.text}
          </Link>
        </nav>
      )}
      <div className={styles.head}>
        <h1 ref={heading} tabIndex={-1} className={styles.title}>
          {title}
        </h1>
        {beside}
        <span className={styles.space} />
        {actions !== undefined && <div className={styles.actions}>{actions}</div>}
      </div>
      <div className={styles.body}>{children}</div>
    </>
  );
};
