import { makeStyles, Subtitle2, tokens } from '@fluentui/react-components';
import { useId } from 'react';
import type { ReactNode } from 'react';

const useStyles = makeStyles({
  figure: {
    margin: 0,
    minWidth: 0,
    boxSizing: 'border-box',
    backgroundColor: tokens.colorNeutralBackground1,
    borderRadius: tokens.borderRadiusLarge,
    boxShadow: tokens.shadow2,
    padding: tokens.spacingHorizontalL,
  },
  // a chart is as tall as what holds it, and would grow with it
  plot: { height: '240px', minWidth: 0, overflow: 'hidden' },
  text: { margin: `${tokens.spacingVerticalS} 0 0 0`, color: tokens.colorNeutralForeground2, fontSize: tokens.fontSizeBase200 },
});

/** A plot with its heading and, as not everybody sees it, what it shows as a sentence. */
export const PlotFrame = ({ title, text, children }: { title: string; text: string; children: ReactNode }) => {
  const styles = useStyles();
  const id = useId();
  return (
    <figure className={styles.figure} aria-labelledby={id}>
      <Subtitle2 as="h3" id={id}>
        {title}
      </Subtitle2>
      <div className={styles.plot}>{children}</div>
      <figcaption className={styles.text}>{text}</figcaption>
    </figure>
  );
};
