import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { UpstreamError } from '../../errors';
import type { CsvDialect } from './csv-scanner';

/**
 * The parts of model.json that are read (Common Data Model, model.json version 1.0, and its published schema). Unknown keys are
 * ignored: writers add prefixed ones (`pbi:mashup`, `cdm:traits`).
 */
export const MAX_MODEL_BYTES = 50_000_000;

const DATA_TYPES = [
  'string',
  'int64',
  'double',
  'dateTime',
  'dateTimeOffset',
  'decimal',
  'boolean',
  'guid',
  'json',
  'date',
  'time',
  'unclassified',
] as const;
const dataTypeByName = new Map<string, (typeof DATA_TYPES)[number]>([
  ...DATA_TYPES.map((type) => [type.toLowerCase(), type] as const),
  // the other names of numbers that manifests know
  ...(['byte', 'int16', 'int32', 'smallinteger', 'integer', 'biginteger'] as const).map((type) => [type, 'int64'] as const),
  ['float', 'double'],
]);
export const toDataType = (type: string | null | undefined): (typeof DATA_TYPES)[number] =>
  dataTypeByName.get((type ?? '').toLowerCase()) ?? 'unclassified';

const text = (what: string) => z.string({ error: `expected ${what}` });

/** The documentation writes GUID where the schema writes guid; a type nobody knows is `unclassified`. */
const DataType = z.string().nullish().transform(toDataType);

const Attribute = z.object({ name: text('the name of an attribute').min(1, 'expected the name of an attribute'), dataType: DataType });

/** Some writers put booleans into strings (microsoft/CDM declares `boolean | string`). */
const BooleanOrText = z
  .union([z.boolean(), z.string().regex(/^(true|false)$/i, 'expected true or false')], { error: 'expected true or false' })
  .transform((value) => value === true || String(value).toLowerCase() === 'true');

export const FileFormatSettings = z.object({
  columnHeaders: BooleanOrText.nullish().transform((value) => value ?? false),
  delimiter: text('a delimiter')
    .nullish()
    .transform((value) => value ?? ','),
  encoding: text('an encoding')
    .nullish()
    .transform((value) => value ?? 'UTF-8'),
  quoteStyle: text('QuoteStyle.Csv or QuoteStyle.None')
    .nullish()
    .transform((value) => value ?? 'QuoteStyle.Csv'),
  csvStyle: text('CsvStyle.QuoteAlways or CsvStyle.QuoteAfterDelimiter')
    .nullish()
    .transform((value) => value ?? 'CsvStyle.QuoteAlways'),
});

const Partition = z.object({
  name: text('the name of a partition'),
  /** null or absent: only the schema is known, there is no file */
  location: text('the address of a file').nullish(),
  refreshTime: z
    .string()
    .nullish()
    .catch(undefined)
    .transform((value) => toInstant(value)),
  fileFormatSettings: FileFormatSettings.nullish().transform((settings) => FileFormatSettings.parse(settings ?? {})),
});

const LocalEntity = z.object({
  name: text('the name of an entity').min(1, 'expected the name of an entity'),
  attributes: z.array(Attribute, { error: 'expected a list of attributes' }),
  partitions: z
    .array(Partition, { error: 'expected a list of partitions' })
    .nullish()
    .transform((partitions) => partitions ?? []),
});

const Root = z.object(
  {
    modifiedTime: z
      .string()
      .nullish()
      .catch(undefined)
      .transform((value) => toInstant(value)),
    entities: z.array(z.looseObject({ $type: text('LocalEntity or ReferenceEntity') }, { error: 'expected an entity' }), {
      error: 'expected a list of entities',
    }),
  },
  { error: 'expected an object' },
);

export type ModelPartition = z.infer<typeof Partition> & { readonly pointer: string };
export type ModelEntity = Omit<z.infer<typeof LocalEntity>, 'partitions'> & {
  readonly pointer: string;
  readonly partitions: readonly ModelPartition[];
};
export interface Model {
  readonly modifiedAt?: string;
  /** entities whose data lies here; a ReferenceEntity points into another model and is never followed */
  readonly entities: readonly ModelEntity[];
}

/** Instants carry an offset; one that cannot be read is as good as none. */
export const toInstant = (value: string | null | undefined): string | undefined => {
  const time = value ? Date.parse(value) : NaN;
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
};

/** @param pointer JSON pointer into the file, where the fault lies in one place of it */
export const modelMalformed = (file: string, detail: string, { pointer, cause }: { pointer?: string; cause?: unknown } = {}) =>
  new UpstreamError('source', {
    code: 'model_malformed',
    message: `${file} cannot be used: ${pointer === undefined ? detail : `${detail} at ${pointer || 'its root'}`}.`,
    retryable: false,
    ...(pointer === undefined ? {} : { pointer }),
    cause,
  });

