import type { Node } from 'web-tree-sitter';
import type { Expression, Property } from './expression';

const lineOf = (node: Node): number => node.startPosition.row + 1;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/** Children that say something, comments left out. */
export const meaningful = (node: Node): Node[] =>
  node.namedChildren.filter((child): child is Node => child !== null && child.type !== 'comment' && child.type !== 'diagnostic_comment');

const readString = (node: Node): Expression => {
  const line = lineOf(node);
  const parts: Expression[] = [];
  const add = (value: string): void => {
    const last = parts.at(-1);
    if (last?.kind === 'text') parts[parts.length - 1] = { ...last, value: last.value + value };
    else parts.push({ kind: 'text', value, line });
  };
  for (const child of meaningful(node)) {
    if (child.type === 'interpolation') parts.push(readExpression(meaningful(child)[0]!));
    else if (child.type === 'escape_sequence') add(ESCAPES[child.text.slice(1)] ?? child.text.slice(1));
    else add(child.text);
  }
  if (parts.length === 0) return { kind: 'text', value: '', line };
  return parts.length === 1 && parts[0]!.kind === 'text' ? parts[0]! : { kind: 'interpolated', parts, line };
};

const readProperty = (node: Node): Property | undefined => {
  const [key, value] = meaningful(node);
  if (key === undefined || value === undefined) return undefined; // a resource within a resource, read elsewhere
  const line = lineOf(key);
  if (key.type !== 'string') return { name: key.text, value: readExpression(value), line };
  const read = readString(key);
  return read.kind === 'text'
    ? { name: read.value, value: readExpression(value), line }
    : { name: undefined, key: read, value: readExpression(value), line };
};

const readLoop = (node: Node): Expression => {
  const children = meaningful(node);
  const body = node.childForFieldName('body')!;
  const first = children[0]!;
  const variables = first.type === 'for_loop_parameters' ? meaningful(first).map(({ text }) => text) : [first.text];
  const over = readExpression(children[1]!);
  const line = lineOf(node);
  if (body.type !== 'if_statement') return { kind: 'loop', variables, over, body: readExpression(body), line };
  const [condition, inner] = meaningful(body);
  return { kind: 'loop', variables, over, condition: readExpression(condition!), body: readExpression(inner!), line };
};

const BOOLEAN_OPERATORS = new Set(['==', '!=', '=~', '!~', '<', '<=', '>', '>=', '&&', '||', '!']);
const NUMBER_OPERATORS = new Set(['+', '-', '*', '/', '%']);

const readOperation = (node: Node): Expression => {
  const operator = node.childForFieldName('operator')?.text ?? '';
  const gives = BOOLEAN_OPERATORS.has(operator) ? 'boolean' : NUMBER_OPERATORS.has(operator) ? 'number' : 'anything';
  return { kind: 'operation', operator, operands: meaningful(node).map(readExpression), gives, line: lineOf(node) };
};

const readCall = (node: Node): Expression => {
  const target = node.childForFieldName('function')!;
  const args = meaningful(node.childForFieldName('arguments')!).map(readExpression);
  const line = lineOf(node);
  if (target.type !== 'member_expression') return { kind: 'call', name: target.text, args, line };
  const [of, name] = meaningful(target);
  return { kind: 'call', name: name!.text, on: readExpression(of!), args, line };
};

const READERS: Readonly<Record<string, (node: Node) => Expression>> = {
  string: readString,
  number: (node) => ({ kind: 'number', value: Number(node.text), line: lineOf(node) }),
  boolean: (node) => ({ kind: 'boolean', value: node.text === 'true', line: lineOf(node) }),
  null: (node) => ({ kind: 'null', line: lineOf(node) }),
  object: (node) => ({
    kind: 'object',
    properties: meaningful(node).flatMap((child) => (child.type === 'object_property' ? (readProperty(child) ?? []) : [])),
    line: lineOf(node),
  }),
  array: (node) => ({ kind: 'array', items: meaningful(node).map(readExpression), line: lineOf(node) }),
  ternary_expression: (node) => {
    const [condition, then, otherwise] = meaningful(node).map(readExpression);
    return { kind: 'choice', condition: condition!, branches: [then!, otherwise!], line: lineOf(node) };
  },
  call_expression: readCall,
  identifier: (node) => ({ kind: 'name', name: node.text, line: lineOf(node) }),
  member_expression: (node) => {
    const [of, name] = meaningful(node);
    return { kind: 'member', of: readExpression(of!), name: name!.text, line: lineOf(node) };
  },
  subscript_expression: (node) => {
    const [of, at] = meaningful(node).map(readExpression);
    return { kind: 'index', of: of!, at: at!, line: lineOf(node) };
  },
  resource_expression: (node) => {
    const [of, name] = meaningful(node);
    return { kind: 'nested', of: readExpression(of!), name: name!.text, line: lineOf(node) };
  },
  for_statement: readLoop,
  lambda_expression: (node) => {
    const [parameters, body] = meaningful(node);
    const names = parameters!.type === 'identifier' ? [parameters!.text] : meaningful(parameters!).map(({ text }) => text);
    return { kind: 'lambda', variables: names, body: readExpression(body!), line: lineOf(node) };
  },
  parenthesized_expression: (node) => readExpression(meaningful(node)[0]!),
  binary_expression: readOperation,
  unary_expression: readOperation,
};

/** @throws Error for a kind of expression that no template here has used so far: teach it then */
export function readExpression(node: Node): Expression {
  const read = READERS[node.type];
  if (read === undefined) throw new Error(`Line ${lineOf(node)}: the reader does not know "${node.type}" (${node.text.slice(0, 60)}).`);
  return read(node);
}
