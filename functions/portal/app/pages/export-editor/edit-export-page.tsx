import { useTranslations } from 'use-intl';
import { Page } from '../../components/page';

const EditExportPage = () => {
  const t = useTranslations('exportEditor');
  return <Page title={t('editTitle')}>{null}</Page>;
};

export default EditExportPage;
