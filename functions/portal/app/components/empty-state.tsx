import { makeStyles, Subtitle1, tokens } from '@fluentui/react-components';
import type { ReactNode } from 'react';

const useStyles = makeStyles({
  box: {
    display: 'flex',
    flexDirection: 'column',
    alignItems: 'center',
    textAlign: 'center',
    rowGap: tokens.spacingVerticalM,
    padding: tokens.spacingVerticalXXXL,
    backgroundColor: tokens.colorNeutralBackground1,
    borderRadius: tokens.borderRadiusLarge,
  },
});

/** Shown where there is nothing yet: what would be here, and the first step. */
export const EmptyState = ({ title, children }: { title: string; children?: ReactNode }) => {
  const styles = useStyles();
  return (
    <div className={styles.box}>
      <Subtitle1 as="h2">{title}</Subtitle1>
      {children}
    </div>
  );
};
