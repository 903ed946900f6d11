import { makeStyles, tokens } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import type { SeenRow, SeenRows } from '../../../../shared/preview/row-look';
import { DataTable } from './data-table';
import type { Column } from './data-table';
import { useReasonName } from './reason-name';

const useStyles = makeStyles({ words: { color: tokens.colorNeutralForeground2 } });

const Why = ({ row }: { row: SeenRow }) => {
  const styles = useStyles();
  const nameOf = useReasonName();
  return (
    <span>
      {nameOf(row.code)}
      {row.detail !== undefined && row.detail !== '' && <span className={styles.words}> – {row.detail}</span>}
    </span>
  );
};

/** Some rows of a run's report, as the API gives them: masked, or not. @param withWhy false where all have the same reason */
export const SeenRowsTable = ({ rows, label, withWhy = true }: { rows: SeenRows; label: string; withWhy?: boolean }) => {
  const t = useTranslations('run.rows');
  const columns: readonly Column<SeenRow>[] = [
    { id: 'email', header: t('email'), cell: ({ email }) => (email === '' ? '–' : email) },
    { id: 'customerId', header: t('customerId'), cell: ({ customerId }) => (customerId === '' ? '–' : customerId) },
    { id: 'segment', header: t('segment'), cell: ({ segment }) => (segment === '' ? '–' : segment) },
    ...(withWhy ? [{ id: 'why', header: t('why'), cell: (row: SeenRow) => <Why row={row} /> }] : []),
  ];
  const withIds = rows.value.some(({ customerId, segment }) => customerId !== '' || segment !== '');
  return (
    <DataTable
      label={label}
      columns={withIds ? columns : columns.filter(({ id }) => id !== 'customerId' && id !== 'segment')}
      items={rows.value}
      keyOf={(row) => `${rows.value.indexOf(row)}`}
    />
  );
};
