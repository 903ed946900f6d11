import { decoratorOf, expressionsOf, type BicepFile } from '../bicep-file';
import { walk } from '../expression';
import type { Finding, Template } from '../template';

/** Functions of Bicep that are used here; an unknown one is a slip or a new decision. */
const FUNCTIONS = new Set(
  (
    'bool cidrSubnet concat empty environment guid int items join loadTextContent map padLeft readEnvironmentVariable replace resourceGroup ' +
    'resourceId split string subscription subscriptionResourceId tenant union uniqueString'
  ).split(' '),
);

const declared = (file: BicepFile) => [...file.parameters, ...file.variables, ...file.resources, ...file.modules];

/** Names used in a file, with their lines, and what of them nobody has declared. */
const usesOf = (file: BicepFile) => {
  const known = new Set(declared(file).map(({ name }) => name));
  const used = new Set<string>();
  const unknown: { line: number; text: string }[] = [];
  for (const { expression: top, variables: outer } of expressionsOf(file)) {
    for (const { expression, variables } of walk(top, outer)) {
      if (expression.kind === 'name' && !variables.includes(expression.name)) {
        used.add(expression.name);
        if (!known.has(expression.name)) unknown.push({ line: expression.line, text: `${expression.name} is not declared` });
      }
      if (expression.kind === 'nested') used.add(expression.name);
      if (expression.kind === 'call' && expression.on === undefined && known.has(expression.name)) {
        unknown.push({ line: expression.line, text: `${expression.name} is declared, which hides the function ${expression.name}()` });
      }
      if (expression.kind === 'call' && expression.on === undefined && !FUNCTIONS.has(expression.name)) {
        unknown.push({ line: expression.line, text: `${expression.name}() is no function that is known here` });
      }
    }
  }
  return { used, unknown };
};

const inEach = (files: readonly BicepFile[], findIn: (file: BicepFile) => readonly { line: number; text: string }[]): Finding[] =>
  files.flatMap((file) => findIn(file).map((found) => ({ file: file.name, ...found })));

/** Every file is Bicep. */
export const syntax = ({ files, values }: Template): Finding[] => inEach([...files, ...values], ({ syntaxErrors }) => syntaxErrors);

/** Every name is declared, and none twice. */
export const declaredNames = ({ files }: Template): Finding[] =>
  inEach(files, (file) => {
    const names = declared(file).map(({ name }) => name);
    const twice = declared(file).filter(({ name }, index) => names.indexOf(name) !== index);
    return [...usesOf(file).unknown, ...twice.map(({ name, line }) => ({ line, text: `${name} is declared twice` }))];
  });

/** Every parameter, variable and existing resource is used. */
export const usedNames = ({ files }: Template): Finding[] =>
  inEach(files, (file) => {
    const { used } = usesOf(file);
    // an existing resource may be there only to declare those within it
    const outer = new Set(file.resources.map((resource) => resource.outer));
    return [...file.parameters, ...file.variables, ...file.resources.filter(({ existing, name }) => existing && !outer.has(name))]
      .filter(({ name }) => !used.has(name))
      .map(({ name, line }) => ({ line, text: `${name} is not used` }));
  });

/** Every parameter and output says what it is. */
export const descriptions = ({ files }: Template): Finding[] =>
  inEach(files, (file) =>
    [...file.parameters, ...file.outputs]
      .filter((one) => {
        const [said] = decoratorOf(one, 'description')?.args ?? [];
        return said?.kind !== 'text' || said.value.trim() === '';
      })
      .map(({ name, line }) => ({ line, text: `${name} has no description` })),
  );

/** Every resource that is made carries the tags, where its type has any; the others are parts of one that does. */
export const tags = ({ files }: Template): Finding[] =>
  inEach(files, (file) =>
    file.resources
      .filter(({ type, existing }) => !existing && type.split('/').length === 2 && !WITHOUT_TAGS.has(type))
      .filter(({ object }) => !object.properties.some(({ name }) => name === 'tags'))
      .map(({ name, line }) => ({ line, text: `${name} has no tags` })),
  );
const WITHOUT_TAGS = new Set(['Microsoft.Authorization/roleAssignments', 'Microsoft.Insights/diagnosticSettings']);
