import { Field, Input, MessageBar, MessageBarBody, Radio, RadioGroup } from '@fluentui/react-components';
import { useState } from 'react';
import { useTranslations } from 'use-intl';
import { useExportsOf } from '../../api/connections';
import { ProblemMessage } from '../../components/problem-message';
import { ChangeDialog } from '../../components/change-dialog';
import { useChange } from './use-change';
import type { ChangeProps } from './use-change';

/** Another name, other people who may use it; exports are kept. */
export const EditConnection = (props: ChangeProps) => {
  const { onClose } = props;
  // as it was when the dialog opened, like the version that the change names
  const [view] = useState(props.view);
  const t = useTranslations('connections');
  const change = useChange(props);
  const exportsOf = useExportsOf(view.id);
  const [displayName, setDisplayName] = useState(view.displayName);
  const [access, setAccess] = useState(view.access);
  const narrower = view.access === 'administratorsAndContributors' && access === 'administrators';
  return (
    <ChangeDialog
      title={t('editTitle', { name: view.displayName })}
      action={t('saveChange')}
      busy={change.busy}
      disabled={displayName === view.displayName && access === view.access}
      onSubmit={() =>
        change.send({
          ...(displayName === view.displayName ? {} : { displayName }),
          ...(access === view.access ? {} : { access }),
        })
      }
      onClose={onClose}
    >
      <Field label={t('name')} required validationMessage={change.problem('/displayName')}>
        <Input value={displayName} onChange={(_, { value }) => setDisplayName(value)} />
      </Field>
      <Field label={t('whoMayUse')}>
        <RadioGroup value={access} onChange={(_, { value }) => setAccess(value as typeof access)}>
          <Radio value="administrators" label={t('accesses.administrators')} />
          <Radio value="administratorsAndContributors" label={t('accesses.administratorsAndContributors')} />
        </RadioGroup>
      </Field>
      {narrower && (
        <MessageBar intent="warning" layout="multiline">
          <MessageBarBody>{t('narrower', { count: exportsOf.data ?? 0 })}</MessageBarBody>
        </MessageBar>
      )}
      <ProblemMessage error={change.error} />
    </ChangeDialog>
  );
};
