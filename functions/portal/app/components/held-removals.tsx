import {
  Button,
  Field,
  Input,
  makeStyles,
  MessageBar,
  MessageBarActions,
  MessageBarBody,
  MessageBarTitle,
  tokens,
} from '@fluentui/react-components';
import { useState } from 'react';
import { useTranslations } from 'use-intl';
import { useLocation } from 'wouter';
import type { Run } from '../../../../shared/runs/run';
import { useRows, useRunActions } from '../api/runs';
import { Confirm } from './confirm';
import { ProblemMessage } from './problem-message';
import { SeenRowsTable } from './seen-rows';
import { useSay } from './toast';

const useStyles = makeStyles({
  sample: { marginTop: tokens.spacingVerticalM },
  field: { maxWidth: '220px', marginTop: tokens.spacingVerticalM },
});

const SAMPLE_ROWS = 5;

/** A few of those whose removal is held, masked. */
const Sample = ({ runId }: { runId: string }) => {
  const styles = useStyles();
  const t = useTranslations('run.held');
  const rows = useRows(runId, { stage: 'held', size: SAMPLE_ROWS });
  if (rows.error !== null) return <ProblemMessage error={rows.error} />;
  if (rows.data === undefined || rows.data.value.length === 0) return null;
  return (
    <div className={styles.sample}>
      <SeenRowsTable rows={rows.data} label={t('sample')} withWhy={false} />
    </div>
  );
};

const Approve = ({ run, onClose }: { run: Run; onClose: () => void }) => {
  const styles = useStyles();
  const t = useTranslations('run.held');
  const say = useSay();
  const [, go] = useLocation();
  const { approveRemovals } = useRunActions();
  const { held } = run.counts;
  const [typed, setTyped] = useState(String(held));
  // the same for each try of this one decision
  const [key] = useState(() => crypto.randomUUID());
  const upTo = /^\d+$/.test(typed.trim()) ? Number(typed) : 0;
  const wrong = upTo < 1 || upTo > held;
  return (
    <Confirm
      title={t('approveTitle', { count: wrong ? held : upTo })}
      action={t('approve', { count: wrong ? held : upTo })}
      disabled={wrong}
      onClose={onClose}
      onConfirm={async () => {
        const started = await approveRemovals(run.id, upTo, `${key}-${upTo}`);
        say(t('approved'));
        go(`/runs/${started.id}`);
      }}
    >
      {t('approveText', { count: wrong ? held : upTo })}
      <Field
        className={styles.field}
        label={t('upTo')}
        validationMessage={wrong ? t('upToWrong', { count: held }) : undefined}
        validationState={wrong ? 'error' : 'none'}
      >
        <Input type="number" inputMode="numeric" min={1} max={held} value={typed} onChange={(_, { value }) => setTyped(value)} />
      </Field>
    </Confirm>
  );
};

const Dismiss = ({ run, onClose }: { run: Run; onClose: () => void }) => {
  const t = useTranslations('run.held');
  const say = useSay();
  const { dismissRemovals } = useRunActions();
  return (
    <Confirm
      title={t('dismissTitle', { count: run.counts.held })}
      action={t('dismiss')}
      onClose={onClose}
      onConfirm={async () => {
        await dismissRemovals(run.id);
        say(t('dismissed'));
      }}
    >
      {t('dismissText', { count: run.counts.held })}
    </Confirm>
  );
};

/** Told where a run holds removals that wait for somebody's word: how many, who, and what can be done. Nothing where none wait. */
export const HeldRemovals = ({ run, mayEdit }: { run: Run; mayEdit: boolean }) => {
  const t = useTranslations('run.held');
  const [asking, setAsking] = useState<'approve' | 'dismiss'>();
  const [sample, setSample] = useState(false);
  if (run.heldState !== 'waiting' || run.counts.held === 0) return null;
  const { held } = run.counts;
  return (
    <>
      <MessageBar intent="warning" layout="multiline">
        <MessageBarBody>
          <MessageBarTitle>{t('title', { count: held })}</MessageBarTitle> {t('text', { count: held })} {!mayEdit && t('askSomebody')}
          {sample && <Sample runId={run.id} />}
        </MessageBarBody>
        {mayEdit && (
          <MessageBarActions>
            <Button appearance="primary" onClick={() => setAsking('approve')}>
              {t('approveSome', { count: held })}
            </Button>
            <Button onClick={() => setAsking('dismiss')}>{t('dismiss')}</Button>
            <Button aria-expanded={sample} onClick={() => setSample(!sample)}>
              {sample ? t('hideSample') : t('showSample')}
            </Button>
          </MessageBarActions>
        )}
      </MessageBar>
      {asking === 'approve' && <Approve run={run} onClose={() => setAsking(undefined)} />}
      {asking === 'dismiss' && <Dismiss run={run} onClose={() => setAsking(undefined)} />}
    </>
  );
};
