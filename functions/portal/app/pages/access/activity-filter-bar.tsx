import { Field, Input } from '@fluentui/react-components';
import { SearchRegular } from '@fluentui/react-icons';
import { useTranslations } from 'use-intl';
import { useConnections } from '../../api/connections';
import { FilterBar, FilterDays, FilterSelect, useFilterStyles } from '../../components/filter-bar';
import type { FilterOption } from '../../components/filter-bar';
import { useTypedFilter } from '../../components/typed-filter';
import { FILTERS, KINDS } from './activity-filters';

/** Which entries of the activity log to show; all of it stands in the address. */
export const ActivityFilterBar = ({ exports, kindText }: { exports: readonly FilterOption[]; kindText: (kind: string) => string }) => {
  const styles = useFilterStyles();
  const t = useTranslations('access.activity.filters');
  const [search, setSearch] = useTypedFilter('search');
  const [by, setBy] = useTypedFilter('by');
  const connections = useConnections();
  const kinds = KINDS.map((kind) => ({ id: kind, name: kindText(kind) })).sort((one, other) => one.name.localeCompare(other.name));
  const choices = [
    { name: 'kind', options: kinds },
    { name: 'exportId', options: exports },
    { name: 'connectionId', options: (connections.data ?? []).map(({ id, displayName }) => ({ id, name: displayName })) },
  ] as const;
  return (
    <FilterBar names={FILTERS} clear={t('clear')}>
      <Field label={t('search')} className={styles.choice}>
        <Input type="search" value={search} contentBefore={<SearchRegular aria-hidden />} onChange={(_, data) => setSearch(data.value)} />
      </Field>
      {choices.map(({ name, options }) => (
        <FilterSelect key={name} name={name} label={t(name)} all={t('all')} options={options} />
      ))}
      <Field label={t('by')} className={styles.choice}>
        <Input value={by} placeholder={t('byHint')} onChange={(_, data) => setBy(data.value)} />
      </Field>
      <FilterDays from={t('from')} to={t('to')} />
    </FilterBar>
  );
};
