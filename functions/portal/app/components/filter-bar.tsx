import { Button, Field, Input, makeStyles, Select, tokens } from '@fluentui/react-components';
import { DismissRegular } from '@fluentui/react-icons';
import type { ReactNode } from 'react';
import { useSearchState } from './search-state';

/** How a filter takes its room; for filters of a page's own, too. */
export const useFilterStyles = makeStyles({
  bar: { display: 'flex', flexWrap: 'wrap', alignItems: 'end', gap: tokens.spacingHorizontalM },
  choice: {
    flex: '1 1 130px',
    minWidth: '130px',
    maxWidth: '220px',
    '& select': { width: '100%' },
    '& .fui-Input': { minWidth: 0 },
    '& input': { minWidth: 0, width: '100%' },
  },
});

export interface FilterOption {
  readonly id: string;
  readonly name: string;
}

/** One of the filters that stand in the address: nothing, or one of some values. */
export const FilterSelect = ({
  name,
  label,
  all,
  options,
  alsoClears = [],
}: {
  name: string;
  label: string;
  /** the words for no filter */
  all: string;
  options: readonly FilterOption[];
  /** filters that make no sense with another value of this one */
  alsoClears?: readonly string[];
}) => {
  const styles = useFilterStyles();
  const { value, set } = useSearchState();
  const cleared = Object.fromEntries(alsoClears.map((other) => [other, undefined]));
  return (
    <Field label={label} className={styles.choice}>
      <Select value={value(name) ?? ''} onChange={(_, data) => set({ [name]: data.value, ...cleared })}>
        <option value="">{all}</option>
        {options.map((option) => (
          <option key={option.id} value={option.id}>
            {option.name}
          </option>
        ))}
      </Select>
    </Field>
  );
};

/** From a day to a day, each in the address. */
export const FilterDays = ({ from, to }: { from: string; to: string }) => {
  const styles = useFilterStyles();
  const { value, set } = useSearchState();
  return (
    <>
      <Field label={from} className={styles.choice}>
        <Input type="date" value={value('from') ?? ''} max={value('to') ?? ''} onChange={(_, data) => set({ from: data.value })} />
      </Field>
      <Field label={to} className={styles.choice}>
        <Input type="date" value={value('to') ?? ''} min={value('from') ?? ''} onChange={(_, data) => set({ to: data.value })} />
      </Field>
    </>
  );
};

/** A row of filters, and a button that takes all of them back while there is one. */
export const FilterBar = ({
  names,
  clear,
  onClear,
  children,
}: {
  /** the filters as they stand in the address */
  names: readonly string[];
  /** the button's words */
  clear: string;
  /** what else is emptied then */
  onClear?: () => void;
  children: ReactNode;
}) => {
  const styles = useFilterStyles();
  const { value, set } = useSearchState();
  return (
    <search className={styles.bar}>
      {children}
      {names.some((name) => value(name) !== undefined) && (
        <Button
          appearance="subtle"
          icon={<DismissRegular />}
          onClick={() => {
            onClear?.();
            set(Object.fromEntries(names.map((name) => [name, undefined])));
          }}
        >
          {clear}
        </Button>
      )}
    </search>
  );
};
