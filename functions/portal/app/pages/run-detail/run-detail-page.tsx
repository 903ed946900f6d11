import { useTranslations } from 'use-intl';
import { Page } from '../../components/page';

const RunDetailPage = () => {
  const t = useTranslations('runDetail');
  return <Page title={t('title', { number: 1 })}>{null}</Page>;
};

export default RunDetailPage;
