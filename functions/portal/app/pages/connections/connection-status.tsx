import { Badge } from '@fluentui/react-components';
import { CheckmarkCircleRegular, DismissCircleRegular } from '@fluentui/react-icons';
import { useTranslations } from 'use-intl';
import type { ConnectionStatus } from '../../../../../shared/connections/connection-status';

/** Whether a connection works, as a word with its sign. */
export const ConnectionStatusBadge = ({ status }: { status: ConnectionStatus }) => {
  const t = useTranslations('connections');
  const works = status === 'connected';
  return (
    <Badge
      appearance="tint"
      size="large"
      color={works ? 'success' : 'danger'}
      icon={works ? <CheckmarkCircleRegular /> : <DismissCircleRegular />}
    >
      {t(`statuses.${status}.name`)}
    </Badge>
  );
};
