import { makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { useFormatter, useTranslations } from 'use-intl';
import type { Run } from '../../../../../shared/runs/run';
import { layoutFlow } from './flow-layout';
import type { FlowNodeId } from './flow-layout';

/** Where the four columns begin, and how wide a bar is, in hundredths of the width; the last label needs its room, too. */
const COLUMN_X = [0, 27, 54, 81] as const;
const BAR = 1.2;

const colorOf: Readonly<Record<FlowNodeId, string>> = {
  read: tokens.colorNeutralForeground3,
  unchanged: tokens.colorPaletteTealBorderActive,
  sent: tokens.colorBrandBackground,
  unsent: tokens.colorNeutralStroke1Pressed,
  duplicates: tokens.colorPalettePurpleBorderActive,
  invalid: tokens.colorPaletteDarkOrangeBackground3,
  accepted: tokens.colorPaletteGreenBackground3,
  open: tokens.colorPaletteMarigoldBorderActive,
  rejected: tokens.colorPaletteRedBackground3,
  onList: tokens.colorPaletteGreenBackground3,
};

const useStyles = makeStyles({
  figure: { position: 'relative', margin: 0, '@media (max-width: 640px)': { display: 'none' } },
  svg: { position: 'absolute', inset: 0, width: '100%', height: '100%' },
  labels: { margin: 0 },
  label: {
    position: 'absolute',
    maxWidth: '18%',
    paddingLeft: tokens.spacingHorizontalS,
    boxSizing: 'border-box',
    lineHeight: tokens.lineHeightBase200,
    overflowWrap: 'anywhere',
  },
  name: { color: tokens.colorNeutralForeground2, fontSize: tokens.fontSizeBase200 },
  count: { margin: 0, fontWeight: tokens.fontWeightSemibold, fontVariantNumeric: 'tabular-nums' },
  last: { maxWidth: '17%' },
});

/** What becomes of rows that have no other name in a dry run: "not sent" is what would be sent. */
export const useFlowNames = ({ dryRun, endedAt }: Pick<Run, 'dryRun' | 'endedAt'>): ((id: FlowNodeId) => string) => {
  const t = useTranslations('run.counts');
  return (id) => {
    if (id === 'unsent') return dryRun ? t('wouldBeSent') : endedAt === undefined ? t('toBeSent') : t('unsent');
    return t(id);
  };
};

/** The way of the rows as ribbons, from left to right. Every number stands beside it as text; narrow screens have the table alone. */
export const FlowFigure = ({ run }: { run: Run }) => {
  const styles = useStyles();
  const t = useTranslations('runDetail.flow');
  const format = useFormatter();
  const nameOf = useFlowNames(run);
  const { nodes, links, height } = layoutFlow(run.counts);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return (
    <figure className={styles.figure} style={{ height }} aria-label={t('title')}>
      <svg className={styles.svg} viewBox={`0 0 100 ${height}`} preserveAspectRatio="none" aria-hidden>
        {links.map(({ from, to, fromTop, toTop, thickness }) => {
          const x1 = COLUMN_X[byId.get(from)!.column] + BAR;
          const x2 = COLUMN_X[byId.get(to)!.column];
          const middle = (x1 + x2) / 2;
          const path = `M${x1} ${fromTop}C${middle} ${fromTop} ${middle} ${toTop} ${x2} ${toTop}V${toTop + thickness}C${middle} ${toTop + thickness} ${middle} ${fromTop + thickness} ${x1} ${fromTop + thickness}Z`;
          return <path key={`${from}-${to}`} d={path} fill={colorOf[to]} opacity={0.28} />;
        })}
        {nodes.map(({ id, column, top, height: tall }) => (
          <rect key={id} x={COLUMN_X[column]} y={top} width={BAR} height={tall} fill={colorOf[id]} />
        ))}
      </svg>
      <dl className={styles.labels}>
        {nodes.map(({ id, column, count, top }) => (
          <div
            key={id}
            className={mergeClasses(styles.label, column === 3 && styles.last)}
            style={{ left: `${COLUMN_X[column] + BAR}%`, top }}
          >
            <dt className={styles.name}>{nameOf(id)}</dt>
            <dd className={styles.count}>{format.number(count)}</dd>
          </div>
        ))}
      </dl>
    </figure>
  );
};
