import { Badge, Button, makeStyles, MessageBar, MessageBarBody, MessageBarTitle, Spinner, tokens } from '@fluentui/react-components';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslations } from 'use-intl';
import { Link, useLocation } from 'wouter';
import type { ConnectionView } from '../../../../../shared/connections/connection-view';
import { request } from '../../api/client';
import { connectionKeys, useConnection, useExportsOf } from '../../api/connections';
import type { Check } from '../../api/connections';
import { Card } from '../../components/card';
import { Page } from '../../components/page';
import { ProblemMessage } from '../../components/problem-message';
import { Time } from '../../components/time';
import { AgreeAnew } from './agree-anew';
import { Checklist } from './checklist';
import { ConnectionStatusBadge } from './connection-status';
import { EditConnection } from './edit-connection';
import { RemoveConnection } from './remove-connection';
import { ReplaceKey } from './replace-key';

const useStyles = makeStyles({
  facts: {
    display: 'grid',
    gridTemplateColumns: 'minmax(120px, max-content) 1fr',
    columnGap: tokens.spacingHorizontalL,
    rowGap: tokens.spacingVerticalS,
    margin: 0,
    '@media (max-width: 640px)': { gridTemplateColumns: '1fr', '& dd': { marginBottom: tokens.spacingVerticalS } },
  },
  fact: { margin: 0, overflowWrap: 'anywhere' },
  term: { color: tokens.colorNeutralForeground3 },
});

type Dialog = 'edit' | 'key' | 'remove' | 'agree';

/** One connection: whether it works, what it is, who may use it; test, share, replace the key, remove. For administrators. */
const ConnectionPage = ({ params: { id = '' } }: { params: Record<string, string> }) => {
  const styles = useStyles();
  const t = useTranslations('connections');
  const client = useQueryClient();
  const [, go] = useLocation();
  const [dialog, setDialog] = useState<Dialog>();
  const connection = useConnection(id);
  const exportsOf = useExportsOf(id);
  const test = useMutation({
    mutationFn: async () => (await request<{ value: readonly Check[] }>('POST', `/connections/${id}/test`)).body.value,
    onSettled: () => client.invalidateQueries({ queryKey: connectionKeys.all }),
  });
  const up = { href: '/connections', text: t('title') };
  if (connection.data === undefined) {
    return (
      <Page title={t('one')} up={up}>
        {connection.error === null ? (
          <Spinner label={t('loading')} />
        ) : (
          <ProblemMessage error={connection.error} onRetry={() => void connection.refetch()} />
        )}
      </Page>
    );
  }
  const { etag = '*' } = connection.data;
  const view = connection.data.body as ConnectionView;
  const changed = async () => {
    await client.invalidateQueries({ queryKey: connectionKeys.all });
  };
  const facts: readonly (readonly [string, ReactNode])[] = [
    [
      t('account'),
      <>
        {view.accountName} ({view.accountId}) {view.testAccount && <Badge appearance="tint">{t('testAccount')}</Badge>}
      </>,
    ],
    [t('sharedWith'), t(`accesses.${view.access}`)],
    [t('key'), view.ownsSecret ? t('keyOurs', { name: view.secretName }) : t('keyYours', { name: view.secretName })],
    [
      t('consent'),
      <>
        {t('agreedBy', { name: view.agreedByName || view.agreedBy, version: view.consentVersion })} <Time at={view.agreedAt} />
      </>,
    ],
    [t('exportUser'), view.exportUserName || view.exportUser],
    [
      t('exports'),
      exportsOf.data === 0 ? (
        t('unused')
      ) : (
        <Link href={`/exports?connectionId=${id}`}>{t('exportsOf', { count: exportsOf.data ?? 0 })}</Link>
      ),
    ],
    [t('lastCheck'), <Time at={view.statusCheckedAt} />],
    [t('created'), <Time at={view.createdAt} />],
    [
      t('updated'),
      <>
        {view.updatedByName} <Time at={view.updatedAt} />
      </>,
    ],
  ];
  return (
    <Page
      title={view.displayName}
      up={up}
      beside={<ConnectionStatusBadge status={view.status} />}
      actions={
        <>
          <Button onClick={() => test.mutate()} disabled={test.isPending} icon={test.isPending ? <Spinner size="tiny" /> : undefined}>
            {t('test')}
          </Button>
          <Button onClick={() => setDialog('edit')}>{t('edit')}</Button>
          <Button onClick={() => setDialog('key')}>{t('replaceKey')}</Button>
          <Button onClick={() => setDialog('remove')}>{t('remove')}</Button>
        </>
      }
    >
      {view.status !== 'connected' && (
        <MessageBar intent="error" layout="multiline">
          <MessageBarBody>
            <MessageBarTitle>{t(`statuses.${view.status}.name`)}</MessageBarTitle> {t(`statuses.${view.status}.what`)}{' '}
            {t.rich('since', { time: () => <Time at={view.statusSince} /> })}
          </MessageBarBody>
        </MessageBar>
      )}
      {view.consentOutdated && (
        <MessageBar intent="warning" layout="multiline">
          <MessageBarBody>
            {t('consentOutdatedWhat')} <Button onClick={() => setDialog('agree')}>{t('agreeAnew')}</Button>
          </MessageBarBody>
        </MessageBar>
      )}
      <ProblemMessage error={test.error} title={t('testFailed')} />
      {test.data !== undefined && (
        <Card title={t('checklist')}>
          <div role="status">
            <Checklist checks={test.data} />
          </div>
        </Card>
      )}
      <Card title={t('facts')}>
        <dl className={styles.facts}>
          {facts.map(([term, fact]) => (
            <div key={term} style={{ display: 'contents' }}>
              <dt className={styles.term}>{term}</dt>
              <dd className={styles.fact}>{fact}</dd>
            </div>
          ))}
        </dl>
      </Card>
      {dialog === 'edit' && <EditConnection view={view} etag={etag} onDone={changed} onClose={() => setDialog(undefined)} />}
      {dialog === 'key' && <ReplaceKey view={view} etag={etag} onDone={changed} onClose={() => setDialog(undefined)} />}
      {dialog === 'agree' && <AgreeAnew view={view} etag={etag} onDone={changed} onClose={() => setDialog(undefined)} />}
      {dialog === 'remove' && (
        <RemoveConnection
          view={view}
          onClose={() => setDialog(undefined)}
          onRemoved={() => {
            client.removeQueries({ queryKey: connectionKeys.one(id) });
            void client.invalidateQueries({ queryKey: connectionKeys.all, exact: true });
            go('/connections');
          }}
        />
      )}
    </Page>
  );
};

export default ConnectionPage;
