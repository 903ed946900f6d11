import { z } from 'zod';
import {
  FileFormatSettings,
  type Model,
  type ModelEntity,
  type ModelPartition,
  modelMalformed,
  parseJsonFile,
  toDataType,
  toInstant,
} from './model-json';

/**
 * The successor of model.json: `*.manifest.cdm.json` names entities, each with a document that describes its columns and the files that hold
 * its rows, and other manifests. Read where a folder has no model.json.
 * @see Common Data Model, "Introducing manifest": entityPath, dataPartitions, the trait is.partition.format.CSV, subManifests
 */
const CSV_TRAIT = 'is.partition.format.CSV';
const MAX_DOCUMENTS = 200;
/** Groups of attributes in groups; a resolved description has one level. */
const MAX_NESTING = 50;

/** A trait is a bare name or an object whose reference may be an object again; whatever else stands in it is not read. */
const Argument = z.union([z.string(), z.looseObject({ name: z.string().optional(), value: z.unknown() })]);
const Trait = z.union([
  z.string(),
  z.looseObject({
    traitReference: z.union([z.string(), z.looseObject({ traitName: z.string().optional() })]).optional(),
    arguments: z.array(Argument).nullish(),
  }),
]);

const Partition = z.object({
  name: z.string().nullish(),
  location: z.string({ error: 'expected the path of a file' }).nullish(),
  refreshTime: z.string().nullish().catch(undefined),
  lastFileModifiedTime: z.string().nullish().catch(undefined),
  exhibitsTraits: z.array(Trait, { error: 'expected a list of traits' }).nullish(),
});
const Entity = z.looseObject({
  type: z.string().nullish(),
  entityName: z.string({ error: 'expected the name of an entity' }).min(1),
  entityPath: z.string({ error: 'expected the path of the entity’s description' }).nullish(),
  dataPartitions: z.array(Partition, { error: 'expected a list of partitions' }).nullish(),
});
const Manifest = z.object(
  {
    entities: z.array(z.unknown(), { error: 'expected a list of entities' }).nullish(),
    subManifests: z.array(z.looseObject({ definition: z.string() }), { error: 'expected a list of manifests' }).nullish(),
    lastFileModifiedTime: z.string().nullish().catch(undefined),
  },
  { error: 'expected an object' },
);

const Description = z.object(
  { definitions: z.array(z.looseObject({ entityName: z.string().optional(), attributeGroupName: z.string().optional() })) },
  { error: 'expected an object with definitions' },
);
const NamedAttribute = z.looseObject({
  name: z.string({ error: 'expected the name of an attribute' }).min(1),
  dataType: z.union([z.string(), z.looseObject({ dataTypeReference: z.string().optional() })]).nullish(),
});
const GroupReference = z.looseObject({
  attributeGroupReference: z.union([
    z.string(),
    z.looseObject({ attributeGroupName: z.string().optional(), members: z.array(z.unknown()).optional() }),
  ]),
});

/** What a manifest and the documents that it names are read through. */
export interface ManifestFiles {
  /** address of the container, for locations */
  readonly containerUrl: string;
  /** folder of the source; paths beginning with local:/ or / start there */
  readonly root: string;
  /** @throws NotFoundError, UpstreamError */
  readonly read: (path: string) => Promise<Uint8Array>;
}

const parse = <T>(schema: z.ZodType<T>, value: unknown, file: string, pointer: string): T => {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw modelMalformed(file, issue!.message, { pointer: `${pointer}${issue!.path.map((key) => `/${String(key)}`).join('')}` });
};

/** A corpus path of our own folder → path in the container; undefined for one that lies in another store. Dots are refused by who reads it. */
const resolve = (path: string, { folder, root }: { folder: string; root: string }): string | undefined => {
  const [, namespace, rest] = /^(?:([A-Za-z]\w*):)?(.*)$/s.exec(path)!;
  if (namespace !== undefined && namespace !== 'local') return undefined;
  const base = namespace === 'local' || rest!.startsWith('/') ? root : folder;
  return [base, rest!.replace(/^\/+/, '')].filter((part) => part !== '').join('/');
};

const isPlain = (path: string): boolean => path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');

const traitName = (trait: z.infer<typeof Trait>): string | undefined => {
  if (typeof trait === 'string') return trait;
  return typeof trait.traitReference === 'string' ? trait.traitReference : trait.traitReference?.traitName;
};

/** The settings that the CSV trait of a partition names; a partition of another format has none and is refused when it is read. */
const formatOf = (traits: readonly z.infer<typeof Trait>[], file: string, pointer: string): ModelPartition['fileFormatSettings'] => {
  const formats = traits.filter((trait) => traitName(trait)?.startsWith('is.partition.format.'));
  const csv = formats.find((trait) => traitName(trait) === CSV_TRAIT);
  if (csv === undefined && formats.length > 0) throw modelMalformed(file, 'expected CSV files', { pointer: `${pointer}/exhibitsTraits` });
  const settings: Record<string, unknown> = {};
  const named = typeof csv === 'object' ? (csv.arguments ?? []) : [];
  for (const argument of named) if (typeof argument === 'object' && argument.name !== undefined) settings[argument.name] = argument.value;
  return parse(FileFormatSettings, settings, file, `${pointer}/exhibitsTraits`);
};

const encodePath = (path: string): string => path.split('/').map(encodeURIComponent).join('/');

/**
 * Reads a manifest, the manifests below it, and the descriptions of their entities.
 * @param path of the manifest in the container
 * @throws UpstreamError model_malformed naming file and place
 */
