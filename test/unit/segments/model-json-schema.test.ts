import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { writeSample } from '../../../infra/local/sample/sample';
import { shapes } from '../../../infra/local/sample/shapes';
import { parseModel, partitionFormat } from '../../../shared/segments/cdm-folder/model-json';
import { modelJsonSchema } from '../../support/model-json-schema';
import { createMemorySink } from '../sample/memory-sink';

const ajv = new Ajv({ strict: false, allErrors: false });
addFormats(ajv);
const fits = ajv.compile(modelJsonSchema);
const parse = (model: unknown) => parseModel(Buffer.from(JSON.stringify(model)), 'model.json');

/** Small models as the published examples are built: OrdersProducts of microsoft/CDM, and what the documentation of model.json shows. */
const orders = {
  name: 'OrdersProducts',
  description: '',
  version: '1.0',
  'pbi:mashup': { fastCombine: true, queriesMetadata: { Orders: { queryId: 'f', loadEnabled: true } }, document: 'section Section1;\r\n' },
  entities: [
    {
      $type: 'LocalEntity',
      name: 'Orders',
      description: '',
      'pbi:refreshPolicy': { $type: 'FullRefreshPolicy', location: 'Orders.csv' },
      annotations: [{ name: 'pbi:MappingDisplayHint', value: 'Order' }],
      attributes: [
        { name: 'OrderID', dataType: 'int64' },
        { name: 'OrderDate', dataType: 'dateTime' },
        { name: 'Freight', dataType: 'decimal' },
      ],
      partitions: [
        {
          name: 'Part001',
          refreshTime: '2018-11-14T19:37:51.756186+00:00',
          location: 'https://acct.blob.core.windows.net/0682aad0/Orders.csv?snapshot=2018-11-14T19:37:51.7526830Z',
        },
      ],
      schemas: [
        'https://raw.githubusercontent.com/Microsoft/CDM/master/schemaDocuments/core/applicationCommon/foundationCommon/Product.0.7.cdm.json',
      ],
    },
  ],
  relationships: [
    {
      $type: 'SingleKeyRelationship',
      fromAttribute: { entityName: 'Orders', attributeName: 'OrderID' },
      toAttribute: { entityName: 'Products', attributeName: 'productId' },
    },
  ],
};
const referencing = {
  application: 'Customer Insights',
  name: 'BlobExport',
  version: '1.0',
  culture: 'en-US',
  modifiedTime: '2026-08-18T02:40:00+00:00',
  isHidden: false,
  annotations: [{ name: 'owner' }],
  referenceModels: [{ id: 'other', location: 'https://acct.dfs.core.windows.net/lake/other/model.json' }],
  entities: [
    { $type: 'ReferenceEntity', name: 'Elsewhere', source: 'Customer', modelId: 'other' },
    {
      $type: 'LocalEntity',
      name: 'HighValueSegment',
      attributes: [{ name: 'CustomerId', dataType: 'string' }],
      partitions: [
        {
          name: 'HighValueSegment_1',
          fileFormatSettings: {
            $type: 'CsvFormatSettings',
            columnHeaders: true,
            csvStyle: 'CsvStyle.QuoteAfterDelimiter',
            quoteStyle: 'QuoteStyle.None',
            delimiter: '\t',
          },
        },
      ],
    },
  ],
};

describe('the published schema of model.json', () => {
  it.each([
    ['OrdersProducts', orders, ['Orders']],
    ['one with references', referencing, ['HighValueSegment']],
  ])('takes %s, and so does the reader', (_, model, names) => {
    expect([fits(model), fits.errors]).toEqual([true, null]);
    expect(parse(model).entities.map(({ name }) => name)).toEqual(names);
  });

  it.each<[string, (model: typeof orders) => unknown]>([
    ['no entities', ({ name, version }) => ({ name, version })],
    ['an attribute without a name', (model) => ({ ...model, entities: [{ ...model.entities[0], attributes: [{ dataType: 'string' }] }] })],
    ['a local entity without attributes', (model) => ({ ...model, entities: [{ $type: 'LocalEntity', name: 'Orders' }] })],
    [
      'a partition without a name',
      (model) => ({ ...model, entities: [{ ...model.entities[0], partitions: [{ location: 'https://a.example/b' }] }] }),
    ],
    ['an entity without a name', (model) => ({ ...model, entities: [{ ...model.entities[0], name: '' }] })],
  ])('refuses %s, and so does the reader', (_, change) => {
    const changed = change(structuredClone(orders));
    expect(fits(changed)).toBe(false);
    expect(() => parse(changed)).toThrow(expect.objectContaining({ code: 'model_malformed' }));
  });

  it.each(Object.entries(shapes).filter(([, { options }]) => options.manifest !== true))(
    'takes the sample of the shape %s',
    async (_, { options }) => {
      const { sink } = createMemorySink();
      const segments = [{ name: 'Loyal', rows: 8, partitions: 2 }];
      const sample = { segments, seed: 1, refreshedAt: new Date('2026-08-18T02:33:00Z'), sink, ...options };
      const { model } = await writeSample(sample, { signal: new AbortController().signal });
      expect([fits(model), fits.errors]).toEqual([true, null]);
    },
  );

  const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_ ]{0,20}[A-Za-z0-9]$/);
  const settings = fc.record(
    {
      $type: fc.constant('CsvFormatSettings'),
      columnHeaders: fc.boolean(),
      delimiter: fc.constantFrom(',', ';', '|', '\t'),
      quoteStyle: fc.constantFrom('QuoteStyle.Csv', 'QuoteStyle.None'),
      csvStyle: fc.constantFrom('CsvStyle.QuoteAlways', 'CsvStyle.QuoteAfterDelimiter'),
    },
    { requiredKeys: ['$type'] },
  );
  const entity = fc.record(
    {
      $type: fc.constant('LocalEntity'),
      name,
      attributes: fc.uniqueArray(fc.record({ name, dataType: fc.constantFrom('string', 'int64', 'guid', 'json', 'date') }), {
        selector: (one) => one.name,
        maxLength: 5,
      }),
      partitions: fc.array(
        fc.record(
          {
            name,
            location: fc.webUrl(),
            refreshTime: fc.constantFrom('2026-08-18T02:33:00+00:00', 'no instant'),
            fileFormatSettings: settings,
          },
          { requiredKeys: ['name'] },
        ),
        { maxLength: 3 },
      ),
      'cdm:traits': fc.jsonValue(),
    },
    { requiredKeys: ['$type', 'name', 'attributes'] },
  );

  it('takes nothing that the reader refuses', () => {
    const model = fc.record(
      {
        name,
        version: fc.constant('1.0'),
        entities: fc.uniqueArray(entity, { selector: (one) => one.name, maxLength: 4 }),
        culture: fc.string(),
        'pbi:mashup': fc.jsonValue(),
      },
      { requiredKeys: ['name', 'version', 'entities'] },
    );
    fc.assert(
      fc.property(model, (one) => {
        expect([fits(one), fits.errors]).toEqual([true, null]);
        const { entities } = parse(one);
        expect(entities.map((found) => found.attributes.length)).toEqual(one.entities.map((given) => given.attributes.length));
        for (const found of entities) for (const partition of found.partitions) partitionFormat(partition, 'model.json');
      }),
      { numRuns: 2_000 },
    );
  });
});
