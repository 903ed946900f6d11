import { useTranslations } from 'use-intl';
import { Page } from '../../components/page';

const ConnectionsPage = () => {
  const t = useTranslations('connections');
  return <Page title={t('title')}>{null}</Page>;
};

export default ConnectionsPage;
