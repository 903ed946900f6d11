import { Badge } from '@fluentui/react-components';
import {
  ArrowSyncRegular,
  CheckmarkCircleRegular,
  CircleRegular,
  ClockRegular,
  DismissCircleRegular,
  NextRegular,
  PauseCircleRegular,
  ProhibitedRegular,
  WarningRegular,
} from '@fluentui/react-icons';
import type { ReactElement } from 'react';
import { useTranslations } from 'use-intl';
import type { ExportHealth, ExportState } from '../../../../shared/exports/export-status';
import type { RunState } from '../../../../shared/runs/run';

type Look = { readonly icon: ReactElement; readonly color: 'success' | 'warning' | 'danger' | 'informative' | 'brand' | 'subtle' };

const healths: Record<ExportHealth, Look> = {
  healthy: { icon: <CheckmarkCircleRegular />, color: 'success' },
  attention: { icon: <WarningRegular />, color: 'warning' },
  failing: { icon: <DismissCircleRegular />, color: 'danger' },
};
const activities: Record<ExportState, Look> = {
  idle: { icon: <CircleRegular />, color: 'subtle' },
  queued: { icon: <ClockRegular />, color: 'informative' },
  running: { icon: <ArrowSyncRegular />, color: 'brand' },
  waiting: { icon: <ClockRegular />, color: 'brand' },
  paused: { icon: <PauseCircleRegular />, color: 'informative' },
};
const runStates: Record<RunState, Look> = {
  queued: { icon: <ClockRegular />, color: 'informative' },
  refreshing: { icon: <ArrowSyncRegular />, color: 'brand' },
  successful: { icon: <CheckmarkCircleRegular />, color: 'success' },
  failed: { icon: <DismissCircleRegular />, color: 'danger' },
  skipped: { icon: <NextRegular />, color: 'informative' },
  canceled: { icon: <ProhibitedRegular />, color: 'informative' },
};

/** Never by colour alone: icon and word. */
const Pill = ({ look: { icon, color }, text }: { look: Look; text: string }) => (
  <Badge appearance="tint" color={color} icon={icon} size="large">
    {text}
  </Badge>
);

export const HealthBadge = ({ health }: { health: ExportHealth }) => {
  const t = useTranslations('status');
  return <Pill look={healths[health]} text={t(`health.${health}`)} />;
};
export const ActivityBadge = ({ activity }: { activity: ExportState }) => {
  const t = useTranslations('status');
  return <Pill look={activities[activity]} text={t(`activity.${activity}`)} />;
};
export const RunStateBadge = ({ state, warnings = 0 }: { state: RunState; warnings?: number }) => {
  const t = useTranslations('status');
  return state === 'successful' && warnings > 0 ? (
    <Pill look={healths.attention} text={t('run.withWarnings')} />
  ) : (
    <Pill look={runStates[state]} text={t(`run.${state}`)} />
  );
};
