import fc from 'fast-check';

/** The part of JSON Schema 2020-12 that zod writes. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly prefixItems?: readonly JsonSchema[];
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
}

const INSTANT = fc
  .date({ min: new Date('2026-01-01T00:00:00Z'), max: new Date('2028-12-31T00:00:00Z'), noInvalidDate: true })
  .map((date) => date.toISOString());

/** Kept by pattern: fast-check looks through all characters there are for each one that it is given anew. */
const byPattern = new Map<string, fc.Arbitrary<string>>();
const matching = (pattern: string): fc.Arbitrary<string> => {
  const known = byPattern.get(pattern);
  if (known !== undefined) return known;
  let made: fc.Arbitrary<string>;
  try {
    made = fc.stringMatching(new RegExp(pattern, 'u'));
  } catch {
    // classes such as \p{Cc} are beyond fast-check; plain words fit every pattern of that kind here
    made = fc.stringMatching(/^[a-z][a-z0-9]{2,11}$/);
  }
  byPattern.set(pattern, made);
  return made;
};

const stringFor = ({ pattern, format, minLength = 0, maxLength = 1_000 }: JsonSchema): fc.Arbitrary<string> => {
  if (format === 'date-time') return INSTANT;
  if (format === 'date') return INSTANT.map((instant) => instant.slice(0, 10));
  if (pattern !== undefined) return matching(pattern).filter((text) => text.length >= minLength && text.length <= maxLength);
  return fc.string({ minLength, maxLength: Math.min(maxLength, minLength + 20), unit: 'grapheme' });
};

/**
 * Values of a schema, as a client that has read the API's description would send them.
 * @param known values that mean something in the app under test, by the name of the field; tried first in most cases
 */
export const arbitraryOf = (
  root: { readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> } },
  schema: JsonSchema,
  { known = () => undefined }: { known?: (name: string) => fc.Arbitrary<unknown> | undefined } = {},
): fc.Arbitrary<unknown> => {
  const convert = (node: JsonSchema, name: string, depth: number): fc.Arbitrary<unknown> => {
    const meant = known(name);
    const derived = derive(node, name, depth);
    return meant === undefined ? derived : fc.oneof({ arbitrary: meant, weight: 9 }, { arbitrary: derived, weight: 1 });
  };
  const derive = (node: JsonSchema, name: string, depth: number): fc.Arbitrary<unknown> => {
    if (depth > 12) return fc.constant(null);
    if (node.$ref !== undefined) return convert(root.components.schemas[node.$ref.split('/').at(-1)!]!, '', depth + 1);
    if ('const' in node) return fc.constant(node.const);
    if (node.enum) return fc.constantFrom(...node.enum);
    const variants = node.oneOf ?? node.anyOf;
    if (variants) return fc.oneof(...variants.map((variant) => convert(variant, name, depth + 1)));
    if (node.allOf) {
      return fc.tuple(...node.allOf.map((part) => convert(part, name, depth + 1))).map((parts) => Object.assign({}, ...parts) as unknown);
    }
    switch (node.type) {
      case 'object': {
        const fields = Object.entries(node.properties ?? {});
        if (fields.length === 0 && typeof node.additionalProperties === 'object') {
          return fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), convert(node.additionalProperties, '', depth + 1), { maxKeys: 4 });
        }
        return fc.record(Object.fromEntries(fields.map(([field, inner]) => [field, convert(inner, field, depth + 1)])), {
          requiredKeys: [...(node.required ?? [])],
          noNullPrototype: true,
        });
      }
      case 'array':
        return fc.array(convert(node.items ?? {}, `${name}[]`, depth + 1), {
          minLength: node.minItems ?? 0,
          maxLength: Math.min(node.maxItems ?? 4, Math.max(node.minItems ?? 0, 4)),
        });
      case 'string':
        return stringFor(node);
      case 'integer':
        return fc.integer({ min: Math.ceil(node.minimum ?? -1_000), max: Math.floor(Math.min(node.maximum ?? 1_000, 2 ** 31 - 1)) });
      case 'number':
        return fc.double({ min: node.minimum ?? -1_000, max: node.maximum ?? 1_000, noNaN: true });
      case 'boolean':
        return fc.boolean();
      case 'null':
        return fc.constant(null);
      default:
        return fc.jsonValue({ maxDepth: 2 });
    }
  };
  return convert(schema, '', 0);
};

