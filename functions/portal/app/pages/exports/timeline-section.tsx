import { Button, makeStyles, tokens } from '@fluentui/react-components';
import { ChevronDownRegular, ChevronRightRegular } from '@fluentui/react-icons';
import { lazy, Suspense, useId } from 'react';
import { useTranslations } from 'use-intl';
import type { ListedExport } from '../../../../../shared/exports/export-list';
import { Card } from '../../components/card';
import { useSearchState } from '../../components/search-state';

const Timeline = lazy(() => import('./timeline'));

const useStyles = makeStyles({ button: { marginLeft: `-${tokens.spacingHorizontalM}`, maxWidth: '100%' } });

/** The plot of the last 30 days, read and drawn when somebody opens it. */
const TimelineSection = ({ lanes }: { lanes: readonly ListedExport[] }) => {
  const styles = useStyles();
  const t = useTranslations('exports.timeline');
  const { value, set } = useSearchState();
  const id = useId();
  const isOpen = value('plot') === '1';
  return (
    <Card>
      <Button
        appearance="transparent"
        className={styles.button}
        icon={isOpen ? <ChevronDownRegular /> : <ChevronRightRegular />}
        aria-expanded={isOpen}
        aria-controls={id}
        onClick={() => set({ plot: isOpen ? undefined : '1' })}
      >
        {t(isOpen ? 'hide' : 'show')}
      </Button>
      <div id={id}>
        {isOpen && (
          <Suspense fallback={<p>{t('loading')}</p>}>
            <Timeline exports={lanes} />
          </Suspense>
        )}
      </div>
    </Card>
  );
};

export default TimelineSection;
