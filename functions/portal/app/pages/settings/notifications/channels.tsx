import { Button, makeStyles, tokens } from '@fluentui/react-components';
import { AddRegular } from '@fluentui/react-icons';
import { useState } from 'react';
import { useTranslations } from 'use-intl';
import { MAX_CHANNELS } from '../../../../../../shared/settings/notification-settings';
import { useChannelActions } from '../../../api/notifications';
import type { Channel, MadeSecret } from '../../../api/notifications';
import { useMay } from '../../../api/session';
import { Confirm } from '../../../components/confirm';
import { EmptyState } from '../../../components/empty-state';
import { Section } from '../../../components/section';
import { useSay } from '../../../components/toast';
import { ChannelCard } from './channel-card';
import type { ChannelAction } from './channel-card';
import { ChannelDialog } from './channel-dialog';
import { SecretDialog } from './secret-dialog';

const useStyles = makeStyles({
  grid: { display: 'grid', gridTemplateColumns: 'repeat(auto-fill, minmax(min(360px, 100%), 1fr))', gap: tokens.spacingHorizontalL },
  note: { margin: 0, color: tokens.colorNeutralForeground2 },
});

type Asked = { readonly what: 'new' } | { readonly what: ChannelAction; readonly channel: Channel };

/** Whom notifications go to; administrators add, change, try and remove channels. */
export const Channels = ({ channels }: { channels: readonly Channel[] }) => {
  const styles = useStyles();
  const t = useTranslations('notifications');
  const say = useSay();
  const mayEdit = useMay('Administrator');
  const { change } = useChannelActions();
  const [asked, setAsked] = useState<Asked>();
  const [made, setMade] = useState<readonly MadeSecret[]>();
  const close = () => setAsked(undefined);
  const full = channels.length >= MAX_CHANNELS;
  const add = mayEdit && (
    <Button appearance="primary" icon={<AddRegular />} disabled={full} onClick={() => setAsked({ what: 'new' })}>
      {t('add')}
    </Button>
  );
  return (
    <Section title={t('channels')} beside={channels.length > 0 && add}>
      <p className={styles.note}>{full ? t('full', { most: MAX_CHANNELS }) : t('channelsWhat')}</p>
      {channels.length === 0 ? (
        <EmptyState title={t('noChannels')}>
          <p>{t(mayEdit ? 'noChannelsWhat' : 'noChannelsAsk')}</p>
          {add}
        </EmptyState>
      ) : (
        <div className={styles.grid}>
          {channels.map((channel) => (
            <ChannelCard key={channel.id} channel={channel} onAct={(what) => setAsked({ what, channel })} />
          ))}
        </div>
      )}
      {(asked?.what === 'new' || asked?.what === 'edit') && (
        <ChannelDialog id={asked.what === 'edit' ? asked.channel.id : undefined} onMade={setMade} onClose={close} />
      )}
      {asked?.what === 'renew' && (
        <Confirm
          title={t('renewTitle', { name: asked.channel.name })}
          action={t('renew')}
          onConfirm={async () => {
            const secrets = await change(asked.channel.id, (channel) => ({ ...channel, newSecret: true }));
            if (secrets === undefined) say(t('goneAlready'));
            else setMade(secrets);
          }}
          onClose={close}
        >
          {t('renewWhat')}
        </Confirm>
      )}
      {asked?.what === 'remove' && (
        <Confirm
          title={t('removeTitle', { name: asked.channel.name })}
          action={t('remove')}
          onConfirm={async () => {
            await change(asked.channel.id, () => undefined);
            say(t('removed', { name: asked.channel.name }));
          }}
          onClose={close}
        >
          {t('removeWhat')}
        </Confirm>
      )}
      {made !== undefined && made.length > 0 && asked === undefined && <SecretDialog made={made} onClose={() => setMade(undefined)} />}
    </Section>
  );
};
