import { readFileSync } from 'node:fs';
import { Language, Parser, type Node } from 'web-tree-sitter';
import type { Expression, ObjectExpression } from './expression';
import { propertyOf } from './expression';
import { meaningful, readExpression } from './read-expression';

interface Declared {
  readonly name: string;
  readonly line: number;
  readonly decorators: readonly Extract<Expression, { kind: 'call' }>[];
}
export interface Parameter extends Declared {
  readonly type: string;
  readonly value?: Expression;
}
export interface Variable extends Declared {
  readonly value: Expression;
}
export interface Output extends Declared {
  readonly type: string;
  readonly value: Expression;
}
export interface Body {
  readonly condition?: Expression;
  readonly loop?: { readonly variables: readonly string[]; readonly over: Expression };
  readonly object: ObjectExpression;
}
export interface Resource extends Declared, Body {
  /** whole, also of one that is declared within another: Microsoft.Web/sites/config */
  readonly type: string;
  readonly apiVersion: string;
  readonly existing: boolean;
  /** the resource that it is declared in */
  readonly outer?: string;
}
export interface Module extends Declared, Body {
  readonly path: string;
}

export interface BicepFile {
  readonly name: string;
  readonly scope: string;
  readonly parameters: readonly Parameter[];
  readonly variables: readonly Variable[];
  readonly resources: readonly Resource[];
  readonly modules: readonly Module[];
  readonly outputs: readonly Output[];
  /** places where the text is no Bicep; the rest of the file is then not to be trusted */
  readonly syntaxErrors: readonly { readonly line: number; readonly text: string }[];
}

const lineOf = (node: Node): number => node.startPosition.row + 1;

function* syntaxErrors(node: Node): Generator<{ line: number; text: string }> {
  if (node.isMissing) yield { line: lineOf(node), text: `"${node.type}" is missing` };
  else if (node.isError) yield { line: lineOf(node), text: `no Bicep: ${node.text.slice(0, 60).replaceAll(/\s+/g, ' ')}` };
  else if (node.hasError) for (const child of node.children) if (child !== null) yield* syntaxErrors(child);
}

const literal = (node: Node): string => {
  const read = readExpression(node);
  if (read.kind !== 'text') throw new Error(`Line ${lineOf(node)}: expected a plain string.`);
  return read.value;
};

const readBody = (node: Node): Body & { readonly node: Node } => {
  if (node.type === 'if_statement') {
    const [condition, object] = meaningful(node);
    return { ...readBody(object!), condition: readExpression(condition!) };
  }
  if (node.type === 'for_statement') {
    const loop = readExpression(node);
    const body = node.childForFieldName('body')!;
    if (loop.kind !== 'loop') throw new Error(`Line ${lineOf(node)}: expected a loop.`);
    return { ...readBody(body), loop: { variables: loop.variables, over: loop.over } };
  }
  return { object: readExpression(node) as ObjectExpression, node };
};

const readResource = (node: Node, decorators: Declared['decorators'], outer?: Resource): Resource[] => {
  const [name, type, rest] = meaningful(node);
  const [ownType = '', apiVersion] = literal(type!).split('@');
  const { node: objectNode, ...body } = readBody(rest!);
  const resource: Resource = {
    name: name!.text,
    line: lineOf(node),
    decorators,
    type: outer ? `${outer.type}/${ownType}` : ownType,
    apiVersion: apiVersion ?? outer?.apiVersion ?? '',
    existing: node.children.some((child) => child?.type === 'existing'),
    ...(outer ? { outer: outer.name } : {}),
    ...body,
  };
  const inner = meaningful(objectNode)
    .flatMap((property) => meaningful(property))
    .filter((child) => child.type === 'resource_declaration');
  return [resource, ...inner.flatMap((child) => readResource(child, [], resource))];
};

/** Reads a file's text once the grammar is there. */
export type ReadBicep = (name: string, text: string) => BicepFile;

