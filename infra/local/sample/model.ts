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

export const encodePath = (path: string) => path.split('/').map(encodeURIComponent).join('/');

/** @param paths the files of the table inside the container, in order */
export const sampleEntity = (
  name: string,
  paths: readonly string[],
  dialect: Dialect,
  containerUrl: string,
  refreshedAt: Date,
  columns: SampleEntity['attributes'],
  locationOf: (path: string) => string = (path) => `${containerUrl}/${encodePath(path)}`,
): SampleEntity => ({
  $type: 'LocalEntity',
  name,
  attributes: columns.map((column) => ({ ...column })),
  partitions: paths.map((path, index) => ({
    name: `${name}_${index + 1}`,
    refreshTime: withOffset(refreshedAt),
    location: locationOf(path),
    fileFormatSettings: {
      $type: 'CsvFormatSettings',
      columnHeaders: dialect.columnHeaders,
      delimiter: dialect.delimiter,
      quoteStyle: dialect.quoteStyle === 'none' ? 'QuoteStyle.None' : 'QuoteStyle.Csv',
      csvStyle: dialect.csvStyle === 'quoteAlways' ? 'CsvStyle.QuoteAlways' : 'CsvStyle.QuoteAfterDelimiter',
      encoding: dialect.encoding === 'utf-16le' ? 'UTF-16LE' : 'UTF-8',
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

/**
 * The same as a manifest: one document that names the entities and their files, and one with the columns of each.
 * @param folder of the export; paths in a manifest begin there
 * @see Common Data Model, "Introducing manifest"
 */
export const sampleManifest = (
  entities: readonly { readonly entity: SampleEntity; readonly paths: readonly string[] }[],
  { folder, dialect, refreshedAt }: { folder: string; dialect: Dialect; refreshedAt: Date },
): { readonly name: string; readonly content: object }[] => {
  const settings = {
    columnHeaders: String(dialect.columnHeaders),
    delimiter: dialect.delimiter,
    quoteStyle: dialect.quoteStyle === 'none' ? 'QuoteStyle.None' : 'QuoteStyle.Csv',
    csvStyle: dialect.csvStyle === 'quoteAlways' ? 'CsvStyle.QuoteAlways' : 'CsvStyle.QuoteAfterDelimiter',
    encoding: dialect.encoding === 'utf-16le' ? 'UTF-16LE' : 'UTF-8',
  };
  const trait = {
    traitReference: 'is.partition.format.CSV',
    arguments: Object.entries(settings).map(([name, value]) => ({ name, value })),
  };
  const descriptions = entities.map(({ entity: { name, attributes } }) => ({
    name: `${folder}/${name}.cdm.json`,
    content: { jsonSchemaSemanticVersion: '1.0.0', definitions: [{ entityName: name, hasAttributes: attributes }] },
  }));
  const manifest = {
    manifestName: 'KlaviyoExport',
    jsonSchemaSemanticVersion: '1.0.0',
    imports: [{ corpusPath: 'cdm:/foundations.cdm.json' }],
    entities: entities.map(({ entity: { name }, paths }) => ({
      type: 'LocalEntity',
      entityName: name,
      entityPath: `${name}.cdm.json/${name}`,
      exhibitsTraits: [{ traitReference: { traitName: 'is.CDM.attributeGroup', nested: [{ arguments: [] }] } }],
      dataPartitions: paths.map((path, index) => ({
        name: `${name}_${index + 1}`,
        location: path.slice(folder.length + 1),
        refreshTime: withOffset(refreshedAt),
        exhibitsTraits: [trait],
      })),
    })),
  };
  return [...descriptions, { name: `${folder}/default.manifest.cdm.json`, content: manifest }];
};
