import { Button, makeStyles, MessageBar, MessageBarBody, MessageBarTitle, tokens } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import type { Run } from '../../../../../shared/runs/run';
import { useCodeText } from '../../components/code-text';
import { CopyButton } from '../../components/copy-button';
import { OriginalWords } from '../../components/original-words';
import { figuresOf } from '../../components/run-figures';

const useStyles = makeStyles({
  list: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalS },
  line: { margin: 0 },
  next: { marginTop: tokens.spacingVerticalS, marginBottom: tokens.spacingVerticalXS },
});

/** Good to know, and nothing that anybody has to do. */
const quiet = new Set([
  'rows_invalid',
  'rows_gone',
  'small_gap',
  'canary_gap',
  'interrupted',
  'waiting_for_source',
  'slow_source',
  'sent_uncompressed',
]);

/** Told by itself, with what can be done about it. */
const elsewhere = new Set(['removals_held']);

/** Why a run failed, was stopped or skipped, and what it warns of: each with what to do. */
export const Outcome = ({ run }: { run: Run }) => {
  const styles = useStyles();
  const t = useTranslations('runDetail.outcome');
  const problems = useTranslations('problems');
  const textOf = useCodeText();
  const { error, warnings, state, heldState } = run;
  const shown = warnings.filter(({ code }) => !elsewhere.has(code) || heldState !== 'waiting');
  if (error === undefined && shown.length === 0) return null;
  const figures = figuresOf(run);
  const whyEnded = error === undefined ? '' : textOf(error.code, error.message, figures);
  return (
    <div className={styles.list}>
      {error !== undefined && (
        <MessageBar intent={state === 'failed' ? 'error' : 'info'} layout="multiline">
          <MessageBarBody>
            <MessageBarTitle>{t(state === 'failed' ? 'failed' : state === 'canceled' ? 'canceled' : 'skipped')}</MessageBarTitle> {whyEnded}
            <OriginalWords shown={whyEnded} original={error.message} />
            {error.requestId !== undefined && (
              <div>
                {problems('requestId', { service: 'Klaviyo', id: error.requestId })}{' '}
                <CopyButton text={error.requestId} label={problems('copyRequestId')} />
              </div>
            )}
          </MessageBarBody>
        </MessageBar>
      )}
      {shown.map(({ code, message }) => (
        <MessageBar key={code} intent={quiet.has(code) ? 'info' : 'warning'} layout="multiline">
          <MessageBarBody>{textOf(code, message, figures)}</MessageBarBody>
        </MessageBar>
      ))}
    </div>
  );
};

/** What a dry run found that a real one would do. */
export const DryRunResult = ({ run, onRun }: { run: Run; onRun: (() => void) | undefined }) => {
  const styles = useStyles();
  const t = useTranslations('runDetail.dryRun');
  const { plan } = run;
  if (!run.dryRun || plan === undefined || run.state !== 'successful') return null;
  return (
    <MessageBar intent="success" layout="multiline">
      <MessageBarBody>
        <MessageBarTitle>{t('title')}</MessageBarTitle> {t('text', { fresh: plan.new, changed: plan.changed, unchanged: plan.unchanged })}{' '}
        {plan.leavers > 0 && t(plan.held ? 'leaversHeld' : 'leavers', { count: plan.leavers })}{' '}
        {plan.unknownToKlaviyo !== undefined && t('unknown', { count: plan.unknownToKlaviyo })}{' '}
        {plan.jobs > 0 && t('jobs', { jobs: plan.jobs, seconds: Math.max(1, Math.ceil(plan.minSeconds)) })}
        {onRun !== undefined && (
          <div className={styles.next}>
            <Button appearance="primary" onClick={onRun}>
              {t('runNow')}
            </Button>
          </div>
        )}
      </MessageBarBody>
    </MessageBar>
  );
};

/** What a retry or an approval follows. */
export const FollowUp = ({ run: { retryOf, approves } }: { run: Run }) => {
  const styles = useStyles();
  const t = useTranslations('runDetail.follows');
  const before = retryOf ?? approves?.runId;
  if (before === undefined) return null;
  const link = (text: React.ReactNode) => <Link href={`/runs/${before}`}>{text}</Link>;
  return (
    <p className={styles.line}>{approves === undefined ? t.rich('retry', { link }) : t.rich('approval', { link, count: approves.upTo })}</p>
  );
};
