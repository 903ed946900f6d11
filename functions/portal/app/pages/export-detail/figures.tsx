import { makeStyles, tokens } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import type { ExportView } from '../../../../../shared/exports/export-view';
import type { Run } from '../../../../../shared/runs/run';
import { useNextRuns } from '../../api/exports';
import { Count } from '../../components/count';
import { Tiles } from '../../components/tiles';
import type { Tile } from '../../components/tiles';
import { Time } from '../../components/time';
import { lastSized, sizeOf } from './plot-data';

const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalS },
  when: { fontSize: tokens.fontSizeBase500, lineHeight: tokens.lineHeightBase500, overflowWrap: 'anywhere' },
  note: { margin: 0, color: tokens.colorNeutralForeground2, fontSize: tokens.fontSizeBase200 },
});

/** How large the source is, what of it is on the list, when it ran and when it runs next. */
export const Figures = ({ view, runs }: { view: ExportView; runs: readonly Run[] | undefined }) => {
  const styles = useStyles();
  const t = useTranslations('exportDetail.figures');
  const next = useNextRuns(view.id);
  const sized = lastSized(runs ?? []);
  const size = sized && sizeOf(sized);
  const at = next.data?.value[0]?.at;
  const when = (text: React.ReactNode) => <span className={styles.when}>{text}</span>;
  const tiles: readonly Tile[] = [
    { label: t('members'), value: <Count value={size?.members} /> },
    { label: t('onList'), value: <Count value={size?.onList} /> },
    { label: t('gap'), value: <Count value={size && size.members - size.onList} /> },
    {
      label: t('lastRun'),
      value: when(view.lastRun === undefined ? t('never') : <Time at={view.lastRun.endedAt} relative />),
      ...(view.lastRun === undefined ? {} : { href: `/runs/${view.lastRun.id}` }),
    },
    { label: t('nextRun'), value: when(next.data === undefined ? '–' : at === undefined ? t('none') : <Time at={at} relative />) },
  ];
  return (
    <div className={styles.box}>
      <Tiles tiles={tiles} />
      {sized !== undefined && (
        <p className={styles.note}>
          {t('asOf')} <Time at={sized.endedAt!} />
          {sized.counts.expected > 0 && <> · {t('checked', { expected: sized.counts.expected, found: sized.counts.found })}</>}
        </p>
      )}
    </div>
  );
};
