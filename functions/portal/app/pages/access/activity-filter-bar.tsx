import { Button, Field, Input, makeStyles, Select, tokens } from '@fluentui/react-components';
import { DismissRegular, SearchRegular } from '@fluentui/react-icons';
import { useTranslations } from 'use-intl';
import { useConnections } from '../../api/connections';
import { useSearchState } from '../../components/search-state';
import { useTypedFilter } from '../../components/typed-filter';
import { FILTERS, KINDS } from './activity-filters';

const useStyles = makeStyles({
  bar: { display: 'flex', flexWrap: 'wrap', alignItems: 'end', gap: tokens.spacingHorizontalM },
  choice: {
    flex: '1 1 140px',
    minWidth: '130px',
    maxWidth: '240px',
    '& select': { width: '100%' },
    '& .fui-Input': { minWidth: 0 },
    '& input': { minWidth: 0, width: '100%' },
  },
});

/** Which entries of the activity log to show; all of it stands in the address. */
export const ActivityFilterBar = ({
  exports,
  kindText,
}: {
  exports: readonly { readonly id: string; readonly name: string }[];
  kindText: (kind: string) => string;
}) => {
  const styles = useStyles();
  const t = useTranslations('access.activity.filters');
  const { value, set } = useSearchState();
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
    <search className={styles.bar}>
      <Field label={t('search')} className={styles.choice}>
        <Input type="search" value={search} contentBefore={<SearchRegular aria-hidden />} onChange={(_, data) => setSearch(data.value)} />
      </Field>
      {choices.map(({ name, options }) => (
        <Field key={name} label={t(name)} className={styles.choice}>
          <Select value={value(name) ?? ''} onChange={(_, data) => set({ [name]: data.value })}>
            <option value="">{t('all')}</option>
            {options.map((option) => (
              <option key={option.id} value={option.id}>
                {option.name}
              </option>
            ))}
          </Select>
        </Field>
      ))}
      <Field label={t('by')} className={styles.choice}>
        <Input value={by} placeholder={t('byHint')} onChange={(_, data) => setBy(data.value)} />
      </Field>
      <Field label={t('from')} className={styles.choice}>
        <Input type="date" value={value('from') ?? ''} max={value('to') ?? ''} onChange={(_, data) => set({ from: data.value })} />
      </Field>
      <Field label={t('to')} className={styles.choice}>
        <Input type="date" value={value('to') ?? ''} min={value('from') ?? ''} onChange={(_, data) => set({ to: data.value })} />
      </Field>
      {FILTERS.some((name) => value(name) !== undefined) && (
        <Button
          appearance="subtle"
          icon={<DismissRegular />}
          onClick={() => set(Object.fromEntries(FILTERS.map((name) => [name, undefined])))}
        >
          {t('clear')}
        </Button>
      )}
    </search>
  );
};
