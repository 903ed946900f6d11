import { useTranslations } from 'use-intl';
import { Page } from '../../components/page';

const ExportsPage = () => {
  const t = useTranslations('exports');
  return <Page title={t('title')}>{null}</Page>;
};

export default ExportsPage;
