import { Badge, makeStyles, Switch, tokens } from '@fluentui/react-components';
import { CheckmarkCircleRegular, DismissCircleRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslations } from 'use-intl';
import type { PreviewRow } from '../../../../../shared/preview/preview-row';
import type { Preview } from '../../../../../shared/preview/preview';
import { request } from '../../api/client';
import { Card } from '../../components/card';
import { useCodeText } from '../../components/code-text';
import { ProblemMessage } from '../../components/problem-message';
import { TableSkeleton } from '../../components/skeletons';
import { mappingOf } from './form';
import type { ExportForm } from './form';

/** Of ten rows that the API gives, so many tell enough. */
const ROWS_SHOWN = 5;

const useStyles = makeStyles({
  head: { display: 'flex', flexWrap: 'wrap', alignItems: 'center', columnGap: tokens.spacingHorizontalL },
  frame: { overflowX: 'auto' },
  table: { borderCollapse: 'collapse', width: '100%' },
  cell: {
    textAlign: 'start',
    verticalAlign: 'top',
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalS}`,
    borderTop: `1px solid ${tokens.colorNeutralStroke2}`,
    overflowWrap: 'anywhere',
    minWidth: '120px',
  },
  list: { margin: 0, padding: 0, listStyleType: 'none' },
  name: { color: tokens.colorNeutralForeground3 },
  muted: { color: tokens.colorNeutralForeground3 },
});

/** Five rows in which one that is left out is always among them, where there is one. */
export const fiveOf = (rows: readonly PreviewRow[]): readonly PreviewRow[] => {
  const first = rows.slice(0, ROWS_SHOWN);
  const out = rows.find(({ outcome }) => outcome === 'leftOut');
  return out === undefined || first.includes(out) ? first : [...first.slice(0, ROWS_SHOWN - 1), out];
};

const flat = (attributes: Readonly<Record<string, unknown>>): readonly (readonly [string, string])[] =>
  Object.entries(attributes).flatMap(([name, value]): (readonly [string, string])[] =>
    typeof value === 'object' && value !== null
      ? flat(value as Record<string, unknown>).map(([inner, text]) => [`${name}.${inner}`, text])
      : [[name, String(value)]],
  );

const Pairs = ({ pairs }: { pairs: readonly (readonly [string, string])[] }) => {
  const styles = useStyles();
  return (
    <ul className={styles.list}>
      {pairs.map(([name, value]) => (
        <li key={name}>
          <span className={styles.name}>{name}:</span> {value === '' ? '–' : value}
        </li>
      ))}
    </ul>
  );
};

const Row = ({ row }: { row: PreviewRow }) => {
  const styles = useStyles();
  const t = useTranslations('exportEditor.samples');
  const textOf = useCodeText();
  return (
    <tr>
      <td className={styles.cell}>
        <Pairs pairs={Object.entries(row.source)} />
      </td>
      <td className={styles.cell}>
        {row.profile === undefined ? <span className={styles.muted}>–</span> : <Pairs pairs={flat(row.profile.attributes)} />}
      </td>
      <td className={styles.cell}>
        {row.outcome === 'sent' ? (
          <Badge appearance="tint" color="success" icon={<CheckmarkCircleRegular />}>
            {t('sent')}
          </Badge>
        ) : (
          <Badge appearance="tint" color="warning" icon={<DismissCircleRegular />}>
            {t('leftOut')}
          </Badge>
        )}
        {row.reason !== undefined && <div>{textOf(row.reason.code, row.reason.message)}</div>}
        {row.leftOut
          .filter(({ code }) => code !== 'field_empty')
          .map(({ pointer, field, code, message }) => (
            <div key={pointer}>
              {field}: {textOf(code, message)}
            </div>
          ))}
      </td>
    </tr>
  );
};

/** Sample rows as the source holds them, and as they would be sent. Values are hidden until somebody asks, which is recorded. */
export const SampleRows = ({ form }: { form: ExportForm }) => {
  const styles = useStyles();
  const t = useTranslations('exportEditor.samples');
  const [shown, setShown] = useState(false);
  const { connectionId, segments } = form;
  const mapping = mappingOf(form);
  const properties = form.properties.filter(({ field, name }) => field !== '' && name !== '');
  const body = {
    ...(connectionId === '' ? {} : { connectionId }),
    segments,
    mapping: { ...mapping, ...(properties.length > 0 ? { properties } : { properties: undefined }) },
    masked: !shown,
  };
  const preview = useQuery({
    queryKey: ['preview', body],
    enabled: segments.length > 0 && (form.fields.email ?? '') !== '',
    staleTime: 5 * 60_000,
    // personal data is forgotten as soon as nobody looks
    gcTime: shown ? 0 : 60_000,
    // what was shown in clear never stands in for what is hidden again
    placeholderData: (before: Preview | undefined, query) =>
      (query?.queryKey[1] as { masked?: boolean } | undefined)?.masked === !shown ? before : undefined,
    queryFn: async ({ signal }) => (await request<Preview>('POST', '/exports/preview', { body, signal })).body,
  });
  return (
    <Card title={t('title')}>
      <div className={styles.head}>
        <Switch checked={shown} label={t('show')} onChange={(_, { checked }) => setShown(checked)} />
        <span className={styles.muted}>{t('showHint')}</span>
      </div>
      {(form.fields.email ?? '') === '' && <p>{t('emailFirst')}</p>}
      <ProblemMessage error={preview.error} onRetry={() => void preview.refetch()} />
      {preview.isLoading && <TableSkeleton rows={5} />}
      {preview.data !== undefined && preview.data.rows.length === 0 && <p>{t('empty')}</p>}
      {preview.data !== undefined && preview.data.rows.length > 0 && (
        <div className={styles.frame} role="region" aria-label={t('title')} tabIndex={0}>
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col" className={styles.cell}>
                  {t('before')}
                </th>
                <th scope="col" className={styles.cell}>
                  {t('after')}
                </th>
                <th scope="col" className={styles.cell}>
                  {t('outcome')}
                </th>
              </tr>
            </thead>
            <tbody>
              {fiveOf(preview.data.rows).map((row, index) => (
                <Row key={index} row={row} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {preview.data?.complete === false && <p>{t('incomplete')}</p>}
    </Card>
  );
};
