import { makeStyles, Skeleton, SkeletonItem, tokens } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';

const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalL },
  row: { display: 'grid', gridTemplateColumns: 'repeat(auto-fit, minmax(150px, 1fr))', gap: tokens.spacingHorizontalM },
});

/** The shape of a page of one thing, until it is there: a title, some figures, a large part. */
export const DetailSkeleton = () => {
  const styles = useStyles();
  const t = useTranslations('shell');
  return (
    <Skeleton aria-label={t('loading')} className={styles.box}>
      <SkeletonItem size={32} style={{ maxWidth: '360px' }} />
      <div className={styles.row}>
        {[1, 2, 3, 4].map((tile) => (
          <SkeletonItem key={tile} size={72} />
        ))}
      </div>
      <SkeletonItem style={{ height: '220px' }} />
    </Skeleton>
  );
};

/** The shape of a table, until it is there. */
export const TableSkeleton = ({ rows }: { rows: number }) => {
  const styles = useStyles();
  const t = useTranslations('shell');
  return (
    <Skeleton aria-label={t('loading')} className={styles.box}>
      {Array.from({ length: rows }, (_, row) => (
        <SkeletonItem key={row} size={32} />
      ))}
    </Skeleton>
  );
};

/** The shape of a form, until its choices are there. */
export const FieldsSkeleton = () => {
  const styles = useStyles();
  const t = useTranslations('shell');
  return (
    <Skeleton aria-label={t('loading')} className={styles.row}>
      {Array.from({ length: 9 }, (_, field) => (
        <SkeletonItem key={field} size={56} />
      ))}
    </Skeleton>
  );
};
