import { Button, makeStyles, Text, tokens, Toolbar } from '@fluentui/react-components';
import { CalendarRegular, DismissRegular, PlayRegular, PlugDisconnectedRegular } from '@fluentui/react-icons';
import { useTranslations } from 'use-intl';
import type { ListedExport } from '../../../../../shared/exports/export-list';
import type { Asked } from './use-row-actions';

/** So many the API takes at once. */
const MOST = 200;

const useStyles = makeStyles({
  bar: {
    position: 'sticky',
    top: 0,
    zIndex: 2,
    display: 'flex',
    flexWrap: 'wrap',
    gap: tokens.spacingHorizontalS,
    padding: tokens.spacingHorizontalS,
    backgroundColor: tokens.colorBrandBackground2,
    borderRadius: tokens.borderRadiusLarge,
  },
  words: { padding: `0 ${tokens.spacingHorizontalS}`, color: tokens.colorNeutralForeground1 },
});

/** What can be done with the exports that are ticked. */
const SelectionBar = ({
  chosen,
  onAct,
  onClear,
}: {
  chosen: readonly ListedExport[];
  onAct: (asked: Asked) => void;
  onClear: () => void;
}) => {
  const styles = useStyles();
  const t = useTranslations('exports.selection');
  const tooMany = chosen.length > MOST;
  const act = (what: Asked['what']) => () => onAct({ what, exports: chosen });
  return (
    <Toolbar className={styles.bar} aria-label={t('label')}>
      <Text weight="semibold" className={styles.words} aria-live="polite">
        {tooMany ? t('tooMany', { count: chosen.length, most: MOST }) : t('count', { count: chosen.length })}
      </Text>
      <Button appearance="subtle" icon={<PlayRegular />} disabled={tooMany} onClick={act('run')}>
        {t('run')}
      </Button>
      <Button appearance="subtle" icon={<CalendarRegular />} disabled={tooMany} onClick={act('schedule')}>
        {t('schedule')}
      </Button>
      <Button appearance="subtle" icon={<PlugDisconnectedRegular />} disabled={tooMany} onClick={act('detach')}>
        {t('detach')}
      </Button>
      <Button appearance="subtle" icon={<DismissRegular />} onClick={onClear}>
        {t('clear')}
      </Button>
    </Toolbar>
  );
};

export default SelectionBar;
