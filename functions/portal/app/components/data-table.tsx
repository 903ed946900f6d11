import { Checkbox, mergeClasses } from '@fluentui/react-components';
import { ArrowDownRegular, ArrowUpRegular } from '@fluentui/react-icons';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useLayoutEffect, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslations } from 'use-intl';
import { useTableStyles } from './data-table-styles';
import { useHiddenStyles } from './hidden';
import { NarrowTools } from './narrow-tools';

export interface Column<T> {
  readonly id: string;
  readonly header: string;
  /** the header is for screen readers, and for the cards of a narrow screen */
  readonly headerHidden?: boolean;
  readonly cell: (item: T) => ReactNode;
  /** figures stand at the end */
  readonly number?: boolean;
  readonly sortable?: boolean;
  /** CSS width where the content should not decide */
  readonly width?: string;
}

export interface Sorting {
  readonly id: string;
  readonly descending: boolean;
}

export interface DataTableProps<T> {
  /** what the table holds, for screen readers */
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly items: readonly T[];
  readonly keyOf: (item: T) => string;
  /** how many there are where `items` are only those read so far */
  readonly total?: number;
  readonly sorting?: Sorting;
  readonly onSort?: (sorting: Sorting) => void;
  readonly selected?: ReadonlySet<string>;
  readonly onSelect?: (selected: ReadonlySet<string>) => void;
  /** name of a row, for its checkbox */
  readonly nameOf?: (item: T) => string;
  /** called when the last rows come into sight: read more */
  readonly onEnd?: () => void;
  /** about how high a row is, where cells have more than one line */
  readonly rowPx?: number;
  /** many columns: less room between them */
  readonly dense?: boolean;
  /** the page has a choice of its own by which to sort, so that a narrow screen needs no second one */
  readonly sortsElsewhere?: boolean;
}

/** Rows under this number are all drawn: the browser's own search finds them. */
const VIRTUAL_FROM = 60;
const ROW_PX = 49;

/**
 * A table of any length: only the rows in sight are drawn, the page itself scrolls. On a narrow screen each row becomes a small card with
 * the headers as labels; the roles stay those of a table.
 */
export const DataTable = <T,>({
  label,
  columns,
  items,
  keyOf,
  total = items.length,
  sorting,
  onSort,
  selected,
  onSelect,
  nameOf,
  onEnd,
  rowPx = ROW_PX,
  dense = false,
  sortsElsewhere = false,
}: DataTableProps<T>) => {
  const styles = useTableStyles();
  const hidden = useHiddenStyles();
  const t = useTranslations('common');
  const frame = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => setTop((frame.current?.getBoundingClientRect().top ?? 0) + scrollY), [items.length]);
  const virtual = items.length >= VIRTUAL_FROM;
  const virtualizer = useWindowVirtualizer({
    count: items.length,
    estimateSize: () => rowPx,
    overscan: 12,
    scrollMargin: top,
    getItemKey: (index) => keyOf(items[index]!),
    enabled: virtual,
  });
  const drawn = virtualizer.getVirtualItems();
  const last = virtual ? (drawn.at(-1)?.index ?? 0) : items.length - 1;
  useLayoutEffect(() => {
    if (onEnd !== undefined && last >= items.length - 20) onEnd();
  }, [last, items.length, onEnd]);

  const shown = virtual ? drawn.map(({ index }) => index) : items.map((_, index) => index);
  const before = virtual ? (drawn[0]?.start ?? top) - top : 0;
  const after = virtual ? virtualizer.getTotalSize() - ((drawn.at(-1)?.end ?? top) - top) : 0;
  const width = columns.length + (onSelect ? 1 : 0);
  const chosen = selected ?? new Set<string>();
  const toggle = (key: string) => {
    const next = new Set(chosen);
    if (!next.delete(key)) next.add(key);
    onSelect?.(next);
  };
  const all = items.length > 0 && items.every((item) => chosen.has(keyOf(item)));
  const allChosen = all ? true : chosen.size > 0 ? 'mixed' : false;
  const chooseAll = () => onSelect?.(all ? new Set() : new Set(items.map(keyOf)));
  const spacer = (height: number) =>
    height > 0 && (
      <tr aria-hidden>
        <td className={styles.spacer} style={{ height }} colSpan={width} />
      </tr>
    );
  return (
    <div ref={frame} className={styles.frame} role="region" aria-label={label} tabIndex={0}>
      <NarrowTools
        columns={columns}
        sorting={sorting}
        onSort={sortsElsewhere ? undefined : onSort}
        allChosen={allChosen}
        onChooseAll={onSelect === undefined ? undefined : chooseAll}
      />
      <table className={styles.table} role="table" aria-label={label} aria-rowcount={total + 1}>
        <thead className={styles.head} role="rowgroup">
          <tr role="row" aria-rowindex={1}>
            {onSelect && (
              <th className={styles.th} role="columnheader" scope="col">
                <Checkbox aria-label={t('selectAll')} checked={allChosen} onChange={chooseAll} />
              </th>
            )}
            {columns.map(({ id, header, headerHidden, number, sortable, width: css }) => {
              const sorted = sorting?.id === id ? (sorting.descending ? 'descending' : 'ascending') : undefined;
              return (
                <th
                  key={id}
                  className={mergeClasses(styles.th, dense && styles.dense, number && styles.number)}
                  style={css === undefined ? undefined : { width: css }}
                  role="columnheader"
                  scope="col"
                  aria-sort={sorted}
                >
                  {sortable && onSort ? (
                    <button type="button" className={styles.sort} onClick={() => onSort({ id, descending: sorted === 'ascending' })}>
                      {header}
                      {sorted === 'ascending' && <ArrowUpRegular aria-hidden />}
                      {sorted === 'descending' && <ArrowDownRegular aria-hidden />}
                    </button>
                  ) : headerHidden ? (
                    <span className={hidden.hidden}>{header}</span>
                  ) : (
                    header
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody className={styles.body} role="rowgroup">
          {spacer(before)}
          {shown.map((index) => {
            const item = items[index]!;
            const key = keyOf(item);
            return (
              <tr
                key={key}
                className={styles.row}
                role="row"
                aria-rowindex={index + 2}
                data-index={index}
                ref={virtual ? virtualizer.measureElement : undefined}
              >
                {onSelect && (
                  <td className={styles.td} role="cell" data-label={t('select')}>
                    <Checkbox
                      aria-label={t('selectOne', { name: nameOf?.(item) ?? key })}
                      checked={chosen.has(key)}
                      onChange={() => toggle(key)}
                    />
                  </td>
                )}
                {columns.map(({ id, header, cell, number }) => (
                  <td
                    key={id}
                    className={mergeClasses(styles.td, dense && styles.dense, number && styles.number)}
                    role="cell"
                    data-label={header}
                  >
                    {/* one box, as a narrow screen lays label and value side by side */}
                    <div className={styles.value}>{cell(item)}</div>
                  </td>
                ))}
              </tr>
            );
          })}
          {spacer(after)}
        </tbody>
      </table>
    </div>
  );
};
