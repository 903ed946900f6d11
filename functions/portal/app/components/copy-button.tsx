import { Button } from '@fluentui/react-components';
import { CheckmarkRegular, CopyRegular, DismissRegular } from '@fluentui/react-icons';
import { useEffect, useState } from 'react';
import { useTranslations } from 'use-intl';
import { copyText } from './copy-text';
import { useHiddenStyles } from './hidden';

/** Copies `text`; a sign and a word say whether it did. */
export const CopyButton = ({ text, label }: { text: string; label: string }) => {
  const t = useTranslations('common');
  const hidden = useHiddenStyles();
  const [outcome, setOutcome] = useState<'copied' | 'notCopied'>();
  useEffect(() => {
    if (outcome === undefined) return;
    const timer = setTimeout(() => setOutcome(undefined), 2_000);
    return () => clearTimeout(timer);
  }, [outcome]);
  return (
    <>
      <Button
        size="small"
        appearance="subtle"
        icon={outcome === undefined ? <CopyRegular /> : outcome === 'copied' ? <CheckmarkRegular /> : <DismissRegular />}
        aria-label={label}
        title={outcome === undefined ? label : t(outcome)}
        onClick={() => void copyText(text).then((done) => setOutcome(done ? 'copied' : 'notCopied'))}
      />
      <span aria-live="polite" className={hidden.hidden}>
        {outcome !== undefined && t(outcome)}
      </span>
    </>
  );
};
