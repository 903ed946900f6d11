import { useTranslations } from 'use-intl';
import { Page } from '../../components/page';

const ExportDetailPage = () => {
  const t = useTranslations('exportDetail');
  return <Page title={t('title')}>{null}</Page>;
};

export default ExportDetailPage;
