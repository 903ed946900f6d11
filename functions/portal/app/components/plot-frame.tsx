import { makeStyles, Subtitle2, tokens } from '@fluentui/react-components';
import { useId } from 'react';
import type { ReactNode } from 'react';
import { useFormatter } from 'use-intl';

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
  plot: { height: '220px', minWidth: 0, overflow: 'hidden' },
  legend: {
    listStyleType: 'none',
    margin: 0,
    padding: 0,
    display: 'flex',
    flexWrap: 'wrap',
    columnGap: tokens.spacingHorizontalL,
    fontSize: tokens.fontSizeBase200,
  },
  key: { display: 'inline-flex', alignItems: 'center', columnGap: tokens.spacingHorizontalXS },
  colour: { width: '12px', height: '12px', borderRadius: tokens.borderRadiusSmall },
  text: { margin: `${tokens.spacingVerticalS} 0 0 0`, color: tokens.colorNeutralForeground2, fontSize: tokens.fontSizeBase200 },
});

/** Height of a chart in its frame, axis included, in pixels. */
export const PLOT_HEIGHT = 220;

/** What the charts' own code would say in English: ticks of both axes; and room for them. To be spread into a chart. */
export const usePlotAxes = () => {
  const format = useFormatter();
  return {
    height: PLOT_HEIGHT,
    hideLegend: true,
    margins: { left: 56, right: 36, top: 16, bottom: 32 },
    yAxisTickCount: 4,
    yAxisTickFormat: (value: number) => format.number(value, { notation: 'compact', maximumFractionDigits: 1 }),
    xAxisTickCount: 4,
    customDateTimeFormatter: (at: Date) => format.dateTime(at, { month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' }),
  };
};

/**
 * A plot with its heading, its legend in the reader's language and, as not everybody sees it, what it shows as a sentence.
 * @param legend names with their colours; none where there is one thing alone
 */
export const PlotFrame = ({
  title,
  text,
  legend = [],
  children,
}: {
  title: string;
  text: string;
  legend?: readonly { readonly name: string; readonly color: string }[];
  children: ReactNode;
}) => {
  const styles = useStyles();
  const id = useId();
  return (
    <figure className={styles.figure} aria-labelledby={id}>
      <Subtitle2 as="h3" id={id}>
        {title}
      </Subtitle2>
      <div className={styles.plot}>{children}</div>
      {legend.length > 0 && (
        <ul className={styles.legend}>
          {legend.map(({ name, color }) => (
            <li key={name} className={styles.key}>
              <span className={styles.colour} style={{ backgroundColor: color }} aria-hidden /> {name}
            </li>
          ))}
        </ul>
      )}
      <figcaption className={styles.text}>{text}</figcaption>
    </figure>
  );
};
