import { makeStyles, tokens } from '@fluentui/react-components';

/** How a table looks: on a narrow screen its rows are cards, with the headers as labels. */
export const useTableStyles = makeStyles({
  frame: {
    position: 'relative', // what is hidden for the eye in a cell stays inside
    overflowX: 'auto',
    backgroundColor: tokens.colorNeutralBackground1,
    borderRadius: tokens.borderRadiusLarge,
    boxShadow: tokens.shadow2,
  },
  table: { borderCollapse: 'collapse', width: '100%', '@media (max-width: 640px)': { display: 'block' } },
  head: { '@media (max-width: 640px)': { display: 'none' } },
  body: { '@media (max-width: 640px)': { display: 'block' } },
  th: {
    textAlign: 'start',
    fontWeight: tokens.fontWeightSemibold,
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalM}`,
    borderBottom: `1px solid ${tokens.colorNeutralStroke1}`,
    whiteSpace: 'nowrap',
  },
  sort: {
    font: 'inherit',
    color: 'inherit',
    background: 'none',
    border: 'none',
    padding: 0,
    cursor: 'pointer',
    display: 'inline-flex',
    alignItems: 'center',
    columnGap: tokens.spacingHorizontalXS,
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}` },
  },
  row: {
    ':hover': { backgroundColor: tokens.colorNeutralBackground1Hover },
    '@media (max-width: 640px)': {
      display: 'block',
      padding: tokens.spacingVerticalS,
      borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
    },
  },
  td: {
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalM}`,
    borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
    overflowWrap: 'break-word', // as wide as the longest word: a table that does not fit scrolls in its frame
    '@media (max-width: 640px)': {
      display: 'flex',
      justifyContent: 'space-between',
      columnGap: tokens.spacingHorizontalM,
      textAlign: 'end',
      borderBottom: 'none',
      padding: `${tokens.spacingVerticalXXS} ${tokens.spacingHorizontalS}`,
      '::before': { content: 'attr(data-label)', color: tokens.colorNeutralForeground3, textAlign: 'start' },
    },
  },
  value: { minWidth: 0 },
  dense: { '@media (min-width: 641px)': { paddingLeft: tokens.spacingHorizontalSNudge, paddingRight: tokens.spacingHorizontalSNudge } },
  number: { textAlign: 'end', fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' },
  spacer: { padding: 0, border: 'none', '@media (max-width: 640px)': { display: 'block' } },
});
