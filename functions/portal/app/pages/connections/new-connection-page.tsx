import { useTranslations } from 'use-intl';
import { Page } from '../../components/page';

const NewConnectionPage = () => {
  const t = useTranslations('connections');
  return <Page title={t('newTitle')}>{null}</Page>;
};

export default NewConnectionPage;
