import { Field, Input, makeStyles, Select } from '@fluentui/react-components';
import { SearchRegular } from '@fluentui/react-icons';
import { useTranslations } from 'use-intl';
import { useConnections } from '../../api/connections';
import { useMay } from '../../api/session';
import { FilterBar, FilterSelect, useFilterStyles } from '../../components/filter-bar';
import { useSearchState } from '../../components/search-state';
import { useTypedFilter } from '../../components/typed-filter';
import { FILTERS, SORTS } from './filters-of';

const useStyles = makeStyles({
  search: { flex: '2 1 200px', maxWidth: '340px', '@media (max-width: 640px)': { flexBasis: '100%', maxWidth: 'none' } },
});

const healths = ['healthy', 'unhealthy', 'attention', 'failing'] as const;
const activities = ['active', 'running', 'queued', 'waiting', 'idle', 'paused'] as const;

const ConnectionFilter = () => {
  const t = useTranslations('exports.filters');
  const connections = useConnections();
  const options = (connections.data ?? []).map(({ id, displayName }) => ({ id, name: displayName }));
  return (
    <FilterSelect name="connectionId" label={t('connection')} all={t('all')} options={[...options, { id: 'none', name: t('detached') }]} />
  );
};

/** Search and filters of the exports; all of it stands in the address. */
const ExportFilterBar = () => {
  const styles = useStyles();
  const filterStyles = useFilterStyles();
  const t = useTranslations('exports.filters');
  const status = useTranslations('status');
  const columns = useTranslations('exports.columns');
  const { value, set } = useSearchState();
  const mayEdit = useMay('Contributor');
  const [typed, setTyped] = useTypedFilter('search');
  return (
    <FilterBar names={FILTERS} clear={t('clear')} onClear={() => setTyped('')}>
      <Field label={t('search')} className={styles.search}>
        <Input
          type="search"
          value={typed}
          placeholder={t('searchHint')}
          contentBefore={<SearchRegular aria-hidden />}
          onChange={(_, data) => setTyped(data.value)}
        />
      </Field>
      <FilterSelect
        name="health"
        label={t('health')}
        all={t('all')}
        options={healths.map((id) => ({ id, name: id === 'unhealthy' ? t('unhealthy') : status(`health.${id}`) }))}
      />
      <FilterSelect
        name="activity"
        label={t('activity')}
        all={t('all')}
        options={activities.map((id) => ({ id, name: id === 'active' ? t('active') : status(`activity.${id}`) }))}
      />
      {mayEdit && <ConnectionFilter />}
      {mayEdit && <FilterSelect name="owner" label={t('owner')} all={t('anyone')} options={[{ id: 'me', name: t('me') }]} />}
      <Field label={t('sort')} className={filterStyles.choice}>
        <Select value={value('sort') ?? 'name'} onChange={(_, data) => set({ sort: data.value, order: undefined })}>
          {SORTS.map((sort) => (
            <option key={sort} value={sort}>
              {columns(sort)}
            </option>
          ))}
        </Select>
      </Field>
    </FilterBar>
  );
};

export default ExportFilterBar;
