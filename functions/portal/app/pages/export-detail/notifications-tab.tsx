import { makeStyles, Spinner, tokens } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import type { ExportView } from '../../../../../shared/exports/export-view';
import { useOpenConditions } from '../../api/notifications';
import type { Channel } from '../../api/notifications';
import { useMay } from '../../api/session';
import { useSetting } from '../../api/settings';
import { Card } from '../../components/card';
import { ChannelBadge, formSigns } from '../../components/channel-look';
import { useKindsText } from '../../components/condition-text';
import { OpenConditions } from '../../components/open-conditions';
import { ProblemMessage } from '../../components/problem-message';
import { Section } from '../../components/section';
import { Time } from '../../components/time';

const useStyles = makeStyles({
  stack: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalL },
  list: { listStyleType: 'none', margin: 0, padding: 0, display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalM },
  item: { display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: tokens.spacingHorizontalS },
  name: { fontWeight: tokens.fontWeightSemibold, overflowWrap: 'anywhere' },
  note: { color: tokens.colorNeutralForeground2, overflowWrap: 'anywhere' },
});

const ToldChannel = ({ channel, chosen }: { channel: Channel; chosen: boolean }) => {
  const styles = useStyles();
  const t = useTranslations('notifications');
  const kindsText = useKindsText();
  const { form, name, host, kinds, delivery } = channel;
  return (
    <li>
      <div className={styles.item}>
        {formSigns[form]}
        <span className={styles.name}>{name}</span>
        <ChannelBadge state={delivery.state} />
      </div>
      <div className={styles.note}>
        {[t(`forms.${form}`), ...(host === undefined ? [] : [host]), t(chosen ? 'ofExport.chosen' : 'ofExport.all')].join(' · ')}
        {delivery.at !== undefined && (
          <>
            {' · '}
            {t('lastTold')} <Time at={delivery.at} relative />
          </>
        )}
      </div>
      {kinds !== undefined && <div className={styles.note}>{kindsText(kinds)}</div>}
    </li>
  );
};

/** Who is told of this export, and what is open of it now. */
const NotificationsTab = ({ view }: { view: ExportView }) => {
  const styles = useStyles();
  const t = useTranslations('notifications');
  const ts = useTranslations('settings');
  const administrator = useMay('Administrator');
  const settings = useSetting('notifications');
  const open = useOpenConditions();
  const { id, connectionId, notify } = view;
  if (settings.data === undefined || open.data === undefined) {
    const failed = settings.error === null ? open : settings;
    return failed.error === null ? (
      <Spinner aria-busy="true" label={ts('loading')} />
    ) : (
      <ProblemMessage error={failed.error} onRetry={() => void failed.refetch()} />
    );
  }
  const chosen = notify?.channelIds ?? [];
  const told = settings.data.body.channels.filter((channel) => channel.scope === 'all' || chosen.includes(channel.id));
  const here = open.data.filter(
    ({ subject }) =>
      (subject.type === 'export' && subject.id === id) ||
      (subject.type === 'connection' && connectionId !== undefined && subject.id === connectionId),
  );
  return (
    <div className={styles.stack}>
      {here.length === 0 ? (
        <Card title={t('open.title')}>
          <p>{t('ofExport.nothing')}</p>
        </Card>
      ) : (
        <Section title={t('open.title')}>
          <OpenConditions conditions={here} withAbout={here.some(({ subject }) => subject.type !== 'export')} />
        </Section>
      )}
      <Card title={t('ofExport.channels')}>
        {told.length === 0 ? (
          <p>
            {t('ofExport.none')} {view.permission === 'edit' && !administrator && t('ofExport.noneEdit')}
          </p>
        ) : (
          <ul className={styles.list}>
            {told.map((channel) => (
              <ToldChannel key={channel.id} channel={channel} chosen={channel.scope === 'chosen'} />
            ))}
          </ul>
        )}
        <p>
          <Link href="/settings?tab=notifications">{t('ofExport.settings')}</Link>
        </p>
      </Card>
    </div>
  );
};

export default NotificationsTab;
