import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import type { ExportView } from '../../../../../shared/exports/export-view';
import { request } from '../../api/client';
import { exportKeys } from '../../api/exports';
import { Page } from '../../components/page';
import { ProblemMessage } from '../../components/problem-message';
import { defaultRecurrence } from '../../components/default-recurrence';
import { DetailSkeleton } from '../../components/skeletons';
import { ExportEditor } from './editor';
import { formOf } from './form';

/** The export as it is when one begins to edit it: what others save meanwhile is met when saving. */
const useExportToEdit = (id: string) =>
  useQuery({
    queryKey: [...exportKeys.one(id), 'edit'],
    staleTime: Infinity,
    gcTime: 0,
    refetchOnWindowFocus: false,
    queryFn: async ({ signal }) => {
      const { body, etag } = await request<ExportView>('GET', `/exports/${id}`, { signal });
      return { value: body, etag: etag ?? '' };
    },
  });

const EditExportPage = ({ params }: { params: Record<string, string> }) => {
  const t = useTranslations('exportEditor');
  const id = params.id ?? '';
  const found = useExportToEdit(id);
  const initial = useMemo(() => found.data && formOf(found.data.value, defaultRecurrence()), [found.data]);
  const up = { href: `/exports/${id}`, text: found.data?.value.name ?? t('up') };
  if (found.data === undefined || initial === undefined) {
    return (
      <Page title={t('editTitle')} up={up}>
        {found.error === null ? <DetailSkeleton /> : <ProblemMessage error={found.error} onRetry={() => void found.refetch()} />}
      </Page>
    );
  }
  if (found.data.value.permission === 'view') {
    return (
      <Page title={t('editTitle')} up={up}>
        <p>{t('viewOnly')}</p>
        <Link href={`/exports/${id}`}>{t('openExport')}</Link>
      </Page>
    );
  }
  return (
    <ExportEditor
      key={id}
      title={t('editTitleOf', { name: found.data.value.name })}
      draftName={`export-${id}`}
      initial={initial}
      saved={found.data}
    />
  );
};

export default EditExportPage;
