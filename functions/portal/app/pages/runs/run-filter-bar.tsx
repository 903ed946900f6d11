import { Button, Combobox, Field, Input, makeStyles, Option, Select, tokens } from '@fluentui/react-components';
import { DismissRegular } from '@fluentui/react-icons';
import { useState } from 'react';
import { useTranslations } from 'use-intl';
import { useConnections } from '../../api/connections';
import { useMay } from '../../api/session';
import { fold } from '../../components/fold';
import { useSearchState } from '../../components/search-state';
import { FILTERS, STATES, TRIGGERS } from './run-filters';

const useStyles = makeStyles({
  bar: { display: 'flex', flexWrap: 'wrap', alignItems: 'end', gap: tokens.spacingHorizontalM },
  choice: {
    flex: '1 1 130px',
    minWidth: '130px',
    maxWidth: '220px',
    '& select': { width: '100%' },
    '& .fui-Input': { minWidth: 0 },
    '& input': { minWidth: 0, width: '100%' },
  },
  wide: { flex: '2 1 200px', maxWidth: '320px', '@media (max-width: 640px)': { flexBasis: '100%', maxWidth: 'none' } },
  combobox: { minWidth: 0 },
});

/** More are not of use to anybody at once; who types finds the others. */
const SHOWN = 50;

interface Named {
  readonly id: string;
  readonly name: string;
}

const ExportFilter = ({ names }: { names: readonly Named[] }) => {
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
  const styles = useStyles();
  const t = useTranslations('runs.filters');
  const { value, set } = useSearchState();
  const connections = useConnections();
  return (
    <Field label={t('connection')} className={styles.choice}>
      <Select value={value('connectionId') ?? ''} onChange={(_, data) => set({ connectionId: data.value, exportId: undefined })}>
        <option value="">{t('all')}</option>
        {(connections.data ?? []).map(({ id, displayName }) => (
          <option key={id} value={id}>
            {displayName}
          </option>
        ))}
      </Select>
    </Field>
  );
};

/** Which runs to show; all of it stands in the address. @param names the exports that may be chosen */
export const RunFilterBar = ({ names }: { names: readonly Named[] }) => {
  const styles = useStyles();
  const t = useTranslations('runs.filters');
  const states = useTranslations('status.run');
  const triggers = useTranslations('status.trigger');
  const { value, set } = useSearchState();
  const mayEdit = useMay('Contributor');
  const isFiltered = FILTERS.some((name) => value(name) !== undefined);
  return (
    <search className={styles.bar}>
      <ExportFilter names={names} />
      {mayEdit && <ConnectionFilter />}
      <Field label={t('state')} className={styles.choice}>
        <Select value={value('state') ?? ''} onChange={(_, data) => set({ state: data.value })}>
          <option value="">{t('all')}</option>
          {STATES.map((state) => (
            <option key={state} value={state}>
              {states(state)}
            </option>
          ))}
        </Select>
      </Field>
      <Field label={t('trigger')} className={styles.choice}>
        <Select value={value('trigger') ?? ''} onChange={(_, data) => set({ trigger: data.value })}>
          <option value="">{t('all')}</option>
          {TRIGGERS.map((trigger) => (
            <option key={trigger} value={trigger}>
              {triggers(trigger)}
            </option>
          ))}
        </Select>
      </Field>
      <Field label={t('from')} className={styles.choice}>
        <Input type="date" value={value('from') ?? ''} max={value('to') ?? ''} onChange={(_, data) => set({ from: data.value })} />
      </Field>
      <Field label={t('to')} className={styles.choice}>
        <Input type="date" value={value('to') ?? ''} min={value('from') ?? ''} onChange={(_, data) => set({ to: data.value })} />
      </Field>
      {isFiltered && (
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
