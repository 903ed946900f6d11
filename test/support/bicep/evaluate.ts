import type { BicepFile } from './bicep-file';
import type { Expression } from './expression';

export type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };
type Given = Readonly<Record<string, Value>>;

/** What a deployment knows of where it is. */
const PLACE = {
  tenant: { tenantId: 'aaaaaaaa-0000-4000-8000-000000000001' },
  environment: {
    suffixes: { storage: 'core.windows.net', keyvaultDns: '.vault.azure.net' },
    authentication: { loginEndpoint: 'https://login.microsoftonline.com/' },
  },
} as const;

const isObject = (value: Value): value is { readonly [name: string]: Value } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const merge = (left: Value, right: Value): Value => {
  if (Array.isArray(left) && Array.isArray(right)) return [...new Set([...(left as Value[]), ...(right as Value[])])];
  if (!isObject(left) || !isObject(right)) return right;
  const merged: Record<string, Value> = { ...left };
  for (const [name, value] of Object.entries(right)) merged[name] = name in left ? merge(left[name]!, value) : value;
  return merged;
};

/** As Azure writes a value into a text: `true` is "True" there. */
const textOf = (value: Value | undefined): string => {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return typeof value === 'object' ? JSON.stringify(value) : String(value ?? '');
};

const isEmpty = (value: Value): boolean => value === null || (typeof value === 'object' ? Object.keys(value).length === 0 : value === '');

/** Functions as Azure Resource Manager works them out. */
const FUNCTIONS: Readonly<Record<string, (...args: Value[]) => Value>> = {
  tenant: () => PLACE.tenant,
  environment: () => PLACE.environment,
  string: textOf,
  empty: (value) => isEmpty(value),
  padLeft: (value, length, filler) => textOf(value).padStart(length as number, filler as string),
  union: (...values) => values.reduce(merge),
  concat: (...values) => (values.every((value) => Array.isArray(value)) ? (values as Value[][]).flat() : values.map(textOf).join('')),
  replace: (text, from, to) => (text as string).replaceAll(from as string, to as string),
};

const OPERATORS: Readonly<Record<string, (...operands: Value[]) => Value>> = {
  '==': (left, right) => left === right,
  '!=': (left, right) => left !== right,
  '&&': (left, right) => Boolean(left) && Boolean(right),
  '||': (left, right) => Boolean(left) || Boolean(right),
  '!': (value) => !value,
  '<': (left, right) => (left as number) < (right as number),
  // of whole numbers alone, as Bicep has no others
  '/': (left, right) => Math.trunc((left as number) / (right as number)),
};

/**
 * Works out an expression of a file, given its parameters, as a deployment would.
 * @throws Error for what only a deployment can know, and for functions that no test has needed so far
 */
export const evaluate = (file: BicepFile, expression: Expression, given: Given): Value => {
  const follow = (next: Expression): Value => evaluate(file, next, given);
  switch (expression.kind) {
    case 'text':
    case 'number':
    case 'boolean':
      return expression.value;
    case 'null':
      return null;
    case 'interpolated':
      return expression.parts.map((part) => textOf(follow(part))).join('');
    case 'array':
      return expression.items.map(follow);
    case 'object':
      return Object.fromEntries(expression.properties.map(({ name, key, value }) => [name ?? textOf(follow(key!)), follow(value)]));
    case 'choice':
      return follow(expression.branches[follow(expression.condition) ? 0 : 1]);
    case 'operation': {
      const work = OPERATORS[expression.operator];
      if (work) return work(...expression.operands.map(follow));
      break;
    }
    case 'member': {
      const of = follow(expression.of);
      if (isObject(of) && expression.name in of) return of[expression.name]!;
      break;
    }
    case 'call': {
      const work = expression.on === undefined ? FUNCTIONS[expression.name] : undefined;
      if (work) return work(...expression.args.map(follow));
      break;
    }
    case 'name': {
      if (expression.name in given) return given[expression.name]!;
      const variable = file.variables.find(({ name }) => name === expression.name);
      if (variable) return follow(variable.value);
      const parameter = file.parameters.find(({ name }) => name === expression.name);
      if (parameter?.value) return follow(parameter.value);
      break;
    }
    default:
  }
  throw new Error(`${file.name}:${expression.line}: nobody but a deployment knows this ${expression.kind}.`);
};
