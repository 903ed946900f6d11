import { Button, Checkbox, makeStyles, tokens } from '@fluentui/react-components';
import { ArrowDownRegular, ArrowUpRegular } from '@fluentui/react-icons';
import { useTranslations } from 'use-intl';
import type { Column, Sorting } from './data-table';

const useStyles = makeStyles({
  tools: {
    display: 'none',
    '@media (max-width: 640px)': {
      display: 'flex',
      flexWrap: 'wrap',
      alignItems: 'center',
      gap: tokens.spacingHorizontalS,
      padding: tokens.spacingHorizontalS,
      borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
    },
  },
  label: { display: 'inline-flex', flexWrap: 'wrap', alignItems: 'center', gap: tokens.spacingHorizontalXS },
  select: {
    font: 'inherit',
    color: 'inherit',
    minHeight: '32px',
    maxWidth: '100%',
    backgroundColor: tokens.colorNeutralBackground1,
    border: `1px solid ${tokens.colorNeutralStrokeAccessible}`,
    borderRadius: tokens.borderRadiusMedium,
  },
});

interface NarrowToolsProps<T> {
  readonly columns: readonly Column<T>[];
  readonly sorting: Sorting | undefined;
  /** undefined where the table is not sorted, or the page offers it elsewhere */
  readonly onSort: ((sorting: Sorting) => void) | undefined;
  readonly allChosen: boolean | 'mixed';
  readonly onChooseAll: (() => void) | undefined;
}

/** On a narrow screen the rows are cards without a header: what its buttons do is done here. */
export const NarrowTools = <T,>({ columns, sorting, onSort, allChosen, onChooseAll }: NarrowToolsProps<T>) => {
  const styles = useStyles();
  const t = useTranslations('common');
  const sortable = onSort === undefined ? [] : columns.filter((column) => column.sortable);
  if (sortable.length === 0 && onChooseAll === undefined) return null;
  const descending = sorting?.descending ?? false;
  return (
    <div className={styles.tools}>
      {onChooseAll !== undefined && <Checkbox label={t('selectAll')} checked={allChosen} onChange={onChooseAll} />}
      {sortable.length > 0 && (
        <>
          <label className={styles.label}>
            {t('sortBy')}
            <select
              className={styles.select}
              value={sortable.some(({ id }) => id === sorting?.id) ? sorting?.id : ''}
              onChange={({ target }) => onSort?.({ id: target.value, descending: false })}
            >
              {!sortable.some(({ id }) => id === sorting?.id) && <option value="" />}
              {sortable.map(({ id, header }) => (
                <option key={id} value={id}>
                  {header}
                </option>
              ))}
            </select>
          </label>
          {sorting !== undefined && (
            <Button
              appearance="subtle"
              icon={descending ? <ArrowDownRegular /> : <ArrowUpRegular />}
              aria-label={t(descending ? 'sortedDescending' : 'sortedAscending')}
              title={t(descending ? 'sortedDescending' : 'sortedAscending')}
              onClick={() => onSort?.({ id: sorting.id, descending: !descending })}
            />
          )}
        </>
      )}
    </div>
  );
};