export const readManifest = async (path: string, files: ManifestFiles): Promise<Model> => {
  const entities: ModelEntity[] = [];
  const documents = new Map<string, Promise<unknown>>();
  let modifiedAt: string | undefined;

  const document = (name: string): Promise<unknown> => {
    let found = documents.get(name);
    if (found === undefined) {
      if (documents.size >= MAX_DOCUMENTS) throw modelMalformed(path, `it names more than ${MAX_DOCUMENTS} documents`);
      found = files.read(name).then((bytes) => parseJsonFile(bytes, name));
      documents.set(name, found);
    }
    return found;
  };

  const attributesOf = async (
    entityPath: string,
    from: { file: string; folder: string; pointer: string },
  ): Promise<ModelEntity['attributes']> => {
    const wrong = (detail: string) => modelMalformed(from.file, detail, { pointer: `${from.pointer}/entityPath` });
    const at = entityPath.lastIndexOf('/');
    const where = resolve(entityPath.slice(0, Math.max(at, 0)), { folder: from.folder, root: files.root });
    if (at < 1 || where === undefined || !isPlain(where) || !where.endsWith('.cdm.json')) {
      throw wrong('expected a description in the same folder, as Customer.cdm.json/Customer');
    }
    const { definitions } = parse(Description, await document(where), where, '');
    const name = entityPath.slice(at + 1);
    const entity = definitions.find(({ entityName }) => entityName === name);
    if (!entity) throw wrong(`${where} does not describe ${name}`);

    const found: ModelEntity['attributes'][number][] = [];
    const take = (members: unknown, pointer: string, open: readonly string[]): void => {
      if (open.length > MAX_NESTING) throw modelMalformed(where, 'its groups of attributes are nested too deep', { pointer });
      for (const [index, member] of parse(
        z.array(z.unknown(), { error: 'expected a list of attributes' }),
        members,
        where,
        pointer,
      ).entries()) {
        const here = `${pointer}/${index}`;
        const group = GroupReference.safeParse(member);
        if (!group.success) {
          const { name: attribute, dataType } = parse(NamedAttribute, member, where, here);
          found.push({ name: attribute, dataType: toDataType(typeof dataType === 'string' ? dataType : dataType?.dataTypeReference) });
          continue;
        }
        const reference = group.data.attributeGroupReference;
        if (typeof reference === 'object' && reference.members !== undefined) {
          take(reference.members, `${here}/attributeGroupReference/members`, [...open, here]);
          continue;
        }
        const groupName = typeof reference === 'string' ? reference : reference.attributeGroupName;
        if (groupName !== undefined && open.includes(groupName)) {
          throw modelMalformed(where, `the group of attributes ${groupName} holds itself`, { pointer: here });
        }
        const defined = definitions.findIndex(
          ({ attributeGroupName }) => attributeGroupName !== undefined && attributeGroupName === groupName,
        );
        if (groupName === undefined || defined < 0)
          throw modelMalformed(where, 'expected a description in resolved form', { pointer: here });
        take(definitions[defined]!.members, `/definitions/${defined}/members`, [...open, groupName]);
      }
    };
    take(entity.hasAttributes ?? entity.attributes ?? [], `/definitions/${definitions.indexOf(entity)}/hasAttributes`, []);
    return found;
  };

  const read = async (file: string): Promise<void> => {
    const folder = file.split('/').slice(0, -1).join('/');
    const manifest = parse(Manifest, await document(file), file, '');
    const written = toInstant(manifest.lastFileModifiedTime);
    if (written !== undefined && (modifiedAt === undefined || written > modifiedAt)) modifiedAt = written;
    for (const [index, raw] of (manifest.entities ?? []).entries()) {
      const pointer = `/entities/${index}`;
      const entity = parse(Entity, raw, file, pointer);
      // an entity that another manifest owns is borrowed: its data is not ours to read
      if ((entity.type ?? 'LocalEntity').toLowerCase() !== 'localentity' || !entity.entityPath) continue;
      if (entities.some(({ name }) => name === entity.entityName)) {
        throw modelMalformed(file, 'expected a name that no other entity has', { pointer: `${pointer}/entityName` });
      }
      const partitions = (entity.dataPartitions ?? []).map((partition, at): ModelPartition => {
        const here = `${pointer}/dataPartitions/${at}`;
        const location = partition.location ? resolve(partition.location, { folder, root: files.root }) : undefined;
        if (partition.location && location === undefined) {
          throw modelMalformed(file, 'expected a file of the same store', { pointer: `${here}/location` });
        }
        return {
          name: partition.name ?? `${entity.entityName}_${at + 1}`,
          location: location === undefined ? undefined : `${files.containerUrl}/${encodePath(location)}`,
          refreshTime: toInstant(partition.refreshTime ?? partition.lastFileModifiedTime),
          fileFormatSettings: formatOf(partition.exhibitsTraits ?? [], file, here),
          pointer: here,
        };
      });
      entities.push({
        name: entity.entityName,
        pointer,
        attributes: await attributesOf(entity.entityPath, { file, folder, pointer }),
        partitions,
      });
    }
    for (const [index, { definition }] of (manifest.subManifests ?? []).entries()) {
      const below = resolve(definition, { folder, root: files.root });
      if (below === undefined || !isPlain(below) || !below.endsWith('.manifest.cdm.json')) {
        throw modelMalformed(file, 'expected a manifest of the same store', { pointer: `/subManifests/${index}/definition` });
      }
      if (!documents.has(below)) await read(below); // manifests that name each other are read once
    }
  };

  await read(path);
  return { entities, ...(modifiedAt === undefined ? {} : { modifiedAt }) };
};
