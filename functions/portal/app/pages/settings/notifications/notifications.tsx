import { makeStyles, Spinner, tokens } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import { useOpenConditions } from '../../../api/notifications';
import { useMay } from '../../../api/session';
import { useSetting } from '../../../api/settings';
import { Card } from '../../../components/card';
import { OpenConditions } from '../../../components/open-conditions';
import { ProblemMessage } from '../../../components/problem-message';
import { Section } from '../../../components/section';
import { Channels } from './channels';
import { ToldWhen } from './told-when';

const useStyles = makeStyles({
  stack: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalXL },
});

/** What is not as it should be, or that all is well. */
const Open = () => {
  const t = useTranslations('notifications.open');
  const administrator = useMay('Administrator');
  const open = useOpenConditions();
  if (open.data === undefined) {
    return open.error === null ? (
      <Spinner aria-busy="true" label={t('loading')} />
    ) : (
      <ProblemMessage error={open.error} onRetry={() => void open.refetch()} />
    );
  }
  if (open.data.length === 0) {
    return (
      <Card title={t('title')}>
        <p>{t(administrator ? 'nothing' : 'nothingSeen')}</p>
      </Card>
    );
  }
  return (
    <Section title={t('title')}>
      <OpenConditions conditions={open.data} />
    </Section>
  );
};

/** What is open, whom it is told, and when. */
const Notifications = () => {
  const styles = useStyles();
  const t = useTranslations('settings');
  const setting = useSetting('notifications');
  if (setting.data === undefined) {
    return setting.error === null ? (
      <Spinner aria-busy="true" label={t('loading')} />
    ) : (
      <ProblemMessage error={setting.error} onRetry={() => void setting.refetch()} />
    );
  }
  return (
    <div className={styles.stack}>
      <Open />
      <Channels channels={setting.data.body.channels} />
      <ToldWhen />
    </div>
  );
};

export default Notifications;
