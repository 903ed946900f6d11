import { useState } from 'react';
import { useTranslations } from 'use-intl';
import { useConsent } from '../../api/connections';
import { ProblemMessage } from '../../components/problem-message';
import { ChangeDialog } from '../../components/change-dialog';
import { Statement } from './statement';
import { useChange } from './use-change';
import type { ChangeProps } from './use-change';

/** The statement has a new text: whoever answers for the connection reads it and agrees again. */
export const AgreeAnew = (props: ChangeProps) => {
  const t = useTranslations('connections');
  const change = useChange(props);
  const consent = useConsent();
  const [agreed, setAgreed] = useState(false);
  return (
    <ChangeDialog
      title={t('agreeAnewTitle')}
      action={t('agreeAnew')}
      busy={change.busy}
      disabled={!agreed || consent.data === undefined}
      onSubmit={() => consent.data && change.send({ agreed: true, consentVersion: consent.data.version })}
      onClose={props.onClose}
    >
      {consent.data === undefined ? (
        <ProblemMessage error={consent.error} onRetry={() => void consent.refetch()} />
      ) : (
        <Statement consent={consent.data} agreed={agreed} onChange={setAgreed} disabled={change.busy} />
      )}
      <ProblemMessage error={change.error} />
    </ChangeDialog>
  );
};
