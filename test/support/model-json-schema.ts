/**
 * What the published schema of model.json demands (microsoft/CDM, docs/schema/modeljsonschema.json, draft 7), written down by hand: names,
 * required fields, types, enumerations, patterns and bounds; titles, examples and ids are left out.
 */
const name = { type: 'string', minLength: 1, maxLength: 256, pattern: String.raw`^[^\s](.*[^\s])?$` };
const description = { type: 'string', maxLength: 4000 };
const annotations = {
  type: 'array',
  items: { type: 'object', required: ['name'], properties: { name, value: { type: 'string' } } },
};
const ofEveryEntity = {
  name: { ...name, pattern: String.raw`^[^\s]([^."]*[^\s])?$` },
  description,
  annotations,
  isHidden: { type: 'boolean' },
};
const dataType = {
  enum: ['unclassified', 'string', 'int64', 'double', 'date', 'time', 'dateTime', 'dateTimeOffset', 'decimal', 'boolean', 'guid', 'json'],
};
const fileFormatSettings = {
  type: 'object',
  required: ['$type'],
  properties: {
    $type: { const: 'CsvFormatSettings' },
    columnHeaders: { type: 'boolean' },
    delimiter: { type: 'string' },
    quoteStyle: { enum: ['QuoteStyle.Csv', 'QuoteStyle.None'] },
    csvStyle: { enum: ['CsvStyle.QuoteAlways', 'CsvStyle.QuoteAfterDelimiter'] },
  },
};
const partition = {
  type: 'object',
  required: ['name'],
  properties: {
    name,
    description,
    refreshTime: { type: 'string' },
    location: { type: 'string', format: 'uri' },
    fileFormatSettings,
    isHidden: { type: 'boolean' },
  },
};
const localEntity = {
  type: 'object',
  required: ['$type', 'name', 'attributes'],
  properties: {
    $type: { const: 'LocalEntity' },
    ...ofEveryEntity,
    attributes: {
      type: 'array',
      items: { type: 'object', required: ['name', 'dataType'], properties: { name, description, dataType, annotations } },
    },
    partitions: { type: 'array', items: partition },
    schemas: { type: 'array', items: { type: 'string' } },
  },
};
const referenceEntity = {
  type: 'object',
  required: ['$type', 'name', 'source', 'modelId'],
  properties: { $type: { const: 'ReferenceEntity' }, ...ofEveryEntity, source: { type: 'string' }, modelId: { type: 'string' } },
};
const end = {
  type: 'object',
  required: ['entityName', 'attributeName'],
  properties: { entityName: { ...name, maxLength: 1024 }, attributeName: name },
};

export const modelJsonSchema = {
  type: 'object',
  required: ['name', 'version', 'entities'],
  properties: {
    application: { type: 'string' },
    name,
    description,
    version: { enum: ['1.0'] },
    culture: { type: 'string' },
    modifiedTime: { type: 'string' },
    isHidden: { type: 'boolean' },
    annotations,
    entities: { type: 'array', items: { oneOf: [localEntity, referenceEntity] } },
    referenceModels: {
      type: 'array',
      items: {
        type: 'object',
        required: ['id', 'location'],
        properties: { id: { type: 'string' }, location: { type: 'string', format: 'uri' } },
      },
    },
    relationships: {
      type: 'array',
      items: {
        type: 'object',
        required: ['$type', 'fromAttribute', 'toAttribute'],
        properties: { $type: { const: 'SingleKeyRelationship' }, fromAttribute: end, toAttribute: end },
      },
    },
  },
} as const;
