import { useTranslations } from 'use-intl';
import { Page } from '../../components/page';

const NewExportPage = () => {
  const t = useTranslations('exportEditor');
  return <Page title={t('newTitle')}>{null}</Page>;
};

export default NewExportPage;
