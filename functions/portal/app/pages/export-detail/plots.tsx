import { LineChart, VerticalStackedBarChart } from '@fluentui/react-charts';
import { makeStyles, tokens } from '@fluentui/react-components';
import { useFormatter, useTranslations } from 'use-intl';
import type { Run } from '../../../../../shared/runs/run';
import { PlotFrame, usePlotAxes } from '../../components/plot-frame';
import { ORIGINAL_MINUTES, changesOf, minutesOf, sizeOf } from './plot-data';

const useStyles = makeStyles({
  grid: {
    display: 'grid',
    gridTemplateColumns: 'repeat(auto-fit, minmax(min(100%, 300px), 1fr))',
    gap: tokens.spacingHorizontalM,
  },
});

const parts = [
  ['joined', tokens.colorPaletteGreenBackground3],
  ['updated', tokens.colorBrandBackground],
  ['left', tokens.colorPalettePurpleBorderActive],
  ['invalid', tokens.colorPaletteDarkOrangeBackground3],
  ['rejected', tokens.colorPaletteRedBackground3],
] as const;

/** What each run changed. */
const ChangesPlot = ({ runs }: { runs: readonly Run[] }) => {
  const t = useTranslations('exportDetail.plots');
  const axes = usePlotAxes();
  const format = useFormatter();
  const last = changesOf(runs.at(-1)!);
  return (
    <PlotFrame
      title={t('changes')}
      text={t('changesText', { runs: runs.length, ...last })}
      legend={parts.map(([name, color]) => ({ name: t(name), color }))}
    >
      <VerticalStackedBarChart
        {...axes}
        hideLabels
        maxBarWidth={20}
        data={runs.map((run) => {
          const changes = changesOf(run);
          return {
            xAxisPoint: String(run.number),
            chartData: parts.map(([name, color]) => ({
              legend: t(name),
              data: changes[name],
              color,
              xAxisCalloutData: t('runAt', {
                number: run.number,
                at: format.dateTime(new Date(run.endedAt!), { dateStyle: 'medium', timeStyle: 'short' }),
              }),
              yAxisCalloutData: format.number(changes[name]),
            })),
          };
        })}
      />
    </PlotFrame>
  );
};

/** How large the source was, and what of it was on the list. */
const SizesPlot = ({ runs }: { runs: readonly Run[] }) => {
  const t = useTranslations('exportDetail.plots');
  const axes = usePlotAxes();
  const sized = runs.flatMap((run) => {
    const size = sizeOf(run);
    return size === undefined || run.state !== 'successful' ? [] : [{ x: new Date(run.endedAt!), ...size }];
  });
  if (sized.length < 2) return null;
  const [first, last] = [sized[0]!, sized.at(-1)!];
  const legend = [
    { name: t('members'), color: tokens.colorBrandBackground },
    { name: t('onList'), color: tokens.colorPaletteMarigoldBorderActive },
  ] as const;
  return (
    <PlotFrame
      title={t('sizes')}
      text={t('sizesText', { before: first.members, members: last.members, onList: last.onList })}
      legend={legend}
    >
      <LineChart
        {...axes}
        data={{
          lineChartData: [
            // the first lies on top; dashed, so that both are seen where they are the same
            {
              legend: t('onList'),
              color: legend[1].color,
              lineOptions: { strokeWidth: '2', strokeDasharray: '6 4' },
              data: sized.map(({ x, onList }) => ({ x, y: onList })),
            },
            {
              legend: t('members'),
              color: legend[0].color,
              lineOptions: { strokeWidth: '4' },
              data: sized.map(({ x, members }) => ({ x, y: members })),
            },
          ],
        }}
        yMinValue={0}
      />
    </PlotFrame>
  );
};

/** How long each run took, beside the 20 minutes that the original export may take. */
const MinutesPlot = ({ runs }: { runs: readonly Run[] }) => {
  const t = useTranslations('exportDetail.plots');
  const axes = usePlotAxes();
  const format = useFormatter();
  const points = runs.map((run) => ({ x: new Date(run.endedAt!), y: Math.round(minutesOf(run) * 100) / 100 }));
  const longest = Math.max(...points.map(({ y }) => y));
  const legend = [
    { name: t('took'), color: tokens.colorBrandBackground },
    { name: t('original', { minutes: ORIGINAL_MINUTES }), color: tokens.colorNeutralForeground3 },
  ] as const;
  const ends = [points[0]!.x, points.at(-1)!.x];
  return (
    <PlotFrame
      title={t('minutes')}
      text={t('minutesText', { longest: format.number(longest, { maximumFractionDigits: 1 }) })}
      legend={legend}
    >
      <LineChart
        {...axes}
        data={{
          lineChartData: [
            { legend: t('took'), color: legend[0].color, data: points },
            {
              legend: t('original', { minutes: ORIGINAL_MINUTES }),
              color: legend[1].color,
              lineOptions: { strokeDasharray: '5', strokeWidth: '2' },
              data: ends.map((x) => ({ x, y: ORIGINAL_MINUTES })),
              hideNonActiveDots: true,
            },
          ],
        }}
        yMinValue={0}
      />
    </PlotFrame>
  );
};

/** How the export did over its last runs. @param runs real ones, oldest first */
const Plots = ({ runs }: { runs: readonly Run[] }) => {
  const styles = useStyles();
  return (
    <div className={styles.grid}>
      <ChangesPlot runs={runs} />
      <SizesPlot runs={runs} />
      <MinutesPlot runs={runs} />
    </div>
  );
};

export default Plots;
