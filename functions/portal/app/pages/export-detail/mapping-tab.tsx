import { useTranslations } from 'use-intl';
import type { ExportView } from '../../../../../shared/exports/export-view';
import { DataTable } from '../../components/data-table';

interface Mapped {
  readonly to: string;
  readonly field: string;
  readonly own: boolean;
}

/** Which field of the source goes to which attribute of the Klaviyo profile, and the other settings of the export. */
export const MappingTab = ({ view: { mapping } }: { view: ExportView }) => {
  const t = useTranslations('exportDetail.mapping');
  const { location = {}, properties = [], ...core } = mapping;
  const named = (fields: Readonly<Record<string, string | undefined>>): Mapped[] =>
    Object.entries(fields).flatMap(([to, field]) => (field === undefined ? [] : [{ to, field, own: false }]));
  const rows: readonly Mapped[] = [
    ...named(core),
    ...named(location),
    ...properties.map(({ field, name }) => ({ to: name, field, own: true })),
  ];
  const nameOf = ({ to, own }: Mapped): string => {
    const key = `attributes.${to}` as Parameters<typeof t>[0];
    return !own && t.has(key) ? t(key) : to;
  };
  return (
    <DataTable<Mapped>
      label={t('label')}
      items={rows}
      keyOf={({ to, own }) => `${own} ${to}`}
      columns={[
        { id: 'field', header: t('field'), cell: ({ field }) => field },
        { id: 'to', header: t('to'), cell: nameOf },
        { id: 'kind', header: t('kind'), cell: ({ own, to }) => t(to === 'email' && !own ? 'required' : own ? 'property' : 'attribute') },
      ]}
    />
  );
};
