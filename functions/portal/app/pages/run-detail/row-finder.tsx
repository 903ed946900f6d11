import { Button, Field, makeStyles, SearchBox, Skeleton, SkeletonItem, Spinner, Switch, tokens } from '@fluentui/react-components';
import { ArrowDownloadRegular } from '@fluentui/react-icons';
import { useState } from 'react';
import { useTranslations } from 'use-intl';
import type { RowStage } from '../../../../../shared/runs/row-report';
import { downloadRows, useRows } from '../../api/runs';
import { ProblemMessage } from '../../components/problem-message';
import { SeenRowsTable } from '../../components/seen-rows';

const useStyles = makeStyles({
  bar: { display: 'flex', flexWrap: 'wrap', alignItems: 'end', gap: tokens.spacingHorizontalM },
  search: { minWidth: '220px', flexGrow: 1, maxWidth: '420px' },
  note: { margin: 0, color: tokens.colorNeutralForeground2 },
});

const SHOWN = 10;

/** Finds rows of a stage by their address, shows the first of them masked, and loads all of them down as a file. */
export const RowFinder = ({ runId, stage, count }: { runId: string; stage: RowStage; count: number }) => {
  const styles = useStyles();
  const t = useTranslations('run.rows');
  const [typed, setTyped] = useState('');
  // asked for on Enter, not at each letter: a report may have a million lines
  const [email, setEmail] = useState('');
  const [reveal, setReveal] = useState(false);
  const [loading, setLoading] = useState(false);
  const [problem, setProblem] = useState<unknown>();
  const rows = useRows(runId, { stage, size: SHOWN, ...(email === '' ? {} : { email }), ...(reveal ? { reveal } : {}) });
  const save = async () => {
    setLoading(true);
    setProblem(undefined);
    try {
      await downloadRows(runId, stage);
    } catch (error) {
      setProblem(error);
    }
    setLoading(false);
  };
  const found = rows.data?.value.length ?? 0;
  return (
    <>
      <form
        className={styles.bar}
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          setEmail(typed.trim());
        }}
      >
        <Field className={styles.search} label={t('find')}>
          <SearchBox
            value={typed}
            placeholder="ada@example.com"
            autoComplete="off"
            onChange={(_, { value }) => {
              setTyped(value);
              if (value === '') setEmail('');
            }}
          />
        </Field>
        <Button type="submit">{t('findButton')}</Button>
        <Switch checked={reveal} onChange={(_, { checked }) => setReveal(checked)} label={t('reveal')} />
        <Button icon={loading ? <Spinner size="tiny" /> : <ArrowDownloadRegular />} disabled={loading} onClick={() => void save()}>
          {t('download', { count })}
        </Button>
      </form>
      <ProblemMessage error={problem ?? rows.error} />
      {rows.isPending && (
        <Skeleton aria-label={t('looking')}>
          <SkeletonItem style={{ height: '120px' }} />
        </Skeleton>
      )}
      <p className={styles.note} role="status">
        {rows.data === undefined
          ? ''
          : email !== ''
            ? t('found', { count: found, email })
            : rows.data.more
              ? t('firstOf', { shown: found, count })
              : t('all', { count: found })}
      </p>
      {found > 0 && <SeenRowsTable rows={rows.data!} label={t(`stages.${stage}`)} withWhy={stage !== 'held'} />}
    </>
  );
};
