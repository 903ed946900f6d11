import { VerticalBarChart } from '@fluentui/react-charts';
import { tokens } from '@fluentui/react-components';
import { useFormatter, useTranslations } from 'use-intl';
import { PlotFrame, usePlotAxes } from '../../components/plot-frame';
import type { PacePoint } from './sending-pace';

/** Import jobs posted per span of time. */
const PacePlot = ({ points }: { points: readonly PacePoint[] }) => {
  const t = useTranslations('runDetail.pace');
  const format = useFormatter();
  const axes = usePlotAxes();
  const { seconds } = points[0]!;
  const most = points.reduce((found, point) => (point.jobs > found.jobs ? point : found));
  const all = points.reduce((sum, { jobs }) => sum + jobs, 0);
  return (
    <PlotFrame title={t('title', { seconds })} text={t('text', { jobs: all, spans: points.length, seconds, most: most.jobs })}>
      <VerticalBarChart
        {...axes}
        hideLabels
        maxBarWidth={24}
        roundCorners
        data={points.map(({ at, jobs, rows }) => ({
          x: format.dateTime(at, { timeStyle: 'medium' }),
          y: jobs,
          legend: t('jobs'),
          color: tokens.colorBrandBackground,
          yAxisCalloutData: t('callout', { jobs, rows }),
        }))}
      />
    </PlotFrame>
  );
};

export default PacePlot;
