import { makeStyles, tokens } from '@fluentui/react-components';
import { useFormatter, useTranslations } from 'use-intl';
import type { SegmentOverlap } from '../../../../../shared/figures/figures';

const useStyles = makeStyles({
  frame: { overflowX: 'auto', maxHeight: '420px', overflowY: 'auto' },
  table: { borderCollapse: 'separate', borderSpacing: '2px' },
  head: { fontWeight: tokens.fontWeightSemibold, textAlign: 'center', minWidth: '36px' },
  name: {
    textAlign: 'start',
    fontWeight: tokens.fontWeightRegular,
    maxWidth: '140px',
    overflowWrap: 'anywhere',
    fontSize: tokens.fontSizeBase200,
  },
  cell: {
    position: 'relative',
    textAlign: 'center',
    padding: tokens.spacingHorizontalXS,
    fontVariantNumeric: 'tabular-nums',
    fontSize: tokens.fontSizeBase200,
    borderRadius: tokens.borderRadiusSmall,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
  },
  hint: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
});

/** How strongly a share colours its cell; the number stands in it, so that colour says nothing by itself. Never so strong that text fades. */
const tint = (share: number): string => `color-mix(in srgb, ${tokens.colorBrandStroke2} ${Math.round(100 * share)}%, transparent)`;

/** How much segments overlap: each cell tells what share of the row's segment is in the column's one, too. A table and a heat map in one. */
const OverlapMatrix = ({ overlap }: { overlap: SegmentOverlap }) => {
  const styles = useStyles();
  const t = useTranslations('exportEditor.rail');
  const format = useFormatter();
  const { segments, matrix } = overlap;
  const percent = (share: number) => format.number(share, { style: 'percent', maximumFractionDigits: 0 });
  return (
    <>
      <div className={styles.frame} role="region" aria-label={t('matrix')} tabIndex={0}>
        <table className={styles.table}>
          <thead>
            <tr>
              <td />
              {segments.map(({ name }, index) => (
                <th key={name} scope="col" className={styles.head} title={name} aria-label={name}>
                  {index + 1}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {segments.map(({ name, exportable }, row) => (
              <tr key={name}>
                <th scope="row" className={styles.name}>
                  {row + 1}. {name}
                </th>
                {segments.map((other, column) => {
                  const shared = matrix[row]![column]!;
                  const share = exportable === 0 ? 0 : shared / exportable;
                  return (
                    <td
                      key={other.name}
                      className={styles.cell}
                      style={row === column ? undefined : { backgroundColor: tint(share) }}
                      title={t('shared', { count: shared, row: name, column: other.name })}
                    >
                      {row === column ? '–' : percent(share)}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className={styles.hint}>{t('matrixHint')}</p>
    </>
  );
};

export default OverlapMatrix;
