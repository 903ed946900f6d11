import { Button, makeStyles, Spinner, Text, tokens } from '@fluentui/react-components';
import { BeakerRegular, PlugConnectedRegular, SendRegular } from '@fluentui/react-icons';
import type { ReactElement } from 'react';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import { useConnections } from '../../api/connections';
import { useMay } from '../../api/session';
import { EmptyState } from '../../components/empty-state';
import { ProblemMessage } from '../../components/problem-message';

const useStyles = makeStyles({
  steps: {
    display: 'grid',
    gridTemplateColumns: 'repeat(auto-fit, minmax(220px, 1fr))',
    gap: tokens.spacingHorizontalL,
    width: '100%',
    maxWidth: '900px',
    margin: `${tokens.spacingVerticalL} 0 0`,
    padding: 0,
    listStyleType: 'none',
  },
  step: {
    display: 'flex',
    flexDirection: 'column',
    alignItems: 'center',
    rowGap: tokens.spacingVerticalS,
    padding: tokens.spacingHorizontalL,
    borderRadius: tokens.borderRadiusLarge,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
  },
  icon: { fontSize: '32px', color: tokens.colorBrandForeground1, lineHeight: 1 },
  words: { maxWidth: '60ch' },
});

/** Nothing is there yet: the three steps to the first run, the first one that can be done live. Others are told what they wait for. */
const StartSteps = () => {
  const styles = useStyles();
  const t = useTranslations('exports.start');
  const isAdministrator = useMay('Administrator');
  const mayEdit = useMay('Contributor');
  if (!mayEdit) {
    return (
      <EmptyState title={t('title')}>
        <Text className={styles.words}>{t('viewer')}</Text>
      </EmptyState>
    );
  }
  return <Steps isAdministrator={isAdministrator} />;
};

const Steps = ({ isAdministrator }: { isAdministrator: boolean }) => {
  const styles = useStyles();
  const t = useTranslations('exports.start');
  const connections = useConnections();
  if (connections.data === undefined) return connections.error === null ? <Spinner /> : <ProblemMessage error={connections.error} />;
  const isConnected = connections.data.length > 0;
  if (!isConnected && !isAdministrator) {
    return (
      <EmptyState title={t('title')}>
        <Text className={styles.words}>{t('contributorWithoutConnection')}</Text>
      </EmptyState>
    );
  }
  const link = (href: string, text: string) => (
    <Link href={href} asChild>
      <Button as="a" appearance="primary">
        {text}
      </Button>
    </Link>
  );
  const steps: readonly { id: 'connection' | 'export' | 'dryRun'; icon: ReactElement; action?: ReactElement }[] = [
    {
      id: 'connection',
      icon: <PlugConnectedRegular />,
      action: isConnected ? <Text weight="semibold">{t('connectionDone')}</Text> : link('/connections/new', t('connectionAction')),
    },
    { id: 'export', icon: <SendRegular />, ...(isConnected ? { action: link('/exports/new', t('exportAction')) } : {}) },
    { id: 'dryRun', icon: <BeakerRegular /> },
  ];
  return (
    <EmptyState title={t('title')}>
      <Text className={styles.words}>{t('text')}</Text>
      <ol className={styles.steps}>
        {steps.map(({ id, icon, action }, index) => (
          <li key={id} className={styles.step}>
            <span className={styles.icon} aria-hidden>
              {icon}
            </span>
            <Text weight="semibold">{t(`${id}Title`, { number: index + 1 })}</Text>
            <Text>{t(`${id}Text`)}</Text>
            {action}
          </li>
        ))}
      </ol>
    </EmptyState>
  );
};

export default StartSteps;
