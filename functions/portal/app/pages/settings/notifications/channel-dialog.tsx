import { Checkbox, Field, Input, makeStyles, Radio, RadioGroup, tokens } from '@fluentui/react-components';
import { useMemo, useState } from 'react';
import { useTranslations } from 'use-intl';
import { NotificationKind, NotificationSettings } from '../../../../../../shared/settings/notification-settings';
import { ApiError } from '../../../api/client';
import { sentOf, useChannelActions } from '../../../api/notifications';
import type { Channel, MadeSecret } from '../../../api/notifications';
import { useSetting } from '../../../api/settings';
import { useKindName, useKindsText } from '../../../components/condition-text';
import { MeetingBar } from '../../../components/meeting-bar';
import { useMergedDraft } from '../../../components/merged-draft';
import type { Part } from '../../../components/merged-draft';
import { ProblemMessage } from '../../../components/problem-message';
import { useFieldProblem } from '../../../components/problem-text';
import { useSay } from '../../../components/toast';
import { useValidation } from '../../../components/validation';
import type { FormProblems } from '../../../components/validation';
import { ChangeDialog } from '../../../components/change-dialog';
import { emptyChannel, formOf, inputOf, placed } from './channel-form';
import type { ChannelForm } from './channel-form';

const useStyles = makeStyles({
  kinds: {
    display: 'grid',
    gridTemplateColumns: 'repeat(auto-fill, minmax(min(220px, 100%), 1fr))',
    marginLeft: tokens.spacingHorizontalL,
  },
});

const FORMS = ['teams', 'slack', 'json'] as const;

/**
 * Makes a channel or changes one.
 * @param id undefined for a new one
 * @param onMade gets the signing secrets that were made, to be shown this once
 */
