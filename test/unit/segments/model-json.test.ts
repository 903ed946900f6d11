import { UpstreamError } from '../../../shared/errors';
import { MAX_MODEL_BYTES, parseModel, partitionFormat } from '../../../shared/segments/cdm-folder/model-json';

const FILE = 'exports/model.json';
const parse = (model: unknown) => parseModel(Buffer.from(typeof model === 'string' ? model : JSON.stringify(model)), FILE);
const errorOf = (work: () => unknown): UpstreamError => {
  try {
    work();
  } catch (error) {
    if (error instanceof UpstreamError) return error;
    throw error;
  }
  throw new Error('expected an error');
};
const entity = (more: object = {}) => ({ $type: 'LocalEntity', name: 'Vip', attributes: [{ name: 'EMail', dataType: 'string' }], ...more });
const withEntities = (...entities: unknown[]) => ({ name: 'm', version: '1.0', entities });
const partition = (more: object = {}) => ({ name: 'p', location: 'https://a.blob.core.windows.net/c/f.csv', ...more });
const firstPartition = (more: object) => parse(withEntities(entity({ partitions: [partition(more)] }))).entities[0]!.partitions[0]!;

describe('model.json', () => {
  // Written down by hand from the published schema (Common Data Model, model.json 1.0): every key it knows.
  it('is read with everything the schema knows, and with keys it does not', () => {
    const model = parse({
      $schema: 'https://raw.githubusercontent.com/microsoft/CDM/master/docs/schema/modeljsonschema.json',
      application: 'Customer Insights',
      name: 'BlobExport',
      description: 'x',
      version: '1.0',
      culture: 'en-US',
      modifiedTime: '2026-08-18T04:40:00+02:00',
      isHidden: false,
      annotations: [{ name: 'n', value: 'v' }],
      'pbi:mashup': { document: '…' },
      referenceModels: [{ id: 'other', location: 'https://elsewhere.example.com/model.json' }],
      relationships: [{ $type: 'SingleKeyRelationship' }],
      entities: [
        { $type: 'ReferenceEntity', name: 'Vip', source: 'Vip', modelId: 'other', attributes: 'not looked at' },
        {
          $type: 'LocalEntity',
          name: 'Vip',
          description: 'x',
          'cdm:traits': [{ traitReference: 'is.a', arguments: [{ nested: [] }] }],
          annotations: [],
          schemas: [],
          attributes: [
            { name: 'CustomerId', dataType: 'GUID' },
            { name: 'EMail', dataType: 'String', 'cdm:traits': [] },
            { name: 'Raw', dataType: 'JSON' },
            { name: 'At', dataType: 'datetimeoffset' },
            { name: 'Odd', dataType: 'geography' },
            { name: 'None' },
          ],
          partitions: [
            {
              name: 'Vip_1',
              description: 'x',
              isHidden: true,
              refreshTime: '2026-08-18T02:33:00+00:00',
              location: 'https://acct.blob.core.windows.net/ci/Vip_1.csv',
              fileFormatSettings: { $type: 'CsvFormatSettings', columnHeaders: true, delimiter: ';' },
            },
            { name: 'Vip_2', location: null, refreshTime: 'yesterday' },
          ],
        },
      ],
    });
    expect(model.modifiedAt).toBe('2026-08-18T02:40:00.000Z');
    expect(model.entities).toHaveLength(1);
    const [vip] = model.entities;
    expect(vip!.attributes.map(({ dataType }) => dataType)).toEqual([
      'guid',
      'string',
      'json',
      'dateTimeOffset',
      'unclassified',
      'unclassified',
    ]);
    expect(vip!.partitions.map(({ name, location, refreshTime }) => ({ name, location, refreshTime }))).toEqual([
      { name: 'Vip_1', location: 'https://acct.blob.core.windows.net/ci/Vip_1.csv', refreshTime: '2026-08-18T02:33:00.000Z' },
      { name: 'Vip_2', location: null, refreshTime: undefined },
    ]);
    expect(vip!.partitions[1]!.pointer).toBe('/entities/1/partitions/1');
  });

  it('may begin with a byte order mark', () => {
    expect(parse('\ufeff{"entities":[]}')).toEqual({ entities: [] });
  });

  it.each<[string, unknown, string, string | undefined]>([
    ['is no JSON', '{"entities": [', 'it is not valid JSON; it may have been cut off.', undefined],
    ['is empty', '', 'it is not valid JSON', undefined],
    ['is a list', [], 'expected an object at its root.', ''],
    ['has no entities', { name: 'm' }, 'expected a list of entities at /entities.', '/entities'],
    ['has an entity that is none', withEntities(entity(), 7), 'expected an entity at /entities/1.', '/entities/1'],
    ['has an entity without $type', withEntities({ name: 'a' }), 'expected LocalEntity or ReferenceEntity at', '/entities/0/$type'],
    ['has an entity without a name', withEntities(entity({ name: undefined })), 'expected the name of an entity at', '/entities/0/name'],
    [
      'has an entity without attributes',
      withEntities(entity({ attributes: undefined })),
      'expected a list of attributes',
      '/entities/0/attributes',
    ],
    [
      'has an attribute without a name',
      withEntities(entity({ attributes: [{}] })),
      'expected the name of an attribute',
      '/entities/0/attributes/0/name',
    ],
    [
      'has two attributes of one name',
      withEntities(entity({ attributes: [{ name: 'a' }, { name: 'a' }] })),
      'expected a name that no other attribute has',
      '/entities/0/attributes/1/name',
    ],
    ['has two entities of one name', withEntities(entity(), entity()), 'expected a name that no other entity has', '/entities/1/name'],
    [
      'has partitions that are no list',
      withEntities(entity({ partitions: {} })),
      'expected a list of partitions',
      '/entities/0/partitions',
    ],
    [
      'has a location that is no text',
      withEntities(entity({ partitions: [partition({ location: 5 })] })),
      'expected the address of a file',
      '/entities/0/partitions/0/location',
    ],
    [
      'has headers that are neither true nor false',
      withEntities(entity({ partitions: [partition({ fileFormatSettings: { columnHeaders: 'maybe' } })] })),
      'expected true or false',
      '/entities/0/partitions/0/fileFormatSettings/columnHeaders',
    ],
  ])('that %s is refused with one sentence', (_, model, message, pointer) => {
    const error = errorOf(() => parse(model));
    expect(error).toMatchObject({ code: 'model_malformed', service: 'source', retryable: false });
    expect(error.pointer).toBe(pointer);
    expect(error.message).toMatch(/^exports\/model\.json cannot be used: [^\n]*\.$/);
    expect(error.message).toContain(message);
  });

  it('of more than 50 MB, and one that is not UTF-8, is refused', () => {
    expect(errorOf(() => parseModel(Buffer.alloc(MAX_MODEL_BYTES + 1, ' '), FILE)).message).toContain('larger than 50,000,000 bytes');
    expect(errorOf(() => parseModel(Buffer.from('{"entities":[]}', 'utf16le').subarray(0, 9), FILE)).code).toBe('model_malformed');
    expect(errorOf(() => parseModel(Buffer.from([0x7b, 0xff, 0x7d]), FILE)).message).toContain('not valid UTF-8');
  });

  it('may nest what is not read as deep as it likes', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(parse(`{"entities":[],"cdm:traits":${deep}}`).entities).toEqual([]);
  });
});

