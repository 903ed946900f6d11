import { Badge, Button, makeStyles, MessageBar, MessageBarBody, Text, tokens } from '@fluentui/react-components';
import { DeleteRegular } from '@fluentui/react-icons';
import type { ReactNode } from 'react';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import type { PersonTrace } from '../../../../../shared/people/person-trace';
import { Card } from '../../components/card';
import { useCodeText, useReasonText } from '../../components/code-text';
import { CopyButton } from '../../components/copy-button';
import { Time } from '../../components/time';

type Traced = PersonTrace['exports'][number];

const useStyles = makeStyles({
  head: { display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: tokens.spacingHorizontalM },
  space: { flexGrow: 1 },
  facts: {
    display: 'grid',
    gridTemplateColumns: 'minmax(110px, 200px) 1fr',
    columnGap: tokens.spacingHorizontalL,
    rowGap: tokens.spacingVerticalS,
    margin: 0,
    '& dd': { margin: 0, minWidth: 0, overflowWrap: 'anywhere' },
    '& dt': { color: tokens.colorNeutralForeground3 },
    '@media (max-width: 640px)': { gridTemplateColumns: '1fr', rowGap: tokens.spacingVerticalXS },
  },
  list: { margin: 0, padding: 0, listStyleType: 'none' },
  code: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200, whiteSpace: 'pre-wrap' },
});

const Facts = ({ facts }: { facts: readonly (readonly [string, ReactNode])[] }) => {
  const styles = useStyles();
  return (
    <dl className={styles.facts}>
      {facts.map(([term, said]) => (
        <div key={term} style={{ display: 'contents' }}>
          <dt>{term}</dt>
          <dd>{said}</dd>
        </div>
      ))}
    </dl>
  );
};

const StateOf = ({ state }: { state: Traced['state'] }) => {
  const t = useTranslations('access.people');
  const textOf = useCodeText();
  if (state.unknown !== undefined) return textOf(state.unknown.code, state.unknown.message);
  if (!state.known) return t('notSent');
  return (
    <span>
      {state.runId === undefined ? (
        t('sentBy', { number: state.runNumber ?? 0 })
      ) : (
        <Link href={`/runs/${state.runId}`}>{t('sentBy', { number: state.runNumber ?? 0 })}</Link>
      )}
      {state.at !== undefined && (
        <>
          {' · '}
          <Time at={state.at} />
        </>
      )}
      {' · '}
      {t(state.jobOpen ? 'jobOpen' : state.sure ? 'sure' : 'unsure')}
    </span>
  );
};

const ExportTrace = ({ traced }: { traced: Traced }) => {
  const styles = useStyles();
  const t = useTranslations('access.people');
  const textOf = useCodeText();
  const reasonText = useReasonText();
  const list = (items: readonly ReactNode[]) => (
    <ul className={styles.list}>
      {items.map((item, index) => (
        <li key={index}>{item}</li>
      ))}
    </ul>
  );
  const segments = traced.segments.map(({ name, rows, unknown }) =>
    unknown === undefined ? t('segmentRows', { name, rows: rows ?? 0 }) : `${name}: ${textOf(unknown.code, unknown.message)}`,
  );
  const rows = traced.rows.map(({ segment, customerId, wins, refusedAs, profile }) => (
    <>
      {segment}, {customerId}: {refusedAs === undefined ? t(wins ? 'wins' : 'duplicate') : reasonText(refusedAs)}
      {wins && profile !== undefined && <div className={styles.code}>{JSON.stringify(profile, null, 1)}</div>}
    </>
  ));
  const lists = traced.lists.map(({ listId, onList, joinedAt, unknown }) => (
    <>
      <span className={styles.code}>{listId}</span>:{' '}
      {unknown === undefined ? t(onList ? 'onList' : 'notOnList') : textOf(unknown.code, unknown.message)}
      {joinedAt !== undefined && (
        <>
          {' '}
          (<Time at={joinedAt} />)
        </>
      )}
    </>
  ));
  const reports = traced.reports.map(({ runId, at, stage, code, detail }) => (
    <>
      <Link href={`/runs/${runId}`}>
        <Time at={at} />
      </Link>
      : {t(`stages.${stage}`)}, {detail ?? reasonText(code)}
    </>
  ));
  return (
    <Card title={traced.name}>
      <Facts
        facts={[
          [t('segments'), list(segments)],
          ...(rows.length === 0 ? [] : [[t('rows'), list(rows)] as const]),
          [t('state'), <StateOf key="state" state={traced.state} />],
          ...(lists.length === 0 ? [] : [[t('lists'), list(lists)] as const]),
          ...(reports.length === 0 ? [] : [[t('reports'), list(reports)] as const]),
          ...(traced.activeRun === undefined
            ? []
            : [
                [
                  t('activeRun'),
                  <Link key="run" href={`/runs/${traced.activeRun.id}`}>
                    {t('activeRunText')}
                  </Link>,
                ] as const,
              ]),
        ]}
      />
    </Card>
  );
};

const isTouched = ({ rows, state, reports, lists, segments }: Traced): boolean =>
  rows.length > 0 ||
  state.known !== false ||
  reports.length > 0 ||
  lists.some(({ onList }) => onList !== false) ||
  segments.some(({ unknown }) => unknown !== undefined);

/** Where a person is, export by export; those that know nothing of the person are only counted. */
export const TraceResult = ({ trace, onErase }: { trace: PersonTrace; onErase: () => void }) => {
  const styles = useStyles();
  const t = useTranslations('access.people');
  const textOf = useCodeText();
  const touched = trace.exports.filter(isTouched);
  return (
    <>
      <Card>
        <div className={styles.head}>
          <Text weight="semibold">{trace.email}</Text>
          <Badge appearance="tint" color={touched.length > 0 ? 'informative' : 'subtle'}>
            {t('found', { count: touched.length, total: trace.exports.length })}
          </Badge>
          <Text size={200}>
            {t('person', { person: trace.person })} <CopyButton text={trace.person} label={t('copyPerson')} />
          </Text>
          <span className={styles.space} />
          <Button icon={<DeleteRegular />} onClick={onErase}>
            {t('erase')}
          </Button>
        </div>
        {trace.reason !== undefined && (
          <MessageBar intent="warning">
            <MessageBarBody>{textOf(trace.reason.code, trace.reason.message)}</MessageBarBody>
          </MessageBar>
        )}
      </Card>
      {touched.map((one) => (
        <ExportTrace key={one.id} traced={one} />
      ))}
    </>
  );
};
