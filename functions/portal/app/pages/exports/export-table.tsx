import { Button, makeStyles, Text, tokens } from '@fluentui/react-components';
import { MoreHorizontalRegular } from '@fluentui/react-icons';
import { lazy, Suspense, useMemo, useState } from 'react';
import { useTranslations } from 'use-intl';
import { useLocation } from 'wouter';
import type { ListedExport } from '../../../../../shared/exports/export-list';
import type { useExportList } from '../../api/export-list';
import { useMay } from '../../api/session';
import { DataTable } from '../../components/data-table';
import type { Column } from '../../components/data-table';
import { EmptyState } from '../../components/empty-state';
import { ProblemMessage } from '../../components/problem-message';
import { useReadOn } from '../../components/read-on';
import { RunStrip } from '../../components/run-strip';
import { useSearchState } from '../../components/search-state';
import { ActivityCell, HealthCell, LastRunCell, MembersCell, NameCell, NextRunCell } from './cells';
import { useRowActions } from './use-row-actions';

const RowMenu = lazy(() => import('./row-menu'));
const SelectionBar = lazy(() => import('./selection-bar'));
const ExportDialog = lazy(() => import('./export-dialog'));

const useStyles = makeStyles({
  foot: { display: 'flex', justifyContent: 'center', color: tokens.colorNeutralForeground3 },
});

/** The exports that were found, with what can be done with each and with several. */
export const ExportTable = ({
  items,
  total = items.length,
  list,
}: {
  items: readonly ListedExport[];
  total: number | undefined;
  list: ReturnType<typeof useExportList>['list'];
}) => {
  const styles = useStyles();
  const t = useTranslations('exports');
  const { value, set } = useSearchState();
  const [, go] = useLocation();
  const mayEdit = useMay('Contributor');
  const isAdministrator = useMay('Administrator');
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [menu, setMenu] = useState<{ readonly item: ListedExport; readonly target: HTMLElement }>();
  const actions = useRowActions();
  const { dryRun } = actions;

  const columns = useMemo(
    (): readonly Column<ListedExport>[] => [
      {
        id: 'name',
        header: t('columns.name'),
        cell: (item) => <NameCell item={item} tellPermission={mayEdit && !isAdministrator} />,
        sortable: true,
        width: '30%',
      },
      { id: 'members', header: t('columns.members'), cell: (item) => <MembersCell item={item} />, number: true, sortable: true },
      { id: 'health', header: t('columns.health'), cell: (item) => <HealthCell item={item} />, sortable: true },
      { id: 'activity', header: t('columns.activity'), cell: (item) => <ActivityCell item={item} />, sortable: true },
      {
        id: 'lastRun',
        header: t('columns.lastRun'),
        cell: (item) => <LastRunCell item={item} onDryRun={mayEdit ? dryRun : undefined} />,
        sortable: true,
      },
      { id: 'nextRun', header: t('columns.nextRun'), cell: (item) => <NextRunCell item={item} />, sortable: true },
      { id: 'strip', header: t('columns.strip'), cell: (item) => <RunStrip runs={item.recentRuns} /> },
      ...(mayEdit
        ? [
            {
              id: 'menu',
              header: t('columns.actions'),
              headerHidden: true,
              cell: (item: ListedExport) => (
                <Button
                  appearance="subtle"
                  icon={<MoreHorizontalRegular />}
                  aria-label={t('actionsOf', { name: item.name })}
                  aria-haspopup="menu"
                  onClick={(event) => setMenu({ item, target: event.currentTarget })}
                />
              ),
            },
          ]
        : []),
    ],
    [t, mayEdit, isAdministrator, dryRun],
  );

  const { isFetching } = list;
  const readOn = useReadOn(list);

  if (items.length === 0 && !isFetching) {
    return (
      <EmptyState title={t('nothingFound')}>
        <Button onClick={() => go('/exports')}>{t('filters.clear')}</Button>
      </EmptyState>
    );
  }
  const chosen = items.filter(({ id, permission }) => selected.has(id) && permission === 'edit');
  const closeMenu = () => {
    const target = menu?.target;
    setMenu(undefined);
    target?.focus();
  };
  return (
    <>
      {chosen.length > 0 && (
        <Suspense fallback={null}>
          <SelectionBar chosen={chosen} onClear={() => setSelected(new Set())} onAct={actions.ask} />
        </Suspense>
      )}
      <ProblemMessage error={actions.error} />
      <DataTable
        label={t('title')}
        columns={columns}
        items={items}
        total={total}
        keyOf={({ id }) => id}
        nameOf={({ name }) => name}
        rowPx={57}
        dense
        sortsElsewhere
        sorting={{ id: value('sort') ?? 'name', descending: value('order') === 'desc' }}
        onSort={({ id, descending }) => set({ sort: id, order: descending ? 'desc' : undefined })}
        {...(mayEdit ? { selected, onSelect: setSelected } : {})}
        onEnd={readOn}
      />
      <Text className={styles.foot} aria-live="polite">
        {items.length < total ? t('shownOf', { shown: items.length, total }) : t('shownAll', { total })}
      </Text>
      {menu !== undefined && (
        <Suspense fallback={null}>
          <RowMenu {...menu} actions={actions} onClose={closeMenu} />
        </Suspense>
      )}
      {actions.asked !== undefined && (
        <Suspense fallback={null}>
          <ExportDialog
            {...actions.asked}
            onClose={() => actions.ask(undefined)}
            onDone={() => {
              if (actions.asked?.what !== 'run') setSelected(new Set());
            }}
          />
        </Suspense>
      )}
    </>
  );
};
