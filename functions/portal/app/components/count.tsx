import { useFormatter } from 'use-intl';

/** A number with the thousands separators of the reader's language; a dash where nothing is known. */
export const Count = ({ value }: { value: number | undefined }) => {
  const format = useFormatter();
  return <span style={{ fontVariantNumeric: 'tabular-nums' }}>{value === undefined ? '–' : format.number(value)}</span>;
};