export const ChannelDialog = ({
  id,
  onMade,
  onClose,
}: {
  id: Channel['id'] | undefined;
  onMade: (made: readonly MadeSecret[]) => void;
  onClose: () => void;
}) => {
  const styles = useStyles();
  const t = useTranslations('notifications');
  const td = useTranslations('notifications.dialog');
  const say = useSay();
  const validate = useValidation();
  const fieldProblem = useFieldProblem();
  const kindName = useKindName();
  const kindsText = useKindsText();
  const { put } = useChannelActions();
  const settings = useSetting('notifications').data;
  const saved = settings?.body.channels.find((channel) => channel.id === id);
  // one that somebody has removed meanwhile is made anew of what was typed
  const isNew = saved === undefined;
  const read = useMemo(() => (saved === undefined ? emptyChannel : formOf(saved)), [saved]);
  const parts: readonly Part<ChannelForm>[] = [
    { label: t('name'), fields: ['name'], text: ({ name }) => name },
    { label: t('form'), fields: ['form'], text: ({ form }) => t(`forms.${form}`) },
    { label: t('scope'), fields: ['scope'], text: ({ scope }) => t(`scopes.${scope}`) },
    { label: t('kindsTitle'), fields: ['allKinds', 'kinds'], text: ({ allKinds, kinds }) => kindsText(allKinds ? undefined : [...kinds]) },
    { label: t('address'), fields: ['url'], text: () => '' },
  ];
  const draft = useMergedDraft({ read, etag: saved === undefined ? undefined : settings?.etag, parts });
  const [problems, setProblems] = useState<FormProblems>(new Map());
  const [error, setError] = useState<unknown>();
  const [refusedAt, setRefusedAt] = useState(0);
  const [busy, setBusy] = useState(false);
  if (settings === undefined || draft.value === undefined) return null;
  const value = draft.value;
  const set = (change: Partial<ChannelForm>) => draft.setTyped({ ...value, ...change });
  const problemOf = (field: string) => problems.get(`/${field}`) ?? fieldProblem(error, `/channels/${refusedAt}/${field}`);

  const submit = async () => {
    const base = sentOf(settings.body).channels;
    const { channels, index } = placed(base, inputOf(value, saved?.id));
    const body = { ...sentOf(settings.body), channels: [...channels] };
    const prefix = `/channels/${index}/`;
    const found = new Map(
      [...validate(NotificationSettings, body)].flatMap(([pointer, text]) =>
        pointer.startsWith(prefix) ? [[`/${pointer.slice(prefix.length).split('/')[0]}`, text] as const] : [],
      ),
    );
    if (value.url.trim() === '' && (isNew || value.form !== saved.form)) found.set('/url', td(isNew ? 'addressNeeded' : 'addressOfForm'));
    setProblems(found);
    if (found.size > 0) return;
    setBusy(true);
    setError(undefined);
    try {
      const made = await put(body, settings.etag ?? '');
      say(td('saved', { name: value.name.trim() }));
      onClose();
      if (made.length > 0) onMade(made);
    } catch (cause) {
      setRefusedAt(index);
      setError(cause);
      setBusy(false);
    }
  };
  const stale = error instanceof ApiError && error.status === 412;
  const met = (draft.meeting?.theirs.length ?? 0) + (draft.meeting?.both.length ?? 0) > 0;
  const gone = id !== undefined && saved === undefined;
  return (
    <ChangeDialog
      title={id === undefined ? td('newTitle') : td('editTitle')}
      action={td('save')}
      busy={busy}
      disabled={draft.meeting !== undefined && draft.version === undefined}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      <Field label={t('name')} hint={td('nameHint')} required validationMessage={problemOf('name')}>
        <Input value={value.name} maxLength={80} onChange={(_, { value: name }) => set({ name })} />
      </Field>
      <Field label={t('form')} validationMessage={problemOf('form')}>
        <RadioGroup value={value.form} onChange={(_, { value: form }) => set({ form: form as ChannelForm['form'] })}>
          {FORMS.map((form) => (
            <Radio key={form} value={form} label={t(`forms.${form}`)} />
          ))}
        </RadioGroup>
      </Field>
      <Field
        label={t('address')}
        hint={isNew ? td(`addressHint.${value.form}`) : td('addressKept', { host: saved.host ?? '' })}
        required={isNew}
        validationMessage={problemOf('url')}
      >
        <Input
          type="url"
          autoComplete="off"
          spellCheck={false}
          maxLength={2_000}
          value={value.url}
          onChange={(_, { value: url }) => set({ url })}
        />
      </Field>
      <Field label={t('scope')} validationMessage={problemOf('scope')}>
        <RadioGroup value={value.scope} onChange={(_, { value: scope }) => set({ scope: scope as ChannelForm['scope'] })}>
          <Radio value="all" label={td('scopeAll')} />
          <Radio value="chosen" label={td('scopeChosen')} />
        </RadioGroup>
      </Field>
      <Field label={t('kindsTitle')} validationMessage={problemOf('kinds')}>
        <RadioGroup value={value.allKinds ? 'all' : 'some'} onChange={(_, { value: chosen }) => set({ allKinds: chosen === 'all' })}>
          <Radio value="all" label={td('kindsAll')} />
          <Radio value="some" label={td('kindsSome')} />
        </RadioGroup>
      </Field>
      {!value.allKinds && (
        <div className={styles.kinds} role="group" aria-label={t('kindsTitle')}>
          {[...new Set([...NotificationKind.options, ...value.kinds])].map((kind) => (
            <Checkbox
              key={kind}
              label={kindName(kind)}
              checked={value.kinds.includes(kind)}
              onChange={(_, { checked }) =>
                set({ kinds: checked === true ? [...value.kinds, kind] : value.kinds.filter((one) => one !== kind) })
              }
            />
          ))}
        </div>
      )}
      {!busy && <MeetingBar draft={draft} read={read} />}
      {gone && <p role="status">{td('gone')}</p>}
      {stale ? !busy && !met && <p role="status">{td('othersSaved')}</p> : <ProblemMessage error={error} />}
    </ChangeDialog>
  );
};
