import { Field, Input, makeStyles, MessageBar, MessageBarBody, Radio, RadioGroup, Select, tokens } from '@fluentui/react-components';
import { useEffect } from 'react';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import { useConnections } from '../../api/connections';
import { useMay } from '../../api/session';
import { EmptyState } from '../../components/empty-state';
import { ProblemMessage } from '../../components/problem-message';
import { useSelectStyles } from './field-select';
import { ListPicker } from './list-picker';
import type { Editor } from './use-editor';

const useStyles = makeStyles({
  choice: { flexWrap: 'wrap' },
  fields: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalL, maxWidth: '640px' },
});

const NoConnection = () => {
  const t = useTranslations('exportEditor.destination');
  const mayConnect = useMay('Administrator');
  return (
    <EmptyState title={t('noConnectionTitle')}>
      <p>{t(mayConnect ? 'noConnectionAdmin' : 'noConnectionContributor')}</p>
      {mayConnect && <Link href="/connections/new">{t('newConnection')}</Link>}
    </EmptyState>
  );
};

/** Step 1: what the export is called, which Klaviyo account it uses, and the list it feeds. */
export const DestinationStep = ({ editor }: { editor: Editor }) => {
  const styles = useStyles();
  const narrow = useSelectStyles();
  const t = useTranslations('exportEditor.destination');
  const ts = useTranslations('status');
  const connections = useConnections();
  const { form, set, setDefault, problemOf } = editor;
  const usable = connections.data?.filter(({ beingRemoved }) => beingRemoved !== true);
  const only = usable?.length === 1 ? usable[0] : undefined;
  const { connectionId } = form;
  useEffect(() => {
    if (only !== undefined && connectionId === '') setDefault({ connectionId: only.id });
    // set once, when it is known that there is no choice
  }, [only?.id]);
  if (usable?.length === 0 && connectionId === '') return <NoConnection />;
  const foreign = connectionId !== '' && usable !== undefined && usable.every(({ id }) => id !== connectionId);
  const setConnection = (id: string) => {
    // a list belongs to an account: another connection may not know it
    set({ connectionId: id, ...(form.listMode === 'existing' ? { listId: '', listName: '' } : {}) });
  };
  return (
    <div className={styles.fields}>
      <Field label={t('name')} hint={t('nameHint')} required validationMessage={problemOf('/name')}>
        <Input value={form.name} maxLength={200} onChange={(_, { value }) => set({ name: value })} />
      </Field>
      <ProblemMessage error={connections.data === undefined ? connections.error : undefined} onRetry={() => void connections.refetch()} />
      <Field className={narrow.field} label={t('connection')} required validationMessage={problemOf('/connectionId')}>
        <Select
          className={narrow.select}
          value={connectionId}
          disabled={connections.isPending}
          onChange={(_, { value }) => setConnection(value)}
        >
          <option value="">{t(connections.isPending ? 'connectionsLoading' : 'chooseConnection')}</option>
          {foreign && <option value={connectionId}>{t('otherConnection')}</option>}
          {usable?.map(({ id, displayName, accountName }) => (
            <option key={id} value={id}>
              {accountName === undefined || accountName === displayName ? displayName : `${displayName} – ${accountName}`}
            </option>
          ))}
        </Select>
      </Field>
      {connectionId !== '' && (
        <Field label={t('list')}>
          <RadioGroup
            value={form.listMode}
            onChange={(_, { value }) => set({ listMode: value as typeof form.listMode })}
            layout="horizontal"
            className={styles.choice}
          >
            <Radio value="existing" label={t('listExisting')} />
            <Radio value="create" label={t('listCreate')} />
          </RadioGroup>
        </Field>
      )}
      {connectionId !== '' && form.listMode === 'existing' && (
        <ListPicker
          key={connectionId}
          connectionId={connectionId}
          listId={form.listId}
          problem={problemOf('/listId')}
          onPick={(listId, listName) => set({ listId, listName })}
        />
      )}
      {connectionId !== '' && form.listMode === 'create' && (
        <Field
          label={t('newListName')}
          hint={t('newListHint')}
          required
          validationMessage={problemOf('/createList') ?? problemOf('/createList/name') ?? problemOf('/listId')}
        >
          <Input value={form.newListName} maxLength={200} onChange={(_, { value }) => set({ newListName: value })} />
        </Field>
      )}
      <MessageBar intent="info" layout="multiline">
        <MessageBarBody>{ts('notSubscribed')}</MessageBarBody>
      </MessageBar>
    </div>
  );
};
