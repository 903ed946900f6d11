import { partitionFormat } from '../../../shared/segments/cdm-folder/model-json';
import { readManifest } from '../../../shared/segments/cdm-folder/manifest';

const CONTAINER = 'https://acct.blob.core.windows.net/lake';
const csv = (settings: Record<string, unknown> = { columnHeaders: 'true', delimiter: ';' }) => ({
  traitReference: 'is.partition.format.CSV',
  arguments: Object.entries(settings).map(([name, value]) => ({ name, value })),
});
/** A manifest of one entity as the Common Data Model's documentation describes it. */
const manifest = (entity: object = {}, more: object = {}) => ({
  $schema: 'CdmManifestDefinition.cdm.json',
  jsonSchemaSemanticVersion: '1.0.0',
  imports: [{ corpusPath: 'cdm:/foundations.cdm.json' }],
  manifestName: 'Export',
  lastFileModifiedTime: '2026-08-18T02:40:00.000Z',
  entities: [
    {
      type: 'LocalEntity',
      entityName: 'Vip',
      entityPath: 'Vip.cdm.json/Vip',
      dataPartitions: [
        { name: 'Vip_1', location: 'Vip/2026/08/18/0233/Vip 1.csv', refreshTime: '2026-08-18T02:33:00+00:00', exhibitsTraits: [csv()] },
      ],
      exhibitsTraits: [{ traitReference: { traitName: 'is.CDM.entityVersion', deep: [{ er: [{}] }] }, arguments: ['1.0'] }],
      ...entity,
    },
    { type: 'ReferencedEntity', entityName: 'Elsewhere', entityPath: 'remote:/other/default.manifest.cdm.json/Elsewhere' },
  ],
  relationships: [{ fromEntity: 'Vip.cdm.json/Vip' }],
  ...more,
});
const description = (
  hasAttributes: unknown = [
    { name: 'CustomerId', dataType: 'string' },
    { name: 'Spend', dataType: { dataTypeReference: 'decimal' }, appliedTraits: [{ traitReference: 'is.nullable' }] },
    { name: 'Visits', dataType: 'integer' },
    { name: 'Odd', dataType: 'somethingNew' },
  ],
  more: readonly object[] = [],
) => ({ definitions: [{ entityName: 'Vip', hasAttributes }, ...more] });

const read = (files: Record<string, unknown>, path = 'ci/default.manifest.cdm.json') =>
  readManifest(path, {
    containerUrl: CONTAINER,
    root: 'ci',
    read: async (name) => {
      if (!(name in files)) throw new Error(`asked for ${name}`);
      const content = files[name];
      return Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
    },
  });
const whole = (parts: { manifest?: unknown; description?: unknown; more?: Record<string, unknown> } = {}) =>
  read({
    'ci/default.manifest.cdm.json': parts.manifest ?? manifest(),
    'ci/Vip.cdm.json': parts.description ?? description(),
    ...parts.more,
  });