const toPointer = (path: readonly PropertyKey[]) =>
  path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** The JSON of a file that describes segments. @throws UpstreamError model_malformed */
export const parseJsonFile = (bytes: Uint8Array, file: string): unknown => {
  if (bytes.byteLength > MAX_MODEL_BYTES) throw modelMalformed(file, `it is larger than ${MAX_MODEL_BYTES.toLocaleString('en')} bytes`);
  if (!isUtf8(bytes)) throw modelMalformed(file, 'it is not valid UTF-8');
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown; // the decoder drops a byte order mark
  } catch {
    // No cause: the parser's own message quotes what it met.
    throw modelMalformed(file, 'it is not valid JSON; it may have been cut off');
  }
};

/**
 * Reads the bytes of a model.json.
 * @param file its name, for errors
 * @throws UpstreamError model_malformed: one sentence with the file and the JSON pointer of the first thing that is wrong
 */
export const parseModel = (bytes: Uint8Array, file: string): Model => {
  const parse = <T>(schema: z.ZodType<T>, value: unknown, pointer: string): T => {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    throw modelMalformed(file, issue!.message, { pointer: pointer + toPointer(issue!.path) });
  };
  const root = parse(Root, parseJsonFile(bytes, file), '');
  const entities: ModelEntity[] = [];
  const names = new Set<string>();
  for (const [index, raw] of root.entities.entries()) {
    if (raw.$type.toLowerCase() !== 'localentity') continue;
    const pointer = `/entities/${index}`;
    const entity = parse(LocalEntity, raw, pointer);
    if (names.has(entity.name)) throw modelMalformed(file, 'expected a name that no other entity has', { pointer: `${pointer}/name` });
    names.add(entity.name);
    const twice = firstTwice(entity.attributes.map(({ name }) => name));
    if (twice >= 0) {
      throw modelMalformed(file, 'expected a name that no other attribute has', { pointer: `${pointer}/attributes/${twice}/name` });
    }
    entities.push({
      ...entity,
      pointer,
      partitions: entity.partitions.map((partition, at) => ({ ...partition, pointer: `${pointer}/partitions/${at}` })),
    });
  }
  return { entities, ...(root.modifiedTime === undefined ? {} : { modifiedAt: root.modifiedTime }) };
};

const firstTwice = (names: readonly string[]): number => {
  const seen = new Set<string>();
  return names.findIndex((name) => seen.size === seen.add(name).size);
};

export type Encoding = 'utf-8' | 'utf-16le';
const ENCODINGS = new Map<string, Encoding>([
  ['utf8', 'utf-8'],
  ['usascii', 'utf-8'],
  ['ascii', 'utf-8'],
  ['65001', 'utf-8'],
  ['utf16', 'utf-16le'],
  ['utf16le', 'utf-16le'],
  ['unicode', 'utf-16le'],
  ['1200', 'utf-16le'],
]);
const QUOTE_STYLES = new Map([
  ['csv', true],
  ['none', false],
]);
const CSV_STYLES = new Map([
  ['quotealways', true],
  ['quoteafterdelimiter', false],
]);

/**
 * What the settings of a partition mean. Asked only of partitions that are read, so that an odd one elsewhere stops nobody.
 * @throws UpstreamError model_malformed where a setting has a value that no reader could obey
 */
export const partitionFormat = (
  { fileFormatSettings, pointer }: Pick<ModelPartition, 'fileFormatSettings' | 'pointer'>,
  file: string,
): CsvDialect & { encoding: Encoding } => {
  const { columnHeaders, delimiter, encoding, quoteStyle, csvStyle } = fileFormatSettings;
  const wrong = (setting: string, expected: string) =>
    modelMalformed(file, `expected ${expected}`, { pointer: `${pointer}/fileFormatSettings/${setting}` });
  // A line end, a quote, or a character of several bytes cannot divide fields.
  if (!/^[\t\x20\x21\x23-\x7e]$/.test(delimiter)) throw wrong('delimiter', 'one ASCII character, as , or ; or | or a tab');
  const knownEncoding = ENCODINGS.get(encoding.toLowerCase().replaceAll(/[-_ ]/g, ''));
  if (knownEncoding === undefined) throw wrong('encoding', 'UTF-8 or UTF-16LE');
  const quoting = QUOTE_STYLES.get(quoteStyle.toLowerCase().replace('quotestyle.', ''));
  if (quoting === undefined) throw wrong('quoteStyle', 'QuoteStyle.Csv or QuoteStyle.None');
  const anywhere = CSV_STYLES.get(csvStyle.toLowerCase().replace('csvstyle.', ''));
  if (anywhere === undefined) throw wrong('csvStyle', 'CsvStyle.QuoteAlways or CsvStyle.QuoteAfterDelimiter');
  return { delimiter, quoted: quoting, quoteAnywhere: anywhere, header: columnHeaders, encoding: knownEncoding };
};
