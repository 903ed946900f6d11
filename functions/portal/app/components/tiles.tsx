import { makeStyles, tokens } from '@fluentui/react-components';
import type { ReactNode } from 'react';
import { Link } from 'wouter';

const useStyles = makeStyles({
  tiles: { display: 'grid', gridTemplateColumns: 'repeat(auto-fit, minmax(150px, 1fr))', gap: tokens.spacingHorizontalM, margin: 0 },
  tile: {
    position: 'relative',
    backgroundColor: tokens.colorNeutralBackground1,
    borderRadius: tokens.borderRadiusLarge,
    boxShadow: tokens.shadow2,
    padding: tokens.spacingHorizontalL,
    display: 'flex',
    flexDirection: 'column-reverse', // the term comes first for a screen reader, the number for the eye
    justifyContent: 'flex-end',
  },
  value: { margin: 0, fontSize: tokens.fontSizeHero700, lineHeight: tokens.lineHeightHero700, fontVariantNumeric: 'tabular-nums' },
  label: { color: tokens.colorNeutralForeground2 },
  link: { color: 'inherit', '::after': { content: '""', position: 'absolute', inset: 0 } },
});

export interface Tile {
  readonly label: string;
  readonly value: ReactNode;
  /** where a click on it leads */
  readonly href?: string;
}

/** A few figures side by side. */
export const Tiles = ({ tiles }: { tiles: readonly Tile[] }) => {
  const styles = useStyles();
  return (
    <dl className={styles.tiles}>
      {tiles.map(({ label, value, href }) => (
        <div key={label} className={styles.tile}>
          <dt className={styles.label}>
            {href === undefined ? (
              label
            ) : (
              <Link href={href} className={styles.link}>
                {label}
              </Link>
            )}
          </dt>
          <dd className={styles.value}>{value}</dd>
        </div>
      ))}
    </dl>
  );
};
