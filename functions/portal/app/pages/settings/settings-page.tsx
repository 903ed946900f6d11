import { useTranslations } from 'use-intl';
import { Page } from '../../components/page';

const SettingsPage = () => {
  const t = useTranslations('settings');
  return <Page title={t('title')}>{null}</Page>;
};

export default SettingsPage;
