import { isRecord, resolve } from './document';
import type { Json, PublishedDocument } from './document';

/** Every field of a JSON value as a path: `data.attributes.profiles.data[].type`; values are not told. */
export const fieldsOf = (value: unknown, at = ''): string[] => {
  const found = new Set<string>();
  const walk = (part: unknown, path: string): void => {
    if (path !== '' && !path.endsWith('[]')) found.add(path);
    if (Array.isArray(part)) for (const item of part) walk(item, `${path}[]`);
    else if (isRecord(part)) for (const [name, item] of Object.entries(part)) walk(item, path === '' ? name : `${path}.${name}`);
  };
  walk(value, at);
  return [...found].sort();
};

/** What a schema says of one field. */
export interface FieldFacts {
  readonly required: boolean;
  /** types, null among them, and where given format, values and limits, each as one text that can be compared */
  readonly facts: Readonly<Record<string, string>>;
}

const LIMITS = ['format', 'minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems', 'pattern', 'default'];

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
const listOf = (values: readonly unknown[], separator: string): string => values.map(textOf).sort().join(separator);

const factsOf = (schema: Json): Record<string, string> => ({
  ...(schema.type === undefined ? {} : { type: listOf([schema.type, ...(schema.nullable === true ? ['null'] : [])].flat(), ' or ') }),
  ...(Array.isArray(schema.enum) ? { values: listOf(schema.enum, ', ') } : {}),
  ...Object.fromEntries(LIMITS.filter((name) => schema[name] !== undefined).map((name) => [name, textOf(schema[name])])),
});

/** Every field that a schema describes, through references, `allOf`, `oneOf` and `anyOf`, by the paths of `fieldsOf`. */
export const describedFields = (document: PublishedDocument, root: Json): ReadonlyMap<string, FieldFacts> => {
  const found = new Map<string, FieldFacts>();
  const walk = (given: Json, path: string, required: boolean, above: readonly Json[]): void => {
    const schema = resolve(document, given);
    if (above.includes(schema)) return; // a schema inside itself tells nothing new
    const inside = [...above, schema];
    if (path !== '' && !path.endsWith('[]')) {
      const known = found.get(path);
      const facts = factsOf(schema);
      const both = (name: string): string =>
        [...new Set([known?.facts[name], facts[name]].filter((one) => one !== undefined))].sort().join(' or ');
      found.set(path, {
        required: required || (known?.required ?? false),
        facts: Object.fromEntries(
          [...new Set([...Object.keys(known?.facts ?? {}), ...Object.keys(facts)])].map((name) => [name, both(name)]),
        ),
      });
    }
    for (const kind of ['allOf', 'oneOf', 'anyOf'])
      for (const part of Array.isArray(schema[kind]) ? (schema[kind] as Json[]) : []) walk(part, path, required, inside);
    if (isRecord(schema.items)) walk(schema.items, `${path}[]`, false, inside);
    const names = Array.isArray(schema.required) ? (schema.required as unknown[]) : [];
    const described = isRecord(schema.properties) ? schema.properties : {};
    // what must be there may be described elsewhere, or nowhere
    for (const name of names)
      if (typeof name === 'string' && !(name in described)) walk({}, path === '' ? name : `${path}.${name}`, true, inside);
    if (isRecord(schema.properties))
      for (const [name, part] of Object.entries(schema.properties))
        if (isRecord(part)) walk(part, path === '' ? name : `${path}.${name}`, names.includes(name), inside);
  };
  walk(root, '', false, []);
  return found;
};
