import { Button, Field, makeStyles, SearchBox, Spinner, tokens } from '@fluentui/react-components';
import { DismissRegular } from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslations } from 'use-intl';
import { countSegment, segmentKeys, segmentQuery, useSegments } from '../../api/segments';
import type { ListedSegment } from '../../api/segments';
import { Count } from '../../components/count';
import { DataTable } from '../../components/data-table';
import type { Column, Sorting } from '../../components/data-table';
import { EmptyState } from '../../components/empty-state';
import { ProblemMessage } from '../../components/problem-message';
import { TableSkeleton } from '../../components/skeletons';
import { Time } from '../../components/time';
import { guessMapping } from './guess-mapping';
import { OverCap } from './over-cap';
import type { Editor } from './use-editor';

const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalM },
  search: { maxWidth: '420px' },
  tags: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalXS, listStyleType: 'none', margin: 0, padding: 0 },
  tag: { maxWidth: '100%', fontWeight: tokens.fontWeightRegular, overflowWrap: 'anywhere' },
});

const numberOf = (segment: ListedSegment, column: string): string | number => {
  if (column === 'members') return segment.figures?.members ?? -1;
  if (column === 'exportable') return segment.figures?.exportable ?? -1;
  return column === 'refreshedAt' ? (segment.refreshedAt ?? '') : segment.name.toLowerCase();
};

const sorted = (segments: readonly ListedSegment[], { id, descending }: Sorting): readonly ListedSegment[] =>
  [...segments].sort((one, other) => {
    const [left, right] = [numberOf(one, id), numberOf(other, id)];
    return (left < right ? -1 : left > right ? 1 : 0) * (descending ? -1 : 1);
  });

/** Counts a segment that nobody has counted since its refresh. */
const CountNow = ({ name, email }: { name: string; email: string }) => {
  const t = useTranslations('exportEditor.segments');
  const client = useQueryClient();
  const [state, setState] = useState<'busy' | { readonly error: unknown }>();
  const count = async () => {
    setState('busy');
    try {
      const field = email !== '' ? email : guessMapping((await client.fetchQuery(segmentQuery(name))).fields).email;
      if (field === undefined) throw new Error(t('noEmailField'));
      await countSegment(name, field);
      await client.invalidateQueries({ queryKey: segmentKeys.list });
      setState(undefined);
    } catch (error) {
      setState({ error });
    }
  };
  if (typeof state === 'object') return <ProblemMessage error={state.error} onRetry={() => void count()} />;
  return (
    <Button
      size="small"
      appearance="subtle"
      disabled={state === 'busy'}
      icon={state === 'busy' ? <Spinner size="extra-tiny" /> : undefined}
      aria-label={t('countOne', { name })}
      onClick={() => void count()}
    >
      {t('count')}
    </Button>
  );
};

/** Step 2: which segments, with how many people they bring. */
const SegmentsStep = ({ editor, cap }: { editor: Editor; cap: number | undefined }) => {
  const styles = useStyles();
  const t = useTranslations('exportEditor.segments');
  const segments = useSegments();
  const [search, setSearch] = useState('');
  const [sorting, setSorting] = useState<Sorting>({ id: 'name', descending: false });
  const { form, set, problemOf } = editor;
  const email = form.fields.email ?? '';
  const shown = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    return sorted(
      (segments.data ?? []).filter(({ name }) => name.toLowerCase().includes(wanted)),
      sorting,
    );
  }, [segments.data, search, sorting]);
  const chosen = useMemo(() => new Set(form.segments), [form.segments]);
  const choose = (next: ReadonlySet<string>) => {
    // in the order in which they were chosen: of several rows of one person the first one's segment wins
    const inSight = new Set(shown.map(({ name }) => name));
    const kept = form.segments.filter((name) => next.has(name) || !inSight.has(name));
    set({ segments: [...kept, ...[...next].filter((name) => !kept.includes(name))] });
  };
  const figuresOf = ({ figures }: ListedSegment) =>
    figures !== undefined && (email === '' || figures.email === email) ? figures : undefined;
  const columns: readonly Column<ListedSegment>[] = [
    { id: 'name', header: t('columns.name'), sortable: true, cell: ({ name }) => name },
    { id: 'members', header: t('columns.members'), number: true, sortable: true, cell: (one) => <Count value={figuresOf(one)?.members} /> },
    {
      id: 'exportable',
      header: t('columns.exportable'),
      number: true,
      sortable: true,
      cell: (one) => {
        const figures = figuresOf(one);
        if (figures === undefined) return <CountNow name={one.name} email={email} />;
        return (
          <>
            <Count value={figures.exportable} /> {cap !== undefined && figures.exportable > cap && <OverCap cap={cap} />}
          </>
        );
      },
    },
    {
      id: 'refreshedAt',
      header: t('columns.refreshed'),
      sortable: true,
      cell: ({ refreshedAt }) => (refreshedAt === undefined ? '–' : <Time at={refreshedAt} relative />),
    },
  ];
  if (segments.data === undefined) {
    if (segments.isPending) return <TableSkeleton rows={6} />;
    return <ProblemMessage error={segments.error} onRetry={() => void segments.refetch()} />;
  }
  if (segments.data.length === 0 && form.segments.length === 0) {
    return (
      <EmptyState title={t('noneTitle')}>
        <p>{t('none')}</p>
      </EmptyState>
    );
  }
  const known = new Set(segments.data.map(({ name }) => name));
  return (
    <div className={styles.box}>
      <Field className={styles.search} validationMessage={problemOf('/segments')}>
        <SearchBox aria-label={t('search')} placeholder={t('search')} value={search} onChange={(_, { value }) => setSearch(value)} />
      </Field>
      <div role="status">{t('chosen', { count: form.segments.length, found: shown.length })}</div>
      {form.segments.length > 0 && (
        <ul className={styles.tags} aria-label={t('chosenLabel')}>
          {form.segments.map((name) => (
            <li key={name}>
              <Button
                size="small"
                shape="circular"
                className={styles.tag}
                icon={<DismissRegular />}
                iconPosition="after"
                aria-label={t('leaveOut', { name: known.has(name) ? name : t('gone', { name }) })}
                onClick={() => set({ segments: form.segments.filter((one) => one !== name) })}
              >
                {known.has(name) ? name : t('gone', { name })}
              </Button>
            </li>
          ))}
        </ul>
      )}
      <DataTable
        label={t('label')}
        columns={columns}
        items={shown}
        keyOf={({ name }) => name}
        nameOf={({ name }) => name}
        sorting={sorting}
        onSort={setSorting}
        selected={chosen}
        onSelect={choose}
      />
    </div>
  );
};

export default SegmentsStep;