describe('format of a partition', () => {
  const format = (fileFormatSettings: unknown) => partitionFormat(firstPartition({ fileFormatSettings }), FILE);

  it.each([undefined, null, {}, { $type: 'CsvFormatSettings' }])('has the defaults of the schema (%j)', (settings) => {
    expect(format(settings)).toEqual({ delimiter: ',', quoted: true, quoteAnywhere: true, header: false, encoding: 'utf-8' });
  });

  it.each<[object, object]>([
    [{ columnHeaders: true }, { header: true }],
    [{ columnHeaders: 'True' }, { header: true }],
    [{ columnHeaders: 'false' }, { header: false }],
    [{ delimiter: '\t' }, { delimiter: '\t' }],
    [{ quoteStyle: 'QuoteStyle.None' }, { quoted: false }],
    [{ quoteStyle: 'none' }, { quoted: false }],
    [{ csvStyle: 'CsvStyle.QuoteAfterDelimiter' }, { quoteAnywhere: false }],
    [{ encoding: 'utf8' }, { encoding: 'utf-8' }],
    [{ encoding: 'UTF-16LE' }, { encoding: 'utf-16le' }],
  ])('%j means %j', (settings, expected) => {
    expect(format(settings)).toMatchObject(expected);
  });

  it.each<[object, string]>([
    [{ delimiter: '' }, 'delimiter'],
    [{ delimiter: ';;' }, 'delimiter'],
    [{ delimiter: '"' }, 'delimiter'],
    [{ delimiter: '\n' }, 'delimiter'],
    [{ delimiter: '§' }, 'delimiter'],
    [{ encoding: 'windows-1252' }, 'encoding'],
    [{ quoteStyle: 'QuoteStyle.Single' }, 'quoteStyle'],
    [{ csvStyle: 'x' }, 'csvStyle'],
    [{ csvStyle: 'constructor' }, 'csvStyle'],
  ])('refuses %j', (settings, key) => {
    expect(errorOf(() => format(settings))).toMatchObject({
      code: 'model_malformed',
      pointer: `/entities/0/partitions/0/fileFormatSettings/${key}`,
    });
  });
});
