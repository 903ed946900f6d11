import { Badge, Field, Input, makeStyles, Radio, RadioGroup, SearchBox, Skeleton, SkeletonItem, tokens } from '@fluentui/react-components';
import { useState } from 'react';
import { useTranslations } from 'use-intl';
import { useLists } from '../../api/connections';
import { ProblemMessage } from '../../components/problem-message';

/** More than these are found by typing. */
const LISTS_SHOWN = 40;

const useStyles = makeStyles({
  box: {
    display: 'flex',
    flexDirection: 'column',
    rowGap: tokens.spacingVerticalS,
    border: `1px solid ${tokens.colorNeutralStroke1}`,
    borderRadius: tokens.borderRadiusMedium,
    padding: tokens.spacingHorizontalM,
  },
  lists: { maxHeight: '280px', overflowY: 'auto' },
  id: { color: tokens.colorNeutralForeground3, fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200 },
  label: { display: 'inline-flex', flexWrap: 'wrap', columnGap: tokens.spacingHorizontalS, alignItems: 'center', overflowWrap: 'anywhere' },
});

/** The lists of the Klaviyo account, found by name or id; an id may also be pasted, as a list that was made a moment ago may be missing. */
export const ListPicker = ({
  connectionId,
  listId,
  problem,
  onPick,
}: {
  connectionId: string;
  listId: string;
  problem: string | undefined;
  onPick: (id: string, name: string) => void;
}) => {
  const styles = useStyles();
  const t = useTranslations('exportEditor.destination');
  const lists = useLists(connectionId);
  const [search, setSearch] = useState('');
  const all = lists.data ?? [];
  const wanted = search.trim().toLowerCase();
  const found = all.filter(({ id, name }) => name.toLowerCase().includes(wanted) || id.toLowerCase() === wanted);
  const chosen = all.find(({ id }) => id === listId);
  // the chosen one is always in sight
  const shown = [...(chosen && !found.slice(0, LISTS_SHOWN).includes(chosen) ? [chosen] : []), ...found.slice(0, LISTS_SHOWN)];
  return (
    <>
      <div className={styles.box}>
        <ProblemMessage error={lists.data === undefined ? lists.error : undefined} onRetry={() => void lists.refetch()} />
        <SearchBox
          aria-label={t('searchLists')}
          placeholder={t('searchLists')}
          value={search}
          onChange={(_, { value }) => setSearch(value)}
        />
        {lists.isPending ? (
          <Skeleton aria-label={t('listsLoading')}>
            {[1, 2, 3].map((row) => (
              <SkeletonItem key={row} size={32} />
            ))}
          </Skeleton>
        ) : (
          <div className={styles.lists}>
            <RadioGroup
              aria-label={t('listsOfAccount')}
              value={listId}
              onChange={(_, { value }) => onPick(value, all.find(({ id }) => id === value)?.name ?? '')}
            >
              {shown.map(({ id, name, optInProcess }) => (
                <Radio
                  key={id}
                  value={id}
                  label={
                    <span className={styles.label}>
                      {name} <span className={styles.id}>{id}</span>
                      {optInProcess !== undefined && (
                        <Badge appearance="outline" color="informative">
                          {t(optInProcess === 'double_opt_in' ? 'doubleOptIn' : 'singleOptIn')}
                        </Badge>
                      )}
                    </span>
                  }
                />
              ))}
            </RadioGroup>
          </div>
        )}
        <span role="status">
          {lists.data !== undefined && t('listsFound', { found: found.length })}
          {found.length > LISTS_SHOWN && <> {t('listsMore', { shown: LISTS_SHOWN })}</>}
        </span>
      </div>
      <Field label={t('listId')} hint={t('listIdHint')} required validationMessage={problem}>
        <Input
          value={listId}
          maxLength={32}
          spellCheck={false}
          onChange={(_, { value }) => onPick(value.trim(), all.find(({ id }) => id === value.trim())?.name ?? '')}
        />
      </Field>
    </>
  );
};