/** Loads the grammar (some milliseconds). A text that was read before is not read again: copies differ in one file from one another. */
export const openBicep = async (): Promise<ReadBicep> => {
  await Parser.init();
  const parser = new Parser();
  // as bytes: given a path, the library reads it in a way that jest does not allow
  const grammar = readFileSync(require.resolve('tree-sitter-bicep/tree-sitter-bicep.wasm'));
  parser.setLanguage(await Language.load(new Uint8Array(grammar)));
  const known = new Map<string, BicepFile>();
  const read: ReadBicep = (name, text) => {
    // a file of values is Bicep but for its parameters, which have no type
    const source = name.endsWith('.bicepparam') ? text.replaceAll(/^param (\w+) =/gm, 'param $1 object =') : text;
    const tree = parser.parse(source);
    if (tree === null) throw new Error(`${name} could not be read.`);
    try {
      const errors = [...syntaxErrors(tree.rootNode)];
      return { ...(errors.length > 0 ? nothing : readDeclarations(tree.rootNode)), name, syntaxErrors: errors };
    } finally {
      tree.delete();
    }
  };
  return (name, text) => {
    const key = `${name}\n${text}`;
    const file = known.get(key) ?? read(name, text);
    known.set(key, file);
    return file;
  };
};

const nothing = { scope: '', parameters: [], variables: [], resources: [], modules: [], outputs: [] };

const readDeclarations = (root: Node): Omit<BicepFile, 'name' | 'syntaxErrors'> => {
  const file = {
    scope: 'resourceGroup',
    parameters: [] as Parameter[],
    variables: [] as Variable[],
    resources: [] as Resource[],
    modules: [] as Module[],
    outputs: [] as Output[],
  };
  let decorators: Declared['decorators'] = [];
  for (const node of meaningful(root)) {
    if (node.type === 'decorators') {
      const calls = meaningful(node).map((decorator) => readExpression(meaningful(decorator)[0]!));
      decorators = calls.flatMap((call) => (call.kind === 'call' ? [call] : []));
      continue;
    }
    const children = meaningful(node);
    const declared = { name: children[0]?.text ?? '', line: lineOf(node), decorators };
    switch (node.type) {
      case 'target_scope_assignment':
        file.scope = literal(children[0]!);
        break;
      case 'parameter_declaration': {
        const value = children[2] && readExpression(children[2]);
        file.parameters.push({ ...declared, type: children[1]!.text, ...(value ? { value } : {}) });
        break;
      }
      case 'variable_declaration':
        file.variables.push({ ...declared, value: readExpression(children[1]!) });
        break;
      case 'output_declaration':
        file.outputs.push({ ...declared, type: children[1]!.text, value: readExpression(children[2]!) });
        break;
      case 'resource_declaration':
        file.resources.push(...readResource(node, decorators));
        break;
      case 'module_declaration': {
        const { node: _node, ...body } = readBody(children[2]!);
        file.modules.push({ ...declared, path: literal(children[1]!), ...body });
        break;
      }
      case 'using_statement':
        break;
      default:
        throw new Error(`Line ${lineOf(node)}: the reader does not know "${node.type}".`);
    }
    decorators = [];
  }
  return file;
};

/** A decorator's call by its name, e.g. `description`. */
export const decoratorOf = ({ decorators }: Declared, name: string) => decorators.find((one) => one.name === name);

/** Every expression of a file that is worked out, with the variables known there. */
export const expressionsOf = (file: BicepFile): { readonly expression: Expression; readonly variables: readonly string[] }[] => [
  ...file.parameters.flatMap(({ value }) => (value ? [{ expression: value, variables: [] }] : [])),
  ...[...file.variables, ...file.outputs].map(({ value }) => ({ expression: value, variables: [] })),
  ...[...file.resources, ...file.modules].flatMap(({ condition, loop, object }) => [
    ...(condition ? [{ expression: condition, variables: loop?.variables ?? [] }] : []),
    ...(loop ? [{ expression: loop.over, variables: [] }] : []),
    { expression: object, variables: loop?.variables ?? [] },
  ]),
];

/** The object at a path of property names, e.g. `properties.siteConfig`; undefined where it is worked out or missing. */
export const at = (object: ObjectExpression, ...path: readonly string[]): Expression | undefined => {
  let here: Expression | undefined = object;
  for (const name of path) here = here?.kind === 'object' ? propertyOf(here, name) : undefined;
  return here;
};
