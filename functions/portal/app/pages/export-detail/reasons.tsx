import { makeStyles, MessageBar, MessageBarBody, tokens } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import type { ExportView } from '../../../../../shared/exports/export-view';
import { useCodeText } from '../../components/code-text';

const useStyles = makeStyles({ list: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalS } });

/** Why the health is not better, each reason with what to do; held removals have a message of their own. */
export const Reasons = ({ view: { health, reasons, lastRun } }: { view: ExportView }) => {
  const styles = useStyles();
  const t = useTranslations('exportDetail');
  const textOf = useCodeText();
  const shown = reasons.filter(({ code }) => code !== 'removals_held');
  if (shown.length === 0) return null;
  return (
    <div className={styles.list}>
      {shown.map(({ code, message }, index) => (
        <MessageBar key={code} intent={health === 'failing' && index === 0 ? 'error' : 'warning'} layout="multiline">
          <MessageBarBody>
            {textOf(code, message)} {index === 0 && lastRun !== undefined && <Link href={`/runs/${lastRun.id}`}>{t('lastRunLink')}</Link>}
          </MessageBarBody>
        </MessageBar>
      ))}
    </div>
  );
};
