import { Badge, Button, SearchBox, Skeleton, SkeletonItem } from '@fluentui/react-components';
import { AddRegular } from '@fluentui/react-icons';
import { useMemo } from 'react';
import { useTranslations } from 'use-intl';
import { Link, useLocation } from 'wouter';
import { useConnections, useExportsOf } from '../../api/connections';
import type { ConnectionForCaller } from '../../api/connections';
import { useMay } from '../../api/session';
import { Count } from '../../components/count';
import { DataTable } from '../../components/data-table';
import type { Column, Sorting } from '../../components/data-table';
import { EmptyState } from '../../components/empty-state';
import { Page } from '../../components/page';
import { ProblemMessage } from '../../components/problem-message';
import { useSearchState } from '../../components/search-state';
import { Time } from '../../components/time';
import { ConnectionStatusBadge } from './connection-status';
import { KeyHelp } from './key-help';

const ExportsOf = ({ id }: { id: string }) => {
  const { data } = useExportsOf(id);
  const t = useTranslations('connections');
  return (
    <Link href={`/exports?connectionId=${id}`} aria-label={t('exportsOf', { count: data ?? 0 })}>
      <Count value={data} />
    </Link>
  );
};

const useColumns = (administrator: boolean): readonly Column<ConnectionForCaller>[] => {
  const t = useTranslations('connections');
  return useMemo(() => {
    const name: Column<ConnectionForCaller> = {
      id: 'displayName',
      header: t('name'),
      sortable: true,
      cell: ({ id, displayName }) => (administrator ? <Link href={`/connections/${id}`}>{displayName}</Link> : displayName),
    };
    const type: Column<ConnectionForCaller> = { id: 'type', header: t('type'), cell: () => 'Klaviyo' };
    if (!administrator) return [name, type];
    return [
      name,
      {
        id: 'accountName',
        header: t('account'),
        sortable: true,
        cell: ({ accountName, accountId, testAccount }) => (
          <>
            {accountName} ({accountId}) {testAccount && <Badge appearance="tint">{t('testAccount')}</Badge>}
          </>
        ),
      },
      { id: 'status', header: t('status'), sortable: true, cell: ({ status }) => status && <ConnectionStatusBadge status={status} /> },
      { id: 'access', header: t('sharedWith'), sortable: true, cell: ({ access }) => access && t(`accesses.${access}`) },
      {
        id: 'agreedAt',
        header: t('agreement'),
        sortable: true,
        cell: ({ agreedAt, agreedByName, consentOutdated }) => (
          <>
            {agreedByName}
            <br />
            {agreedAt && <Time at={agreedAt} />} {consentOutdated && <Badge color="warning">{t('consentOutdated')}</Badge>}
          </>
        ),
      },
      {
        id: 'statusCheckedAt',
        header: t('checked'),
        sortable: true,
        cell: ({ statusCheckedAt }) => statusCheckedAt && <Time at={statusCheckedAt} relative />,
      },
      { id: 'exports', header: t('exports'), number: true, cell: ({ id }) => <ExportsOf id={id} /> },
      { id: 'createdAt', header: t('created'), sortable: true, cell: ({ createdAt }) => createdAt && <Time at={createdAt} relative /> },
    ];
  }, [t, administrator]);
};

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

/** There are few connections, so they are searched and sorted here. */
const found = (
  all: readonly ConnectionForCaller[],
  { search, sorting }: { search: string; sorting: Sorting },
): readonly ConnectionForCaller[] => {
  const wanted = search.toLocaleLowerCase();
  const keyOf = (connection: ConnectionForCaller) => String(connection[sorting.id as keyof ConnectionForCaller] ?? '');
  return all
    .filter(({ displayName, accountName = '' }) => `${displayName} ${accountName}`.toLocaleLowerCase().includes(wanted))
    .sort((one, other) => collator.compare(keyOf(one), keyOf(other)) * (sorting.descending ? -1 : 1));
};

/** Accounts of Klaviyo that exports may go to. */
const ConnectionsPage = () => {
  const t = useTranslations('connections');
  const [, go] = useLocation();
  const administrator = useMay('Administrator');
  const connections = useConnections();
  const { value, set } = useSearchState();
  const columns = useColumns(administrator);
  const sorting: Sorting = { id: value('sort') ?? 'displayName', descending: value('order') === 'desc' };
  const search = value('search') ?? '';
  const all = connections.data;
  return (
    <Page
      title={t('title')}
      actions={
        administrator && (
          <Button appearance="primary" icon={<AddRegular />} onClick={() => go('/connections/new')}>
            {t('new')}
          </Button>
        )
      }
    >
      <ProblemMessage error={connections.error} onRetry={() => void connections.refetch()} />
      {all === undefined ? (
        connections.isPending && (
          <Skeleton aria-label={t('loading')}>
            <SkeletonItem size={128} />
          </Skeleton>
        )
      ) : all.length === 0 ? (
        <EmptyState title={t('emptyTitle')}>
          {administrator ? (
            <>
              <p>{t('empty')}</p>
              <KeyHelp />
              <Button appearance="primary" icon={<AddRegular />} onClick={() => go('/connections/new')}>
                {t('new')}
              </Button>
            </>
          ) : (
            <p>{t('emptyForContributors')}</p>
          )}
        </EmptyState>
      ) : (
        <>
          <div>
            <SearchBox
              aria-label={t('search')}
              placeholder={t('search')}
              style={{ width: '100%', maxWidth: '320px' }}
              value={search}
              onChange={(_, { value: text }) => set({ search: text })}
            />
          </div>
          <DataTable
            label={t('title')}
            columns={columns}
            items={found(all, { search, sorting })}
            keyOf={({ id }) => id}
            sorting={sorting}
            onSort={({ id, descending }) => set({ sort: id, order: descending ? 'desc' : undefined })}
          />
        </>
      )}
    </Page>
  );
};

export default ConnectionsPage;
