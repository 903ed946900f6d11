import { Button } from '@fluentui/react-components';
import { ArrowCounterclockwiseRegular, CopyRegular, DismissCircleRegular, PlayRegular } from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useFormatter, useTranslations } from 'use-intl';
import { useLocation } from 'wouter';
import type { Run } from '../../../../../shared/runs/run';
import type { RunJobs } from '../../../../../shared/runs/run-jobs';
import { VERSION } from '../../../../../shared/version';
import { runKeys, useRunActions } from '../../api/runs';
import { Confirm } from '../../components/confirm';
import { copyText } from '../../components/copy-text';
import { StartRun } from '../../components/start-run';
import { useSay } from '../../components/toast';
import { diagnosticsOf } from './diagnostics';

const Cancel = ({ run, onClose }: { run: Run; onClose: () => void }) => {
  const t = useTranslations('runDetail.actions');
  const say = useSay();
  const { cancel } = useRunActions();
  const { sent, removed } = run.counts;
  return (
    <Confirm
      title={t('cancelTitle')}
      action={t('cancel')}
      onClose={onClose}
      onConfirm={async () => {
        await cancel(run.id);
        say(t('cancelAsked'));
      }}
    >
      {sent + removed === 0 ? t('cancelNothingSent') : t('cancelSome', { sent, removed })} {t('cancelAfter')}
    </Confirm>
  );
};

const Retry = ({ run, onClose }: { run: Run; onClose: () => void }) => {
  const t = useTranslations('runDetail.actions');
  const [, go] = useLocation();
  const [key] = useState(() => crypto.randomUUID());
  const { retryRejected } = useRunActions();
  const { rejected } = run.counts;
  return (
    <Confirm
      title={t('retryTitle', { count: rejected })}
      action={t('retry', { count: rejected })}
      onClose={onClose}
      onConfirm={async () => {
        const started = await retryRejected(run.id, key);
        go(`/runs/${started.id}`);
      }}
    >
      {t('retryText', { count: rejected })}
    </Confirm>
  );
};

const CopyDiagnostics = ({ run }: { run: Run }) => {
  const t = useTranslations('runDetail.actions');
  const say = useSay();
  const client = useQueryClient();
  const format = useFormatter();
  const [failed, setFailed] = useState(false);
  const copy = async () => {
    setFailed(false);
    const jobs = client.getQueryData<RunJobs>(runKeys.jobs(run.id));
    const text = diagnosticsOf(run, jobs, { version: VERSION, page: location.pathname });
    if (await copyText(text)) say(t('copied', { characters: format.number(text.length) }));
    else setFailed(true);
  };
  return (
    <Button icon={<CopyRegular />} onClick={() => void copy()}>
      {t(failed ? 'copyFailed' : 'copy')}
    </Button>
  );
};

/** What can be done with a run; what cannot, or is not for the caller, is not there. @param isLast the export's last finished real run @param mirror its export removes who left */
export const RunActions = ({
  run,
  mirror,
  mayEdit,
  mayRun,
  isLast,
}: {
  run: Run;
  mirror: boolean;
  mayEdit: boolean;
  mayRun: boolean;
  isLast: boolean;
}) => {
  const t = useTranslations('runDetail.actions');
  const [asking, setAsking] = useState<'cancel' | 'retry' | 'run'>();
  const close = () => setAsking(undefined);
  const { rejected } = run.counts;
  const ended = run.endedAt !== undefined;
  return (
    <>
      {mayEdit && !ended && (
        <Button icon={<DismissCircleRegular />} onClick={() => setAsking('cancel')}>
          {t('cancel')}
        </Button>
      )}
      {mayRun && isLast && !run.dryRun && rejected > 0 && (
        <Button appearance="primary" icon={<ArrowCounterclockwiseRegular />} onClick={() => setAsking('retry')}>
          {t('retry', { count: rejected })}
        </Button>
      )}
      {mayRun && ended && run.state === 'failed' && (
        <Button icon={<PlayRegular />} onClick={() => setAsking('run')}>
          {t('runAgain')}
        </Button>
      )}
      <CopyDiagnostics run={run} />
      {asking === 'cancel' && <Cancel run={run} onClose={close} />}
      {asking === 'retry' && <Retry run={run} onClose={close} />}
      {asking === 'run' && <StartRun exportId={run.exportId} mirror={mirror} onClose={close} />}
    </>
  );
};
