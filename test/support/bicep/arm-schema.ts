import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { BicepFile, Resource } from './bicep-file';
import type { Expression, ObjectExpression } from './expression';
import { propertyOf } from './expression';
import { bind, possibleValues, typeOf, type Bound } from './possible-values';
import type { Finding, Template } from './template';

/** Azure's published resource schemas, beside the project where there are any; they are not copied into it. */
const folder = path.resolve(__dirname, '../../../../shared/arm-schemas');
export const hasSchemas = existsSync(folder);
export const WITHOUT_SCHEMAS = 'Azure’s resource schemas (../shared/arm-schemas) are not there';

/** JSON Schema draft 4, as far as these documents use it. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
}
interface SchemaFile {
  readonly resourceDefinitions?: Readonly<Record<string, Schema>>;
  readonly definitions: Readonly<Record<string, Schema>>;
  readonly [other: string]: unknown;
}

/** Types whose schema nobody has laid beside the project: known by name and version alone. */
const WITHOUT_SCHEMA: Readonly<Record<string, string>> = {
  'Microsoft.Resources/resourceGroups': '2024-03-01',
  'Microsoft.Insights/diagnosticSettings': '2021-05-01-preview',
  'Microsoft.Network/virtualNetworks': '2024-05-01',
  'Microsoft.Network/virtualNetworks/subnets': '2024-05-01',
  'Microsoft.Network/publicIPAddresses': '2024-05-01',
  'Microsoft.Network/natGateways': '2024-05-01',
  'Microsoft.Network/privateEndpoints': '2024-05-01',
  'Microsoft.Network/privateEndpoints/privateDnsZoneGroups': '2024-05-01',
  'Microsoft.Network/privateDnsZones': '2024-06-01',
  'Microsoft.Network/privateDnsZones/virtualNetworkLinks': '2024-06-01',
};
/** Documented properties that the schemas do not know yet, with their shape. Each is a decision, with its source. */
const BEYOND_SCHEMA: Readonly<Record<string, Schema>> = {
  // azure-docs flex-consumption-site-updates.md (2025-10-28): Bicep and ARM from API version 2024-11-01 on
  'Microsoft.Web/sites properties.functionAppConfig.siteUpdateStrategy': {
    properties: { type: { enum: ['Recreate', 'RollingUpdate'] } },
    required: ['type'],
    type: 'object',
  },
};

/** What Bicep itself knows of every resource. */
const OF_BICEP = new Set(['parent', 'scope', 'dependsOn']);

interface Found {
  readonly schema: Schema;
  readonly document: SchemaFile;
}

let documents: SchemaFile[] | undefined;
const readDocuments = (): SchemaFile[] =>
  (documents ??= readdirSync(folder)
    .filter((name) => name.startsWith('Microsoft.') && name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as SchemaFile));

const foundByType = new Map<string, Found[]>();
/** Every definition of a type; extension resources stand under other headings than those of a resource group. */
const definitionsOf = (type: string): Found[] => {
  const found = foundByType.get(type) ?? findDefinitions(type);
  foundByType.set(type, found);
  return found;
};
const findDefinitions = (type: string): Found[] => {
  const key = type.split('/').slice(1).join('_');
  const provider = type.split('/')[0]!;
  return readDocuments().flatMap((document) =>
    Object.entries(document)
      .filter(([heading]) => heading.endsWith('esourceDefinitions'))
      .flatMap(([, definitions]) => {
        const schema = (definitions as Record<string, Schema>)[key];
        return schema && typeNameOf(schema) === `${provider}/${type.split('/').slice(1).join('/')}` ? [{ schema, document }] : [];
      }),
  );
};
const typeNameOf = (schema: Schema): unknown => schema.properties?.type?.enum?.[0];
const versionOf = (schema: Schema): unknown => schema.properties?.apiVersion?.enum?.[0];

/** Follows references and drops the alternative "or any template expression", which stands beside everything. */
const plain = (schema: Schema, document: SchemaFile): Schema => {
  if (schema.$ref?.startsWith('#/definitions/'))
    return plain(document.definitions[schema.$ref.slice('#/definitions/'.length)] ?? {}, document);
  const alternatives = schema.oneOf?.filter(({ $ref }) => !$ref?.endsWith('/expression'));
  if (alternatives === undefined || alternatives.length === schema.oneOf!.length) return schema;
  const { oneOf: _oneOf, ...rest } = schema;
  if (alternatives.length === 1) return { ...rest, ...plain(alternatives[0]!, document) };
  return { ...rest, oneOf: alternatives };
};

interface Place {
  readonly file: BicepFile;
  readonly resource: Resource;
  readonly document: SchemaFile;
  readonly path: string;
  readonly bound: Bound;
  readonly report: (line: number, text: string) => void;
}

/** The alternative that an object's own words choose, e.g. its `endpointType`; undefined when none fits. */
const chosen = (alternatives: readonly Schema[], object: ObjectExpression, place: Place): Schema | undefined => {
  const fits = (schema: Schema): boolean =>
    Object.entries(schema.properties ?? {}).every(([name, raw]) => {
      const wanted = plain(raw, place.document);
      const given = propertyOf(object, name);
      if (given?.kind !== 'text') return true;
      if (wanted.enum) return wanted.enum.includes(given.value);
      // names are patterns of the whole path here
      return wanted.pattern === undefined || new RegExp(wanted.pattern).test(`parent/${given.value}`);
    });
  const kinds = alternatives
    .map((one) => plain(one, place.document))
    .filter(({ type, properties }) => type === 'object' || properties !== undefined);
  return kinds.find(fits);
};

