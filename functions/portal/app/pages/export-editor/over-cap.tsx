import { Badge } from '@fluentui/react-components';
import { WarningRegular } from '@fluentui/react-icons';
import { useTranslations } from 'use-intl';

/** Says that something is more than an export may bring. */
export const OverCap = ({ cap }: { cap: number }) => {
  const t = useTranslations('exportEditor');
  return (
    <Badge appearance="tint" color="warning" icon={<WarningRegular />}>
      {t('overCap', { cap })}
    </Badge>
  );
};