describe('a manifest', () => {
  it('is read with its entity’s columns and files; what others own is left out, traits are not followed', async () => {
    const model = await whole();
    expect(model.modifiedAt).toBe('2026-08-18T02:40:00.000Z');
    expect(model.entities).toHaveLength(1);
    const [vip] = model.entities;
    expect(vip!.attributes).toEqual([
      { name: 'CustomerId', dataType: 'string' },
      { name: 'Spend', dataType: 'decimal' },
      { name: 'Visits', dataType: 'int64' },
      { name: 'Odd', dataType: 'unclassified' },
    ]);
    expect(vip!.partitions).toMatchObject([
      { name: 'Vip_1', location: `${CONTAINER}/ci/Vip/2026/08/18/0233/Vip%201.csv`, refreshTime: '2026-08-18T02:33:00.000Z' },
    ]);
    expect(partitionFormat(vip!.partitions[0]!, 'm')).toMatchObject({ header: true, delimiter: ';', quoted: true, encoding: 'utf-8' });
  });

  it.each<[string, string]>([
    ['Vip/a.csv', 'ci/Vip/a.csv'],
    ['/Vip/a.csv', 'ci/Vip/a.csv'],
    ['local:/Vip/a.csv', 'ci/Vip/a.csv'],
    ['../a.csv', 'ci/../a.csv'], // refused by whoever turns a location into a blob
  ])('names the file %s, which is %s', async (location, path) => {
    const { entities } = await whole({ manifest: manifest({ dataPartitions: [{ location }] }) });
    expect(entities[0]!.partitions[0]!.location).toBe(`${CONTAINER}/${path}`);
    expect(entities[0]!.partitions[0]!.name).toBe('Vip_1');
  });

  it('may group attributes, in the description or beside it', async () => {
    const grouped = description(
      [
        { attributeGroupReference: { attributeGroupName: 'inline', members: [{ name: 'A', dataType: 'string' }] } },
        { attributeGroupReference: 'shared' },
      ],
      [
        { attributeGroupName: 'shared', members: [{ name: 'B', dataType: 'string' }, { attributeGroupReference: 'inner' }] },
        { attributeGroupName: 'inner', members: [{ name: 'C' }] },
      ],
    );
    const { entities } = await whole({ description: grouped });
    expect(entities[0]!.attributes.map(({ name }) => name)).toEqual(['A', 'B', 'C']);
  });

  it('brings the manifests below it, each once, also when they name each other', async () => {
    const below = {
      entities: [{ entityName: 'Other', entityPath: 'Other.cdm.json/Other', dataPartitions: [{ location: 'o.csv' }] }],
      subManifests: [{ definition: '/default.manifest.cdm.json' }],
    };
    const { entities } = await whole({
      manifest: manifest(
        {},
        { subManifests: [{ definition: 'sub/Other.manifest.cdm.json' }, { definition: 'sub/Other.manifest.cdm.json' }] },
      ),
      more: {
        'ci/sub/Other.manifest.cdm.json': below,
        'ci/sub/Other.cdm.json': { definitions: [{ entityName: 'Other', hasAttributes: [{ name: 'CustomerId' }] }] },
      },
    });
    expect(entities.map(({ name, partitions }) => [name, partitions[0]!.location])).toEqual([
      ['Vip', expect.any(String)],
      ['Other', `${CONTAINER}/ci/sub/o.csv`],
    ]);
  });

  const cyclic = description(
    [{ attributeGroupReference: 'a' }],
    [
      { attributeGroupName: 'a', members: [{ attributeGroupReference: 'b' }] },
      { attributeGroupName: 'b', members: [{ attributeGroupReference: 'a' }] },
    ],
  );
  let deep: unknown = [{ name: 'A' }];
  for (let level = 0; level < 60; level += 1) deep = [{ attributeGroupReference: { members: deep } }];
  const subManifests = Array.from({ length: 250 }, (_, index) => ({ definition: `${index}.manifest.cdm.json` }));

  it.each<[string, Parameters<typeof whole>[0], RegExp]>([
    ['is no JSON', { manifest: '{"entities":[' }, /default\.manifest\.cdm\.json cannot be used: it is not valid JSON/],
    ['is no object', { manifest: '[]' }, /expected an object/],
    ['has an entity without a name', { manifest: manifest({ entityName: '' }) }, /entities\/0\/entityName/],
    [
      'has the same entity twice',
      { manifest: { entities: [...manifest().entities, ...manifest().entities] } },
      /no other entity has at \/entities\/2/,
    ],
    [
      'names a description elsewhere',
      { manifest: manifest({ entityPath: 'cdm:/core/Vip.cdm.json/Vip' }) },
      /same folder, as .* at \/entities\/0\/entityPath/,
    ],
    ['names a description above the folder', { manifest: manifest({ entityPath: '../../Vip.cdm.json/Vip' }) }, /same folder/],
    [
      'names an entity that its document lacks',
      { manifest: manifest({ entityPath: 'Vip.cdm.json/Vop' }) },
      /ci\/Vip\.cdm\.json does not describe Vop/,
    ],
    [
      'names a file of another store',
      { manifest: manifest({ dataPartitions: [{ location: 'remote:/a.csv' }] }) },
      /same store at \/entities\/0\/dataPartitions\/0\/location/,
    ],
    [
      'has files that are no CSV',
      { manifest: manifest({ dataPartitions: [{ location: 'a.parquet', exhibitsTraits: ['is.partition.format.parquet'] }] }) },
      /expected CSV files at \/entities\/0\/dataPartitions\/0\/exhibitsTraits/,
    ],
    [
      'has settings that nobody can obey',
      { manifest: manifest({ dataPartitions: [{ location: 'a.csv', exhibitsTraits: [csv({ columnHeaders: 'perhaps' })] }] }) },
      /expected true or false/,
    ],
    [
      'has groups of attributes that hold themselves',
      { description: cyclic },
      /ci\/Vip\.cdm\.json cannot be used: the group of attributes a holds itself/,
    ],
    ['nests groups without end', { description: description(deep) }, /nested too deep/],
    ['has a description that is not resolved', { description: description([{ attributeGroupReference: 'elsewhere' }]) }, /resolved form/],
    [
      'names a manifest of another store',
      { manifest: manifest({}, { subManifests: [{ definition: 'remote:/x.manifest.cdm.json' }] }) },
      /subManifests\/0/,
    ],
    [
      'names more documents than anybody writes',
      {
        manifest: manifest({}, { subManifests }),
        more: Object.fromEntries(subManifests.map(({ definition }) => [`ci/${definition}`, { entities: [] }])),
      },
      /more than 200 documents/,
    ],
  ])('that %s is refused, naming file and place', async (_, parts, message) => {
    await expect(whole(parts)).rejects.toMatchObject({ code: 'model_malformed', message: expect.stringMatching(message) });
  });
});
