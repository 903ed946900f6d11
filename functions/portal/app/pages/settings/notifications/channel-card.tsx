import { Button, makeStyles, MessageBar, MessageBarBody, Spinner, Subtitle2, tokens } from '@fluentui/react-components';
import { useId } from 'react';
import type { ReactNode } from 'react';
import { useTranslations } from 'use-intl';
import { useTestChannel } from '../../../api/notifications';
import type { Channel } from '../../../api/notifications';
import { useMay } from '../../../api/session';
import { ChannelBadge, formSigns, useReasonOfDelivery } from '../../../components/channel-look';
import { useKindsText } from '../../../components/condition-text';
import { ProblemMessage } from '../../../components/problem-message';
import { Time } from '../../../components/time';

const useStyles = makeStyles({
  card: {
    backgroundColor: tokens.colorNeutralBackground1,
    borderRadius: tokens.borderRadiusLarge,
    boxShadow: tokens.shadow2,
    padding: tokens.spacingHorizontalL,
    display: 'flex',
    flexDirection: 'column',
    rowGap: tokens.spacingVerticalM,
    minWidth: 0,
  },
  head: { display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: tokens.spacingHorizontalS },
  name: { flexGrow: 1, margin: 0, overflowWrap: 'anywhere', minWidth: '120px' },
  facts: {
    display: 'grid',
    gridTemplateColumns: 'minmax(72px, max-content) 1fr',
    columnGap: tokens.spacingHorizontalM,
    rowGap: tokens.spacingVerticalXS,
    margin: 0,
  },
  term: { color: tokens.colorNeutralForeground2 },
  fact: { margin: 0, overflowWrap: 'anywhere' },
  foot: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalS, marginTop: 'auto' },
});

/** What is done to a channel from its card. */
export type ChannelAction = 'edit' | 'renew' | 'remove';

/** What became of the messages of late, where there is more to say than a word. */
const Trouble = ({ delivery }: { delivery: Channel['delivery'] }) => {
  const t = useTranslations('notifications');
  const reasonOf = useReasonOfDelivery();
  const { state, since, at, waiting } = delivery;
  if (state !== 'failing' && state !== 'broken') return null;
  return (
    <MessageBar intent={state === 'broken' ? 'error' : 'warning'} layout="multiline">
      <MessageBarBody>
        {reasonOf(delivery)} {t.rich(`trouble.${state}`, { waiting, time: () => <Time at={since ?? at ?? new Date().toISOString()} /> })}
      </MessageBarBody>
    </MessageBar>
  );
};

/** A channel: whom it tells what, how it fared, and what an administrator can do with it. */
export const ChannelCard = ({ channel, onAct }: { channel: Channel; onAct: (action: ChannelAction) => void }) => {
  const styles = useStyles();
  const id = useId();
  const t = useTranslations('notifications');
  const kindsText = useKindsText();
  const reasonOf = useReasonOfDelivery();
  const mayEdit = useMay('Administrator');
  const test = useTestChannel(channel.id);
  const { name, form, host, scope, kinds, secretMadeAt, delivery } = channel;
  const facts: readonly (readonly [string, ReactNode])[] = [
    [t('form'), t(`forms.${form}`)],
    // administrators alone see it
    ...(host === undefined ? [] : [[t('host'), host] as const]),
    [t('scope'), t(`scopes.${scope}`)],
    [t('kindsTitle'), kindsText(kinds)],
    [t('lastTold'), delivery.at === undefined ? t('never') : <Time at={delivery.at} relative />],
    ...(delivery.waiting > 0 ? [[t('waiting'), t('messages', { count: delivery.waiting })] as const] : []),
    ...(secretMadeAt === undefined ? [] : [[t('secretOf'), <Time at={secretMadeAt} />] as const]),
  ];
  const outcome = test.data;
  return (
    <section className={styles.card} aria-labelledby={id}>
      <div className={styles.head}>
        {formSigns[form]}
        <Subtitle2 as="h3" id={id} className={styles.name}>
          {name}
        </Subtitle2>
        <ChannelBadge state={delivery.state} />
      </div>
      <dl className={styles.facts}>
        {facts.map(([term, fact]) => (
          <div key={term} style={{ display: 'contents' }}>
            <dt className={styles.term}>{term}</dt>
            <dd className={styles.fact}>{fact}</dd>
          </div>
        ))}
      </dl>
      <Trouble delivery={delivery} />
      {outcome !== undefined && (
        <MessageBar intent={outcome.delivered ? 'success' : 'error'} layout="multiline" role="status">
          <MessageBarBody>
            {outcome.delivered
              ? t('tested', { status: outcome.status ?? 200 })
              : t('testRefused', { reason: reasonOf(outcome, outcome.detail) })}
          </MessageBarBody>
        </MessageBar>
      )}
      <ProblemMessage error={test.error} />
      {mayEdit && (
        <div className={styles.foot}>
          <Button
            disabledFocusable={test.isPending}
            icon={test.isPending ? <Spinner size="tiny" /> : undefined}
            aria-label={t('testOf', { name })}
            onClick={() => test.mutate()}
          >
            {t('test')}
          </Button>
          <Button aria-label={t('editOf', { name })} onClick={() => onAct('edit')}>
            {t('edit')}
          </Button>
          {form === 'json' && (
            <Button aria-label={t('renewOf', { name })} onClick={() => onAct('renew')}>
              {t('renew')}
            </Button>
          )}
          <Button aria-label={t('removeOf', { name })} onClick={() => onAct('remove')}>
            {t('remove')}
          </Button>
        </div>
      )}
    </section>
  );
};
