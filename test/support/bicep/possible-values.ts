import type { BicepFile } from './bicep-file';
import { decoratorOf } from './bicep-file';
import type { Expression } from './expression';
import { propertyOf } from './expression';

/** What loop and lambda variables may stand for. */
export type Bound = ReadonlyMap<string, readonly Expression[]>;
const none: Bound = new Map();

/** The items of an array as far as they can be told; what cannot be told stands as something of any type. */
const itemsOf = (file: BicepFile, over: Expression, bound: Bound = none): Expression[] =>
  possibleValues(file, over, bound).flatMap((value): Expression[] =>
    value.kind === 'array'
      ? value.items.flatMap((item) => possibleValues(file, item, bound))
      : [{ kind: 'operation', operator: '', operands: [], gives: 'anything', line: value.line }],
  );

/** @param over what is looped over. @returns the variables of the loop with what they may stand for */
export const bind = (file: BicepFile, variables: readonly string[], over: Expression, bound: Bound): Bound => {
  const [item, index] = variables;
  const items = itemsOf(file, over, bound);
  return new Map([
    ...bound,
    ...(item === undefined ? [] : [[item, items] as const]),
    ...(index === undefined ? [] : [[index, [{ kind: 'number', value: 0, line: over.line }]] as const]),
  ]);
};

/**
 * What an expression may turn out to be, as far as it can be told without deploying: both branches of a choice, the values of a variable,
 * those that a parameter allows, each item of a loop. What cannot be told stands for itself.
 */
export function possibleValues(file: BicepFile, expression: Expression, bound: Bound = none): Expression[] {
  const follow = (next: Expression) => possibleValues(file, next, bound);
  switch (expression.kind) {
    case 'choice':
      return expression.branches.flatMap(follow);
    case 'name': {
      const values = bound.get(expression.name);
      if (values) return [...values];
      const variable = file.variables.find(({ name }) => name === expression.name);
      if (variable) return possibleValues(file, variable.value);
      const parameter = file.parameters.find(({ name }) => name === expression.name);
      const allowed = parameter && decoratorOf(parameter, 'allowed')?.args[0];
      return allowed?.kind === 'array' ? [...allowed.items] : [expression];
    }
    case 'member': {
      const values = follow(expression.of).map((value) => (value.kind === 'object' ? propertyOf(value, expression.name) : undefined));
      if (values.length === 0 || values.some((value) => value === undefined)) return [expression];
      return values.flatMap((value) => possibleValues(file, value!, bound));
    }
    case 'call':
      if (expression.name === 'concat') {
        return [{ kind: 'array', items: expression.args.flatMap((arg) => itemsOf(file, arg, bound)), line: expression.line }];
      }
      if (expression.name === 'items') {
        const [object] = expression.args.flatMap(follow);
        if (object?.kind !== 'object') return [expression];
        const entries = object.properties.map(({ name, value, line }): Expression => ({
          kind: 'object',
          properties: [
            { name: 'key', value: { kind: 'text', value: name ?? '', line }, line },
            { name: 'value', value, line },
          ],
          line,
        }));
        return [{ kind: 'array', items: entries, line: expression.line }];
      }
      return [expression];
    default:
      return [expression];
  }
}

const TEXT_FUNCTIONS = new Set(
  'string concat replace toLower toUpper guid uniqueString resourceId subscriptionResourceId padLeft loadTextContent join cidrSubnet take trim'.split(
    ' ',
  ),
);
const BOOLEAN_FUNCTIONS = new Set(['empty', 'contains', 'bool', 'startsWith', 'endsWith']);

/** @returns the JSON type that an expression gives, or undefined where only a deployment can tell */
export const typeOf = (file: BicepFile, expression: Expression): string | undefined => {
  switch (expression.kind) {
    case 'text':
    case 'interpolated':
      return 'string';
    case 'number':
      return 'integer';
    case 'boolean':
    case 'object':
    case 'array':
    case 'null':
      return expression.kind;
    case 'loop':
      return 'array';
    case 'operation':
      return expression.gives === 'boolean' ? 'boolean' : expression.gives === 'number' ? 'integer' : undefined;
    case 'member':
      return ['id', 'name'].includes(expression.name) && expression.of.kind === 'name' ? 'string' : undefined;
    case 'call':
      if (TEXT_FUNCTIONS.has(expression.name)) return 'string';
      if (BOOLEAN_FUNCTIONS.has(expression.name)) return 'boolean';
      return { int: 'integer', map: 'array', split: 'array', union: undefined }[expression.name];
    case 'name': {
      const type = file.parameters.find(({ name }) => name === expression.name)?.type;
      return type === 'int' ? 'integer' : type === 'bool' ? 'boolean' : type;
    }
    default:
      return undefined;
  }
};