const nested = (depth: number): unknown => {
  let value: unknown = 1;
  for (let at = 0; at < depth; at += 1) value = at % 2 === 0 ? [value] : { a: value };
  return value;
};

/** What a field never is, or hardly ever: wrong types, edges of numbers, odd Unicode, names of prototypes, much too long. */
const ODD: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1.5, 1e308, -1e308, 2 ** 53, '', ' ', '0', 'null', 'true', '1e3', [], {}, [[]], [null]],
  ...[
    '\ud800',
    'a\udc00b',
    '\u0000',
    'x\u0000y',
    '\u202eevil',
    '\ufeff',
    '🇫🇷'.repeat(60),
    'é'.normalize('NFD'),
    '__proto__',
    'constructor',
  ],
  ...[
    '../../etc/passwd',
    "' or 1 eq 1 or '",
    '%00',
    '{{7*7}}',
    '=cmd()',
    'a'.repeat(201),
    'a'.repeat(40_000),
    '\n\r\t',
    '2026-02-30T00:00:00Z',
  ],
  ...[
    { $ref: '#' },
    { length: 1e9 },
    { toString: 1, valueOf: null },
    nested(60),
    nested(2_000),
    Array.from({ length: 5_000 }, (_, at) => at),
  ],
];
const ODD_NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'id',
  'ownsSecret',
  'exportUser',
  'etag',
  'a/b~c',
  '',
  'é',
  '\ud800',
];

type Change = {
  readonly what: 'set' | 'drop' | 'add' | 'wrap' | 'text';
  readonly where: number;
  readonly odd: unknown;
  readonly name: string;
};

/** How a body is spoilt; which of its fields is meant is decided when it is applied. */
export const changes: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.record({
    what: fc.constantFrom('set', 'set', 'set', 'drop', 'add', 'wrap', 'text'),
    where: fc.nat(10_000),
    odd: fc.constantFrom(...ODD),
    name: fc.constantFrom(...ODD_NAMES),
  }),
  { minLength: 1, maxLength: 3 },
);

type Node = Record<string, unknown> | unknown[];
/** Spoilt below this, a body that is nested without end would become one twice as deep, which no stack of a test holds. */
const MAX_SPOILT_DEPTH = 60;

/** Every place in a value: its parent and its name there. */
const placesOf = (value: unknown, depth = 0): (readonly [Node, string])[] => {
  if (typeof value !== 'object' || value === null) return [];
  const node = value as Node;
  return Object.entries(node).flatMap(([name, inner]) => [
    [node, name] as const,
    ...(depth < MAX_SPOILT_DEPTH ? placesOf(inner, depth + 1) : []),
  ]);
};

const asText = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '[object Object]';

/** A copy, as what is put into one body must not be spoilt there for the next; what is nested too deep to be copied is never spoilt. */
const ownCopy = (odd: unknown): unknown => {
  try {
    return structuredClone(odd);
  } catch {
    return odd;
  }
};

/** A spoilt copy of a value. */
export const spoil = (value: unknown, spoilt: readonly Change[]): unknown => {
  const whole = { root: structuredClone(value) };
  for (const { what, where, odd: given, name } of spoilt) {
    const odd = ownCopy(given);
    const places = placesOf(whole);
    if (places.length === 0 || places.length > 2_000) break; // nothing left, or large enough
    const [parent, key] = places[where % places.length]!;
    const fields = parent as Record<string, unknown>;
    const define = (target: object, field: string, content: unknown) =>
      Object.defineProperty(target, field, { value: content, enumerable: true, configurable: true, writable: true });
    if (what === 'drop') delete fields[key];
    else if (what === 'wrap') fields[key] = [fields[key]];
    else if (what === 'text') fields[key] = asText(fields[key]);
    else if (what === 'set') fields[key] = odd;
    else if (typeof fields[key] === 'object' && fields[key] !== null && !Array.isArray(fields[key])) define(fields[key], name, odd);
    else if (!Array.isArray(parent) && parent !== whole) define(parent, name, odd);
  }
  return whole.root;
};
