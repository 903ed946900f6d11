import { Button, makeStyles, tokens } from '@fluentui/react-components';
import { useState } from 'react';
import { useTranslations } from 'use-intl';
import { download } from '../../api/client';
import { useMay } from '../../api/session';
import { Card } from '../../components/card';
import { CopyButton } from '../../components/copy-button';
import { ProblemMessage } from '../../components/problem-message';

const useStyles = makeStyles({
  stack: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalL },
  code: {
    overflowX: 'auto',
    padding: tokens.spacingHorizontalM,
    backgroundColor: tokens.colorNeutralBackground3,
    borderRadius: tokens.borderRadiusMedium,
    fontFamily: tokens.fontFamilyMonospace,
    margin: `${tokens.spacingVerticalS} 0`,
    whiteSpace: 'pre-wrap',
    overflowWrap: 'anywhere',
  },
});

const messages = [
  '{ "version": 1, "type": "run", "exportId": "exp_…", "requestId": "order-4711" }',
  '{ "version": 1, "type": "runAll", "requestId": "refresh-2026-11-26" }',
];

/** How others start runs, and how the configuration is kept as code. */
export const OtherSystems = () => {
  const styles = useStyles();
  const t = useTranslations('settings');
  const administrator = useMay('Administrator');
  const [error, setError] = useState<unknown>();
  return (
    <div className={styles.stack}>
      <Card title={t('queue')}>
        <p>{t('queueWhat')}</p>
        {messages.map((message) => (
          <pre key={message} className={styles.code}>
            {message} <CopyButton text={message} label={t('copyMessage')} />
          </pre>
        ))}
        <p>{t('eventGrid')}</p>
      </Card>
      <Card title={t('api')}>
        <p>
          {t.rich('apiWhat', {
            docs: (text) => (
              <a href="/api/docs" target="_blank" rel="noreferrer">
                {text}
              </a>
            ),
          })}
        </p>
      </Card>
      {administrator && (
        <Card title={t('asCode')}>
          <p>{t('asCodeWhat')}</p>
          <ProblemMessage error={error} />
          <Button
            onClick={() => {
              setError(undefined);
              download('/configuration', 'configuration.json').catch(setError);
            }}
          >
            {t('downloadConfiguration')}
          </Button>
        </Card>
      )}
    </div>
  );
};
