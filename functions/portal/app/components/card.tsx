import { makeStyles, mergeClasses, Subtitle2, tokens } from '@fluentui/react-components';
import { useId } from 'react';
import type { ReactNode } from 'react';

const useStyles = makeStyles({
  card: {
    backgroundColor: tokens.colorNeutralBackground1,
    borderRadius: tokens.borderRadiusLarge,
    boxShadow: tokens.shadow2,
    padding: tokens.spacingHorizontalL,
    minWidth: 0,
    '& > p:last-child': { marginBottom: 0 },
    '& > p:first-of-type': { marginTop: 0 },
  },
  title: { display: 'block', margin: `0 0 ${tokens.spacingVerticalM} 0` },
});

/** A part of a page, with its heading. */
export const Card = ({ title, children, className }: { title?: string; children: ReactNode; className?: string }) => {
  const styles = useStyles();
  const id = useId();
  return (
    <section className={mergeClasses(styles.card, className)} aria-labelledby={title === undefined ? undefined : id}>
      {title !== undefined && (
        <Subtitle2 as="h2" id={id} className={styles.title}>
          {title}
        </Subtitle2>
      )}
      {children}
    </section>
  );
};
