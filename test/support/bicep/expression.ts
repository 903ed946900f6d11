/**
 * Bicep's expressions as plain data. `line` counts from 1. Only what a template here needs is told apart.
 */
export type Expression = { readonly line: number } & (
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' }
  /** a string with ${…} in it */
  | { readonly kind: 'interpolated'; readonly parts: readonly Expression[] }
  | { readonly kind: 'object'; readonly properties: readonly Property[] }
  | { readonly kind: 'array'; readonly items: readonly Expression[] }
  | { readonly kind: 'choice'; readonly condition: Expression; readonly branches: readonly [Expression, Expression] }
  | { readonly kind: 'call'; readonly name: string; readonly on?: Expression; readonly args: readonly Expression[] }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'member'; readonly of: Expression; readonly name: string }
  | { readonly kind: 'index'; readonly of: Expression; readonly at: Expression }
  /** outer::inner */
  | { readonly kind: 'nested'; readonly of: Expression; readonly name: string }
  | {
      readonly kind: 'loop';
      readonly variables: readonly string[];
      readonly over: Expression;
      readonly condition?: Expression;
      readonly body: Expression;
    }
  | { readonly kind: 'lambda'; readonly variables: readonly string[]; readonly body: Expression }
  | {
      readonly kind: 'operation';
      readonly operator: string;
      readonly operands: readonly Expression[];
      readonly gives: 'boolean' | 'number' | 'anything';
    }
);

export interface Property {
  /** undefined for a name that is worked out */
  readonly name: string | undefined;
  readonly key?: Expression;
  readonly value: Expression;
  readonly line: number;
}

export type ObjectExpression = Extract<Expression, { kind: 'object' }>;

/** @returns the value of a property, or undefined when the object has none of that name */
export const propertyOf = (object: ObjectExpression, name: string): Expression | undefined =>
  object.properties.find((property) => property.name === name)?.value;

/** The parts of an expression that lie directly in it, each with the variables that it brings along. */
const partsWithVariables = (expression: Expression): readonly (readonly [Expression, readonly string[]])[] => {
  const plain = (...parts: readonly (Expression | undefined)[]) =>
    parts.flatMap((part) => (part ? [[part, [] as readonly string[]] as const] : []));
  switch (expression.kind) {
    case 'interpolated':
      return plain(...expression.parts);
    case 'object':
      return plain(...expression.properties.flatMap(({ key, value }) => [key, value]));
    case 'array':
      return plain(...expression.items);
    case 'choice':
      return plain(expression.condition, ...expression.branches);
    case 'call':
      return plain(expression.on, ...expression.args);
    case 'member':
    case 'nested':
      return plain(expression.of);
    case 'index':
      return plain(expression.of, expression.at);
    case 'operation':
      return plain(...expression.operands);
    case 'loop':
      return [
        ...plain(expression.over),
        ...plain(expression.condition, expression.body).map(([part]) => [part, expression.variables] as const),
      ];
    case 'lambda':
      return [[expression.body, expression.variables]];
    default:
      return [];
  }
};

/** The parts of an expression that lie directly in it. */
export const partsOf = (expression: Expression): Expression[] => partsWithVariables(expression).map(([part]) => part);

/**
 * Every expression within one, itself first, with the loop and lambda variables that are known there.
 */
export function* walk(
  expression: Expression,
  variables: readonly string[] = [],
): Generator<{ expression: Expression; variables: readonly string[] }> {
  yield { expression, variables };
  for (const [part, more] of partsWithVariables(expression)) yield* walk(part, [...variables, ...more]);
}
