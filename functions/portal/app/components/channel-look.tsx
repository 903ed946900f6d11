import { Badge } from '@fluentui/react-components';
import {
  BracesRegular,
  CheckmarkCircleRegular,
  CircleRegular,
  DismissCircleRegular,
  NumberSymbolRegular,
  PeopleTeamRegular,
  WarningRegular,
} from '@fluentui/react-icons';
import type { ReactElement } from 'react';
import { useTranslations } from 'use-intl';
import type { Channel } from '../api/notifications';

/** A sign for each form of a channel; the word stands beside it. */
export const formSigns: Record<Channel['form'], ReactElement> = {
  teams: <PeopleTeamRegular fontSize={20} aria-hidden />,
  slack: <NumberSymbolRegular fontSize={20} aria-hidden />,
  json: <BracesRegular fontSize={20} aria-hidden />,
};

const states = {
  new: { icon: <CircleRegular />, color: 'informative' },
  working: { icon: <CheckmarkCircleRegular />, color: 'success' },
  failing: { icon: <WarningRegular />, color: 'warning' },
  broken: { icon: <DismissCircleRegular />, color: 'danger' },
} as const;

/** How a channel fares, by icon and word. */
export const ChannelBadge = ({ state }: { state: Channel['delivery']['state'] }) => {
  const t = useTranslations('notifications.states');
  const { icon, color } = states[state];
  return (
    <Badge appearance="tint" color={color} icon={icon} size="large">
      {t(state)}
    </Badge>
  );
};

/** Why a message did not arrive, in the reader's language. @param otherwise what is said of a reason that this version does not know */
export const useReasonOfDelivery = (): ((
  delivery: { readonly code?: string | undefined; readonly status?: number | undefined },
  otherwise?: string,
) => string) => {
  const t = useTranslations('notifications');
  return ({ code, status }, otherwise) => {
    const key = `reasons.${code ?? ''}` as Parameters<typeof t>[0];
    const text = t.has(key) ? t(key) : (otherwise ?? code ?? '');
    return status === undefined ? text : t('withStatus', { text, status });
  };
};
