import { Checkbox, makeStyles, Radio, RadioGroup, tokens } from '@fluentui/react-components';
import { useState } from 'react';
import { useTranslations } from 'use-intl';
import { useLocation } from 'wouter';
import { useExportActions } from '../api/exports';
import { Confirm } from './confirm';

const useStyles = makeStyles({ more: { display: 'flex', flexDirection: 'column', marginTop: tokens.spacingVerticalM } });

export interface StartRunProps {
  readonly exportId: string;
  /** undefined: people who left are not removed */
  readonly mirror?: boolean;
  readonly dryRun?: boolean;
  readonly onClose: () => void;
}

/** Asks how an export is to run, starts it, and goes to its run. */
export const StartRun = ({ exportId, mirror = false, dryRun = false, onClose }: StartRunProps) => {
  const styles = useStyles();
  const t = useTranslations('run.start');
  const [, go] = useLocation();
  const { start } = useExportActions();
  const [full, setFull] = useState(false);
  const [verifyAll, setVerifyAll] = useState(false);
  const [countUnknown, setCountUnknown] = useState(false);
  // the same for each try of this one decision: a lost answer starts nothing twice
  const [key] = useState(() => crypto.randomUUID());
  const options = dryRun ? { dryRun, full, countUnknown } : { full, verifyAll };
  return (
    <Confirm
      title={t(dryRun ? 'dryRunTitle' : 'title')}
      action={t(dryRun ? 'dryRun' : 'run')}
      onClose={onClose}
      onConfirm={async () => {
        const run = await start(exportId, options, `${key}-${full}-${verifyAll}-${countUnknown}`);
        go(`/runs/${run.id}`);
      }}
    >
      {t(dryRun ? 'dryRunText' : mirror ? 'mirrorText' : 'addText')}
      <div className={styles.more}>
        <RadioGroup aria-label={t('what')} value={full ? 'full' : 'changes'} onChange={(_, { value }) => setFull(value === 'full')}>
          <Radio value="changes" label={t('changes')} />
          <Radio value="full" label={t('full')} />
        </RadioGroup>
        {dryRun ? (
          <Checkbox label={t('countUnknown')} checked={countUnknown} onChange={(_, { checked }) => setCountUnknown(checked === true)} />
        ) : (
          <Checkbox label={t('verifyAll')} checked={verifyAll} onChange={(_, { checked }) => setVerifyAll(checked === true)} />
        )}
      </div>
    </Confirm>
  );
};
