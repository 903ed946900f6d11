import type { Dialect } from './dialect';

export interface SampleEntity {
  readonly $type: 'LocalEntity';
  readonly name: string;
  readonly attributes: readonly { readonly name: string; readonly dataType: string }[];
  readonly partitions: readonly object[];
}

/** model.json as Customer Insights writes it (Common Data Model, model.json version 1.0). */
export interface SampleModel {
  readonly application: string;
  readonly name: string;
  readonly version: '1.0';
  readonly modifiedTime: string;
  readonly entities: readonly SampleEntity[];
}

/** Instants in model.json carry an offset, not a Z. */
const withOffset = (at: Date) => at.toISOString().replace(/\.\d+Z$/, '+00:00');

const encodePath = (path: string) => path.split('/').map(encodeURIComponent).join('/');

/** @param paths the files of the table inside the container, in order */
export const sampleEntity = (
  name: string,
  paths: readonly string[],
  dialect: Dialect,
  containerUrl: string,
  refreshedAt: Date,
  columns: SampleEntity['attributes'],
): SampleEntity => ({
  $type: 'LocalEntity',
  name,
  attributes: columns.map((column) => ({ ...column })),
  partitions: paths.map((path, index) => ({
    name: `${name}_${index + 1}`,
    refreshTime: withOffset(refreshedAt),
    location: `${containerUrl}/${encodePath(path)}`,
    fileFormatSettings: {
      $type: 'CsvFormatSettings',
      columnHeaders: dialect.columnHeaders,
      delimiter: dialect.delimiter,
      quoteStyle: 'QuoteStyle.Csv',
      csvStyle: 'CsvStyle.QuoteAlways',
      encoding: 'UTF-8',
    },
  })),
});

/** @param others entities of an earlier model.json; those with a name written anew are left out */
export const sampleModel = (entities: readonly SampleEntity[], others: readonly SampleEntity[], refreshedAt: Date): SampleModel => {
  const written = new Set(entities.map(({ name }) => name));
  return {
    application: 'Customer Insights',
    name: 'KlaviyoExport',
    version: '1.0',
    modifiedTime: withOffset(refreshedAt),
    entities: [...others.filter(({ name }) => !written.has(name)), ...entities],
  };
};

/** Folder of a table's refresh: {Table}/{yyyy}/{MM}/{dd}/{HHMM}, in UTC. */
export const refreshFolder = (table: string, refreshedAt: Date): string => {
  const [date = '', time = ''] = refreshedAt.toISOString().split('T');
  return `${table}/${date.replaceAll('-', '/')}/${time.slice(0, 5).replace(':', '')}`;
};
