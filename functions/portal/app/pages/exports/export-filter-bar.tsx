import { Button, Field, Input, makeStyles, Select, tokens } from '@fluentui/react-components';
import { DismissRegular, SearchRegular } from '@fluentui/react-icons';
import { useTranslations } from 'use-intl';
import { useConnections } from '../../api/connections';
import { useMay } from '../../api/session';
import { useSearchState } from '../../components/search-state';
import { useTypedFilter } from '../../components/typed-filter';
import { FILTERS, SORTS } from './filters-of';

const useStyles = makeStyles({
  bar: { display: 'flex', flexWrap: 'wrap', alignItems: 'end', gap: tokens.spacingHorizontalM },
  search: { flex: '2 1 200px', maxWidth: '340px', '@media (max-width: 640px)': { flexBasis: '100%', maxWidth: 'none' } },
  choice: {
    flex: '1 1 130px',
    minWidth: '130px',
    maxWidth: '220px',
    '& select': { width: '100%' },
    '& .fui-Input': { minWidth: 0 },
    '& input': { minWidth: 0, width: '100%' },
  },
});

const healths = ['healthy', 'unhealthy', 'attention', 'failing'] as const;
const activities = ['active', 'running', 'queued', 'waiting', 'idle', 'paused'] as const;

const ConnectionFilter = () => {
  const styles = useStyles();
  const t = useTranslations('exports.filters');
  const { value, set } = useSearchState();
  const connections = useConnections();
  return (
    <Field label={t('connection')} className={styles.choice}>
      <Select value={value('connectionId') ?? ''} onChange={(_, data) => set({ connectionId: data.value })}>
        <option value="">{t('all')}</option>
        {(connections.data ?? []).map(({ id, displayName }) => (
          <option key={id} value={id}>
            {displayName}
          </option>
        ))}
        <option value="none">{t('detached')}</option>
      </Select>
    </Field>
  );
};

/** Search and filters of the exports; all of it stands in the address. */
const ExportFilterBar = () => {
  const styles = useStyles();
  const t = useTranslations('exports.filters');
  const status = useTranslations('status');
  const columns = useTranslations('exports.columns');
  const { value, set } = useSearchState();
  const mayEdit = useMay('Contributor');
  const [typed, setTyped] = useTypedFilter('search');
  const isFiltered = FILTERS.some((name) => value(name) !== undefined);
  return (
    <search className={styles.bar}>
      <Field label={t('search')} className={styles.search}>
        <Input
          type="search"
          value={typed}
          placeholder={t('searchHint')}
          contentBefore={<SearchRegular aria-hidden />}
          onChange={(_, data) => setTyped(data.value)}
        />
      </Field>
      <Field label={t('health')} className={styles.choice}>
        <Select value={value('health') ?? ''} onChange={(_, data) => set({ health: data.value })}>
          <option value="">{t('all')}</option>
          {healths.map((health) => (
            <option key={health} value={health}>
              {health === 'unhealthy' ? t('unhealthy') : status(`health.${health}`)}
            </option>
          ))}
        </Select>
      </Field>
      <Field label={t('activity')} className={styles.choice}>
        <Select value={value('activity') ?? ''} onChange={(_, data) => set({ activity: data.value })}>
          <option value="">{t('all')}</option>
          {activities.map((activity) => (
            <option key={activity} value={activity}>
              {activity === 'active' ? t('active') : status(`activity.${activity}`)}
            </option>
          ))}
        </Select>
      </Field>
      {mayEdit && <ConnectionFilter />}
      {mayEdit && (
        <Field label={t('owner')} className={styles.choice}>
          <Select value={value('owner') ?? ''} onChange={(_, data) => set({ owner: data.value })}>
            <option value="">{t('anyone')}</option>
            <option value="me">{t('me')}</option>
          </Select>
        </Field>
      )}
      <Field label={t('sort')} className={styles.choice}>
        <Select value={value('sort') ?? 'name'} onChange={(_, data) => set({ sort: data.value, order: undefined })}>
          {SORTS.map((sort) => (
            <option key={sort} value={sort}>
              {columns(sort)}
            </option>
          ))}
        </Select>
      </Field>
      {isFiltered && (
        <Button
          appearance="subtle"
          icon={<DismissRegular />}
          onClick={() => {
            setTyped('');
            set(Object.fromEntries(FILTERS.map((name) => [name, undefined])));
          }}
        >
          {t('clear')}
        </Button>
      )}
    </search>
  );
};

export default ExportFilterBar;