const checkObject = (object: ObjectExpression, schema: Schema, place: Place, whole: boolean): void => {
  const alternative = schema.oneOf ? chosen(schema.oneOf, object, place) : undefined;
  if (schema.oneOf && alternative === undefined)
    return place.report(object.line, `${place.path || 'the resource'} is of no kind that the schema knows`);
  const known = { ...schema.properties, ...alternative?.properties };
  const additional = schema.additionalProperties ?? alternative?.additionalProperties ?? false;
  for (const { name, value, line } of object.properties) {
    if (name === undefined) {
      if (typeof additional === 'object') check(value, additional, { ...place, path: `${place.path}.*` });
      continue;
    }
    const inside = { ...place, path: place.path === '' ? name : `${place.path}.${name}` };
    const beyond = BEYOND_SCHEMA[`${place.resource.type} ${inside.path}`];
    const next = Object.hasOwn(known, name) ? known[name] : (beyond ?? (typeof additional === 'object' ? additional : undefined));
    if (next !== undefined) check(value, next, inside);
    else if (additional !== true) place.report(line, `${inside.path}: ${place.resource.type} has no such property`);
  }
  if (!whole) return;
  // storage says it in words alone
  const inWords = Object.entries(known).flatMap(([name, one]) => (one.description?.startsWith('Required.') ? [name] : []));
  for (const name of new Set([...(schema.required ?? []), ...(alternative?.required ?? []), ...inWords])) {
    if (!object.properties.some((property) => property.name === name))
      place.report(object.line, `${place.path === '' ? name : `${place.path}.${name}`} is missing`);
  }
};

const checkPlainValue = (value: Expression, schema: Schema, place: Place): void => {
  const type = typeOf(place.file, value);
  if (type === undefined || type === 'null') return;
  const literal = value.kind === 'text' || value.kind === 'number' || value.kind === 'boolean' ? value.value : undefined;
  if (schema.enum && literal !== undefined && !schema.enum.includes(literal)) {
    return place.report(value.line, `${place.path} cannot be ${JSON.stringify(literal)}; known are ${schema.enum.map(String).join(', ')}`);
  }
  const fitting = schema.type === 'number' ? ['integer', 'number'] : [schema.type];
  if (schema.type !== undefined && !fitting.includes(type))
    return place.report(value.line, `${place.path} is ${type}, expected ${schema.type}`);
  if (typeof literal === 'number' && (literal < (schema.minimum ?? -Infinity) || literal > (schema.maximum ?? Infinity))) {
    place.report(value.line, `${place.path} cannot be ${literal}`);
  }
};

const check = (expression: Expression, raw: Schema, place: Place, whole = true): void => {
  const schema = plain(raw, place.document);
  if (expression.kind === 'loop') {
    const inside = { ...place, bound: bind(place.file, expression.variables, expression.over, place.bound) };
    return schema.items ? check(expression.body, schema.items, inside) : checkPlainValue(expression, schema, place);
  }
  if (expression.kind === 'call' && expression.name === 'map') {
    const [over, lambda] = expression.args;
    if (lambda?.kind !== 'lambda' || !schema.items) return checkPlainValue(expression, schema, place);
    return check(lambda.body, schema.items, { ...place, bound: bind(place.file, lambda.variables, over!, place.bound) });
  }
  if (expression.kind === 'call' && expression.name === 'union') {
    // each part may hold what the others lack
    for (const part of expression.args) check(part, schema, place, false);
    return;
  }
  for (const value of possibleValues(place.file, expression, place.bound)) {
    if (value.kind === 'object' && (schema.properties || schema.oneOf || schema.additionalProperties))
      checkObject(value, schema, place, whole);
    else if (value.kind === 'array' && schema.items) for (const item of value.items) check(item, schema.items, place);
    else checkPlainValue(value, schema, place);
  }
};

const checkResource = (file: BicepFile, resource: Resource, report: Place['report']): void => {
  const withoutSchema = WITHOUT_SCHEMA[resource.type];
  if (withoutSchema !== undefined) {
    if (withoutSchema !== resource.apiVersion)
      report(resource.line, `${resource.type}@${resource.apiVersion} is a version that nobody has looked at`);
    return;
  }
  const definitions = definitionsOf(resource.type);
  if (definitions.length === 0) return report(resource.line, `${resource.type} is no type that the schemas know`);
  const found = definitions.find(({ schema }) => versionOf(schema) === resource.apiVersion);
  if (found === undefined) {
    const versions = definitions.map(({ schema }) => String(versionOf(schema))).join(', ');
    return report(resource.line, `${resource.type}@${resource.apiVersion} has no schema here; there is ${versions}`);
  }
  if (resource.existing) return;
  const bound = resource.loop ? bind(file, resource.loop.variables, resource.loop.over, new Map()) : new Map();
  const { required = [], ...schema } = found.schema;
  const own = { ...schema, required: required.filter((name) => name !== 'type' && name !== 'apiVersion') };
  const object = { ...resource.object, properties: resource.object.properties.filter(({ name }) => !OF_BICEP.has(name ?? '')) };
  // a child's name is the last part of its path, which the patterns are about
  check(object, own, { file, resource, document: found.document, path: '', bound, report });
};

/** Holds every resource of a template against Azure's schema of its type and version. */
export const checkSchemas = ({ files }: Template): Finding[] => {
  const findings: Finding[] = [];
  for (const file of files) {
    for (const resource of file.resources) {
      checkResource(file, resource, (line, text) => findings.push({ file: file.name, line, text: `${resource.name}: ${text}` }));
    }
  }
  return findings;
};
