import { Button, makeStyles, Spinner, tokens } from '@fluentui/react-components';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import type { ConnectionView } from '../../../../../shared/connections/connection-view';
import type { ExportView } from '../../../../../shared/exports/export-view';
import { getAll, request } from '../../api/client';
import { Confirm } from '../../components/confirm';
import { ProblemMessage } from '../../components/problem-message';

const useStyles = makeStyles({
  list: { maxHeight: '40vh', overflowY: 'auto', paddingLeft: tokens.spacingHorizontalL },
  row: {
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    columnGap: tokens.spacingHorizontalS,
    rowGap: tokens.spacingVerticalXS,
    paddingBlock: tokens.spacingVerticalXS,
  },
  name: { flexGrow: 1, overflowWrap: 'anywhere' },
});

/** Most exports that one request detaches. */
const DETACHED_AT_ONCE = 200;

/** Asks before a connection goes: first the exports that use it, each of which is detached or removed, then the connection. */
export const RemoveConnection = ({ view, onClose, onRemoved }: { view: ConnectionView; onClose: () => void; onRemoved: () => void }) => {
  const styles = useStyles();
  const t = useTranslations('connections');
  const client = useQueryClient();
  const [removing, setRemoving] = useState<ExportView>();
  const queryKey = ['exports', 'using-connection', view.id];
  const using = useQuery({
    queryKey,
    queryFn: ({ signal }) => getAll<ExportView>('/exports', { query: { connectionId: view.id, size: 200 }, signal }),
    staleTime: 0,
  });
  const all = using.data ?? [];
  const changed = () => client.invalidateQueries({ queryKey: ['exports'] });
  const detach = useMutation({
    mutationFn: async (ids: readonly string[]) => {
      for (let start = 0; start < ids.length; start += DETACHED_AT_ONCE) {
        await request('POST', '/exports/detach', { body: { exportIds: ids.slice(start, start + DETACHED_AT_ONCE) } });
      }
    },
    onSettled: changed,
  });
  if (removing !== undefined) {
    return (
      <Confirm
        title={t('removeExportTitle', { name: removing.name })}
        action={t('removeExport')}
        onConfirm={async () => {
          await request('DELETE', `/exports/${removing.id}`, { ifMatch: '*' });
          await changed();
        }}
        onClose={() => setRemoving(undefined)}
      >
        {t('removeExportWhat')}
      </Confirm>
    );
  }
  return (
    <Confirm
      title={t('removeTitle', { name: view.displayName })}
      action={t('remove')}
      disabled={using.data === undefined || all.length > 0}
      onConfirm={async () => {
        await request('DELETE', `/connections/${view.id}`, { ifMatch: '*' });
        onRemoved();
      }}
      onClose={onClose}
    >
      <p>{view.ownsSecret ? t('removeWhatOurs') : t('removeWhatYours', { name: view.secretName })}</p>
      {using.data === undefined && using.error === null && <Spinner label={t('loading')} />}
      <ProblemMessage error={using.error ?? detach.error} />
      {all.length > 0 && (
        <>
          <p>{t('removeUsed', { count: all.length })}</p>
          <Button disabled={detach.isPending} onClick={() => detach.mutate(all.map(({ id }) => id))}>
            {t('detachAll', { count: all.length })}
          </Button>
          <ul className={styles.list}>
            {all.map((one) => (
              <li key={one.id}>
                <span className={styles.row}>
                  <Link href={`/exports/${one.id}`} className={styles.name}>
                    {one.name}
                  </Link>
                  <Button
                    size="small"
                    disabled={detach.isPending}
                    onClick={() => detach.mutate([one.id])}
                    aria-label={t('detachOne', { name: one.name })}
                  >
                    {t('detach')}
                  </Button>
                  <Button size="small" onClick={() => setRemoving(one)} aria-label={t('removeOne', { name: one.name })}>
                    {t('removeExport')}
                  </Button>
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </Confirm>
  );
};
