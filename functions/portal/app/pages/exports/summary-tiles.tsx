import { useTranslations } from 'use-intl';
import type { ExportSummary } from '../../../../../shared/exports/export-list';
import { Count } from '../../components/count';
import { Tiles } from '../../components/tiles';
import { Time } from '../../components/time';

/** How all exports fare, at a glance; each figure leads to the exports behind it. */
export const SummaryTiles = ({ summary: { healthy, attention, failing, active, nextDue } }: { summary: ExportSummary }) => {
  const t = useTranslations('exports.tiles');
  const next = (
    <span>
      {nextDue === undefined ? t('nothingDue') : <Time at={nextDue.at} relative />}
      {nextDue !== undefined && (
        <span style={{ display: 'block', fontSize: '12px', lineHeight: '16px', overflowWrap: 'anywhere' }}>
          {nextDue.count === 1 ? nextDue.name : t('dueTogether', { name: nextDue.name, others: nextDue.count - 1 })}
        </span>
      )}
    </span>
  );
  return (
    <Tiles
      tiles={[
        { label: t('healthy'), value: <Count value={healthy} />, href: '/exports?health=healthy' },
        { label: t('attention'), value: <Count value={attention + failing} />, href: '/exports?health=unhealthy' },
        { label: t('active'), value: <Count value={active} />, href: '/exports?activity=active' },
        { label: t('nextDue'), value: next, href: '/exports?sort=nextRun' },
      ]}
    />
  );
};
