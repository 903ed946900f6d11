import { MessageBar, MessageBarBody } from '@fluentui/react-components';
import { useState } from 'react';
import { useTranslations } from 'use-intl';
import { ChangeDialog } from '../../components/change-dialog';
import { KeyFields, keyOf } from './key-fields';
import type { KeySource } from './key-fields';
import { Refusal } from './refusal';
import { useChange } from './use-change';
import type { ChangeProps } from './use-change';

/** Another key of the same account; exports do not notice. */
export const ReplaceKey = (props: ChangeProps) => {
  const { view, onClose } = props;
  const t = useTranslations('connections');
  const change = useChange(props);
  const [key, setKey] = useState<KeySource>(view.ownsSecret ? { kind: 'typed', apiKey: '' } : { kind: 'secret', secretName: '' });
  return (
    <ChangeDialog
      title={t('replaceKeyTitle', { name: view.displayName })}
      action={t('replaceKey')}
      busy={change.busy}
      onSubmit={() => change.send(keyOf(key))}
      onClose={onClose}
    >
      <p>{view.ownsSecret ? t('replaceKeyWhat', { account: view.accountName }) : t('replaceSecretWhat', { name: view.secretName })}</p>
      <KeyFields value={key} onChange={setKey} mayType={view.ownsSecret} problem={change.problem} disabled={change.busy} />
      {view.ownsSecret && key.kind === 'secret' && (
        <MessageBar intent="warning" layout="multiline">
          <MessageBarBody>{t('noWayBack')}</MessageBarBody>
        </MessageBar>
      )}
      {change.error !== null && <Refusal error={change.error} />}
    </ChangeDialog>
  );
};
