import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslations } from 'use-intl';
import { useSearchParams } from 'wouter';
import type { ExportDraft } from '../../../../../shared/exports/export-draft';
import { request } from '../../api/client';
import { Page } from '../../components/page';
import { ProblemMessage } from '../../components/problem-message';
import { defaultRecurrence } from '../../components/default-recurrence';
import { DetailSkeleton } from '../../components/skeletons';
import { ExportEditor } from './editor';
import { emptyForm, formOf } from './form';

/** The values of a copy, to be looked through; nothing is stored by asking. */
const useDuplicate = (from: string | null) =>
  useQuery({
    queryKey: ['exports', from, 'duplicate'],
    enabled: from !== null,
    staleTime: Infinity,
    gcTime: 0,
    queryFn: async ({ signal }) => (await request<ExportDraft>('POST', `/exports/${from}/duplicate`, { signal })).body,
  });

/** A new export: empty, with a connection or segments that the address names (`connection`, `segment`), or a copy (`from`). */
const NewExportPage = () => {
  const t = useTranslations('exportEditor');
  const [params] = useSearchParams();
  const from = params.get('from');
  const copied = useDuplicate(from);
  const [connection, segments] = [params.get('connection') ?? '', params.getAll('segment').join('\n')];
  const initial = useMemo(() => {
    if (copied.data !== undefined) return formOf(copied.data, defaultRecurrence());
    return { ...emptyForm(defaultRecurrence()), connectionId: connection, segments: segments === '' ? [] : segments.split('\n') };
  }, [copied.data, connection, segments]);
  const title = t('newTitle');
  if (from !== null && copied.data === undefined) {
    return (
      <Page title={title} up={{ href: '/exports', text: t('up') }}>
        {copied.error === null ? <DetailSkeleton /> : <ProblemMessage error={copied.error} onRetry={() => void copied.refetch()} />}
      </Page>
    );
  }
  const draftName = `export-new-${from ?? ''}`;
  return <ExportEditor key={draftName} title={title} draftName={draftName} initial={initial} />;
};

export default NewExportPage;
