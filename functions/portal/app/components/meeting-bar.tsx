import { Button, MessageBar, MessageBarActions, MessageBarBody } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import type { MergedDraft } from './merged-draft';

/** Says what somebody else has saved while this was typed, and lets one decide where both changed the same. Nothing where nobody has. */
export const MeetingBar = <V extends object>({ draft, read }: { draft: MergedDraft<V>; read: V | undefined }) => {
  const t = useTranslations('forms.meeting');
  const { meeting, value, keepMine, takeTheirs } = draft;
  if (meeting === undefined || value === undefined || read === undefined) return null;
  const { theirs, both } = meeting;
  if (theirs.length + both.length === 0) return null;
  const open = both.length > 0;
  return (
    <MessageBar intent={open ? 'warning' : 'info'} layout="multiline" role={open ? 'alert' : 'status'}>
      <MessageBarBody>
        {t(open ? 'both' : 'theirs')}
        <ul>
          {both.map((part) => (
            <li key={part.label}>{t('bothChanged', { label: part.label, theirs: part.text(read), mine: part.text(value) })}</li>
          ))}
          {theirs.map((part) => (
            <li key={part.label}>{t('theyChanged', { label: part.label, theirs: part.text(read) })}</li>
          ))}
        </ul>
      </MessageBarBody>
      {open && (
        <MessageBarActions>
          <Button onClick={keepMine}>{t('keepMine')}</Button>
          <Button onClick={takeTheirs}>{t('takeTheirs')}</Button>
        </MessageBarActions>
      )}
    </MessageBar>
  );
};
