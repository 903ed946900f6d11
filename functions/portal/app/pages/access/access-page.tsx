import { useTranslations } from 'use-intl';
import { Page } from '../../components/page';

const AccessPage = () => {
  const t = useTranslations('access');
  return <Page title={t('title')}>{null}</Page>;
};

export default AccessPage;
