import { Combobox, Field, makeStyles, Option } from '@fluentui/react-components';
import { useState } from 'react';
import { useTranslations } from 'use-intl';
import { useConnections } from '../../api/connections';
import { useMay } from '../../api/session';
import { FilterBar, FilterDays, FilterSelect } from '../../components/filter-bar';
import type { FilterOption } from '../../components/filter-bar';
import { fold } from '../../components/fold';
import { useSearchState } from '../../components/search-state';
import { FILTERS, STATES, TRIGGERS } from './run-filters';

const useStyles = makeStyles({
  wide: { flex: '2 1 200px', maxWidth: '320px', '@media (max-width: 640px)': { flexBasis: '100%', maxWidth: 'none' } },
  combobox: { minWidth: 0 },
});

/** More are not of use to anybody at once; who types finds the others. */
const SHOWN = 50;

const ExportFilter = ({ names }: { names: readonly FilterOption[] }) => {
  const styles = useStyles();
  const t = useTranslations('runs.filters');
  const { value, set } = useSearchState();
  const [typed, setTyped] = useState<string>();
  const chosen = value('exportId');
  const wanted = fold(typed ?? '');
  const found = names.filter(({ name }) => fold(name).includes(wanted)).slice(0, SHOWN);
  return (
    <Field label={t('export')} className={styles.wide}>
      <Combobox
        className={styles.combobox}
        clearable
        placeholder={t('all')}
        value={typed ?? names.find(({ id }) => id === chosen)?.name ?? chosen ?? ''}
        selectedOptions={chosen === undefined ? [] : [chosen]}
        onChange={({ target }) => setTyped(target.value)}
        onOptionSelect={(_, { optionValue }) => {
          setTyped(undefined);
          set({ exportId: optionValue });
        }}
        onBlur={() => setTyped(undefined)}
      >
        {found.map(({ id, name }) => (
          <Option key={id} value={id} text={name}>
            {name}
          </Option>
        ))}
      </Combobox>
    </Field>
  );
};

const ConnectionFilter = () => {
  const t = useTranslations('runs.filters');
  const connections = useConnections();
  const options = (connections.data ?? []).map(({ id, displayName }) => ({ id, name: displayName }));
  return <FilterSelect name="connectionId" label={t('connection')} all={t('all')} options={options} alsoClears={['exportId']} />;
};

/** Which runs to show; all of it stands in the address. @param names the exports that may be chosen */
export const RunFilterBar = ({ names }: { names: readonly FilterOption[] }) => {
  const t = useTranslations('runs.filters');
  const states = useTranslations('status.run');
  const triggers = useTranslations('status.trigger');
  const mayEdit = useMay('Contributor');
  return (
    <FilterBar names={FILTERS} clear={t('clear')}>
      <ExportFilter names={names} />
      {mayEdit && <ConnectionFilter />}
      <FilterSelect name="state" label={t('state')} all={t('all')} options={STATES.map((id) => ({ id, name: states(id) }))} />
      <FilterSelect name="trigger" label={t('trigger')} all={t('all')} options={TRIGGERS.map((id) => ({ id, name: triggers(id) }))} />
      <FilterDays from={t('from')} to={t('to')} />
    </FilterBar>
  );
};
