import { makeStyles, tokens } from '@fluentui/react-components';
import { useMemo } from 'react';
import { useFormatter, useTranslations } from 'use-intl';
import { Link } from 'wouter';
import type { OpenCondition } from '../api/notifications';
import { useSetting } from '../api/settings';
import { useConditionText, useKindName } from './condition-text';
import { DataTable } from './data-table';
import type { Column } from './data-table';
import { Time } from './time';

const useStyles = makeStyles({
  kind: { display: 'block', fontWeight: tokens.fontWeightSemibold },
  told: { display: 'block', color: tokens.colorNeutralForeground2 },
});

/** About how high a row is with its sentence on two lines. */
const ROW_PX = 84;

const hrefOf = ({ type, id }: OpenCondition['subject']): string | undefined =>
  id === undefined || type === 'app' ? undefined : `/${type === 'export' ? 'exports' : 'connections'}/${id}`;

/** What is open, one row each: what is the matter, since when, how often, and who was told. */
export const OpenConditions = ({
  conditions,
  withAbout = true,
}: {
  conditions: readonly OpenCondition[];
  /** false: all are about what the page is about */
  withAbout?: boolean;
}) => {
  const styles = useStyles();
  const t = useTranslations('notifications.open');
  const format = useFormatter();
  const kindName = useKindName();
  const textOf = useConditionText();
  const channels = useSetting('notifications').data?.body.channels;
  const columns = useMemo((): readonly Column<OpenCondition>[] => {
    const told = (ids: readonly string[]): string => {
      if (ids.length === 0) return t('inLog');
      const names = channels?.filter(({ id }) => ids.includes(id)).map(({ name }) => name) ?? [];
      return names.length === 0 ? t('goneChannels', { count: ids.length }) : format.list(names);
    };
    const all: readonly Column<OpenCondition>[] = [
      {
        id: 'what',
        header: t('what'),
        width: '45%',
        cell: (condition) => (
          <>
            <span className={styles.kind}>{kindName(condition.kind)}</span>
            {textOf(condition)}
          </>
        ),
      },
      {
        id: 'about',
        header: t('about'),
        cell: ({ subject }) => {
          const href = hrefOf(subject);
          return href === undefined ? t('app') : <Link href={href}>{subject.name}</Link>;
        },
      },
      { id: 'since', header: t('since'), cell: ({ since }) => <Time at={since} relative /> },
      { id: 'count', header: t('count'), number: true, cell: ({ count }) => format.number(count) },
      {
        id: 'told',
        header: t('told'),
        cell: ({ toldAt, channelIds }) =>
          toldAt === undefined ? (
            t('notYet')
          ) : (
            <>
              <Time at={toldAt} relative />
              <span className={styles.told}>{told(channelIds)}</span>
            </>
          ),
      },
    ];
    return all.filter(({ id }) => withAbout || id !== 'about');
  }, [withAbout, t, format, kindName, textOf, channels, styles]);
  return (
    <DataTable
      label={t('title')}
      columns={columns}
      items={conditions}
      keyOf={({ kind, subject }) => `${kind} ${subject.type} ${subject.id ?? subject.name}`}
      rowPx={ROW_PX}
    />
  );
};
