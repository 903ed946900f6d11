import { useTranslations } from 'use-intl';
import { Page } from '../../components/page';

const RunsPage = () => {
  const t = useTranslations('runs');
  return <Page title={t('title')}>{null}</Page>;
};

export default RunsPage;
