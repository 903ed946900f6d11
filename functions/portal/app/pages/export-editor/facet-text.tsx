import { useFormatter, useTranslations } from 'use-intl';
import type { ExportSchedule } from '../../../../../shared/schedules/schedule';
import { useConnections } from '../../api/connections';
import { useSetting } from '../../api/settings';
import type { Facet } from './facets';
import type { Attribute, LimitName } from './form';

/** How facets are called, and what they hold, in the reader's language. */
export const useFacetText = () => {
  const t = useTranslations('exportEditor');
  const format = useFormatter();
  const connections = useConnections();
  const channels = useSetting('notifications').data?.body.channels;
  const scheduleText = (text: string): string => {
    const schedule = JSON.parse(text) as ExportSchedule;
    if (schedule.kind !== 'custom') return t(`rail.schedules.${schedule.kind}`);
    const { repeat, days, daysOfMonth, times, timeZone } = schedule;
    const weekday = (day: string) =>
      format.dateTime(
        new Date(Date.UTC(2027, 0, 4 + ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'].indexOf(day), 12)),
        {
          weekday: 'long',
          timeZone: 'UTC',
        },
      );
    const on = repeat === 'weekly' ? days.map(weekday) : repeat === 'monthly' ? daysOfMonth.map(String) : [];
    return [t(`changes.repeats.${repeat}`), format.list(on), format.list(times), timeZone].filter((part) => part !== '').join(' · ');
  };
  const whichOf = (facet: Facet): string => facet.slice(facet.indexOf(':') + 1);
  return {
    labelOf: (facet: Facet): string => {
      if (facet.startsWith('segment:')) return t('changes.segment', { name: whichOf(facet) });
      if (facet.startsWith('channel:')) {
        return t('changes.channel', { name: channels?.find(({ id }) => id === whichOf(facet))?.name ?? whichOf(facet) });
      }
      if (facet.startsWith('property:')) return t('changes.property', { name: whichOf(facet) });
      if (facet.startsWith('attribute:')) return t(`mapping.attributes.${whichOf(facet) as Attribute}`);
      if (facet.startsWith('limit:')) return t(`behaviour.limits.${whichOf(facet) as LimitName}`);
      return t(`changes.facets.${facet as 'name' | 'connection' | 'list' | 'membership' | 'schedule'}`);
    },
    valueOf: (facet: Facet, value: string | undefined): string => {
      if (facet.startsWith('segment:')) return t(value === undefined ? 'changes.notIn' : 'changes.in');
      if (facet.startsWith('channel:')) return t(value === undefined ? 'changes.notTold' : 'changes.told');
      if (value === undefined)
        return facet.startsWith('limit:')
          ? t('changes.default')
          : facet === 'connection'
            ? t('changes.noConnection')
            : t('mapping.notSent');
      if (facet === 'membership') return t(`rail.memberships.${value as 'add' | 'mirror'}`);
      if (facet === 'schedule') return scheduleText(value);
      if (facet === 'connection') return connections.data?.find(({ id }) => id === value)?.displayName ?? t('destination.otherConnection');
      if (facet === 'list' && value.startsWith('+')) return t('changes.newList', { name: value.slice(1) });
      if (facet === 'limit:maxInvalidShare' || facet === 'limit:guardShare') return `${value} %`;
      return value;
    },
  };
};
