import { at, decoratorOf, expressionsOf, type BicepFile, type Module, type Parameter } from '../bicep-file';
import { partsOf, walk, type Expression, type ObjectExpression } from '../expression';
import { possibleValues, typeOf } from '../possible-values';
import type { Finding, Template } from '../template';

const TYPES: Readonly<Record<string, string>> = { string: 'string', int: 'integer', bool: 'boolean', array: 'array', object: 'object' };

/** `module.outputs.name`, also where the module is conditional. */
const outputOf = (expression: Expression): { module: string; output: string } | undefined =>
  expression.kind === 'member' && expression.of.kind === 'member' && expression.of.name === 'outputs' && expression.of.of.kind === 'name'
    ? { module: expression.of.of.name, output: expression.name }
    : undefined;

const checkValue = (
  template: Template,
  file: BicepFile,
  parameter: Parameter,
  value: Expression,
  report: (line: number, text: string) => void,
) => {
  const allowed = decoratorOf(parameter, 'allowed')?.args[0];
  const bound = (name: string): number | undefined => {
    const [limit] = decoratorOf(parameter, name)?.args ?? [];
    return limit?.kind === 'number' ? limit.value : undefined;
  };
  for (const possible of possibleValues(file, value)) {
    const output = outputOf(possible);
    const module = output && file.modules.find(({ name }) => name === output.module);
    const told = module && template.moduleFile(file, module)?.outputs.find(({ name }) => name === output.output)?.type;
    const type = told ? TYPES[told] : typeOf(file, possible);
    if (type !== undefined && type !== 'null' && type !== TYPES[parameter.type])
      report(value.line, `${parameter.name} is ${type}, expected ${parameter.type}`);
    if (possible.kind !== 'text' && possible.kind !== 'number') continue;
    if (allowed?.kind === 'array' && !allowed.items.some((item) => 'value' in item && item.value === possible.value)) {
      report(value.line, `${parameter.name} may not be ${possible.value}`);
    }
    const size = possible.kind === 'number' ? possible.value : undefined;
    if (size !== undefined && (size < (bound('minValue') ?? -Infinity) || size > (bound('maxValue') ?? Infinity))) {
      report(value.line, `${parameter.name} may not be ${size}`);
    }
  }
};

const checkModule = (template: Template, file: BicepFile, module: Module): Finding[] => {
  const findings: Finding[] = [];
  const report = (line: number, text: string) => void findings.push({ file: file.name, line, text: `${module.name}: ${text}` });
  const target = template.moduleFile(file, module);
  if (target === undefined) {
    report(module.line, `${module.path} is not there`);
    return findings;
  }
  const given = at(module.object, 'params') as ObjectExpression | undefined;
  for (const { name, value, line } of given?.properties ?? []) {
    const parameter = target.parameters.find((one) => one.name === name);
    if (parameter === undefined) report(line, `${target.name} has no parameter ${name}`);
    else checkValue(template, file, parameter, value, report);
  }
  for (const { name, value } of target.parameters) {
    if (value === undefined && !given?.properties.some((one) => one.name === name)) report(module.line, `${name} is missing`);
  }
  const other = at(module.object, 'scope') !== undefined;
  if (!other && target.scope !== file.scope) report(module.line, `${target.name} is for a ${target.scope}`);
  return findings;
};

/** What a module is given is what it asks for: names, types, allowed values. */
export const moduleParameters = (template: Template): Finding[] =>
  template.files.flatMap((file) => file.modules.flatMap((module) => checkModule(template, file, module)));

/** A default is one of the values that a parameter allows. */
export const defaults = (template: Template): Finding[] =>
  template.files.flatMap((file) =>
    file.parameters.flatMap((parameter) => {
      const findings: Finding[] = [];
      if (parameter.value)
        checkValue(template, file, parameter, parameter.value, (line, text) => void findings.push({ file: file.name, line, text }));
      return findings;
    }),
  );

/** What is read of a module is one of its outputs. */
export const moduleOutputs = (template: Template): Finding[] =>
  template.files.flatMap((file) =>
    expressionsOf(file)
      .flatMap(({ expression }) => [...walk(expression)])
      .flatMap(({ expression }) => {
        const read = outputOf(expression);
        const module = read && file.modules.find(({ name }) => name === read.module);
        if (!read || !module) return [];
        const known = template.moduleFile(file, module)?.outputs.some(({ name }) => name === read.output);
        return known ? [] : [{ file: file.name, line: expression.line, text: `${read.module} has no output ${read.output}` }];
      }),
  );

/** Parts of an expression with whether a choice stands around them. */
function* withChoices(expression: Expression, chosen = false): Generator<{ expression: Expression; chosen: boolean }> {
  yield { expression, chosen };
  if (expression.kind !== 'choice') {
    for (const part of partsOf(expression)) yield* withChoices(part, chosen);
    return;
  }
  yield* withChoices(expression.condition, chosen);
  for (const branch of expression.branches) yield* withChoices(branch, true);
}

/** Properties of a resource that are known once it is deployed. */
const DEPLOYED = new Set(['properties', 'identity']);

/**
 * What a conditional module or resource tells is read in a choice alone, also by modules under the same condition: their parameters are worked out
 * even where they are left out.
 * @see Azure/bicep issues 3990, 8022
 */
export const conditionalOutputs = (template: Template): Finding[] =>
  template.files.flatMap((file) =>
    expressionsOf(file)
      .flatMap(({ expression }) => [...withChoices(expression)])
      .flatMap(({ expression, chosen }) => {
        if (chosen || expression.kind !== 'member') return [];
        const read = outputOf(expression);
        const module = read && file.modules.find(({ name }) => name === read.module);
        const { of, name: property } = expression;
        const resource = of.kind === 'name' && DEPLOYED.has(property) ? file.resources.find(({ name }) => name === of.name) : undefined;
        const unsure = module?.condition ? module : resource?.condition ? resource : undefined;
        return unsure ? [{ file: file.name, line: expression.line, text: `${unsure.name} may not be deployed: read it in a choice` }] : [];
      }),
  );

/** Every file is part of the whole: used as a module, or deployed by itself. */
export const unusedFiles = (template: Template): Finding[] => {
  const entry = new Set(['main.bicep', 'app.bicep']);
  const used = new Set(template.files.flatMap((file) => file.modules.map((module) => template.moduleFile(file, module)?.name)));
  return template.files
    .filter(({ name }) => !used.has(name) && !entry.has(name))
    .map(({ name }) => ({ file: name, line: 1, text: 'nobody uses this file' }));
};

/** Through a subscription or into a resource group: the same parameters with the same defaults and limits. */
export const sameParameters = (template: Template): Finding[] => {
  const main = template.file('main.bicep');
  const app = template.file('app.bicep');
  const shape = (parameter: Parameter): string => {
    const plain = JSON.stringify([parameter.type, parameter.value, parameter.decorators], (key, value: unknown) =>
      key === 'line' ? undefined : value,
    );
    return plain;
  };
  const own = new Set(['location', 'resourceGroupName', 'environmentName']);
  return app.parameters
    .filter(({ name }) => !own.has(name))
    .flatMap((parameter) => {
      const other = main.parameters.find(({ name }) => name === parameter.name);
      if (other === undefined) return [{ file: main.name, line: 1, text: `${parameter.name} cannot be set` }];
      return shape(other) === shape(parameter)
        ? []
        : [{ file: main.name, line: other.line, text: `${parameter.name} differs from that of app.bicep` }];
    });
};

/** Every parameter can be set by an environment variable; those without a default have to be. */
export const parameterValues = (template: Template): Finding[] => {
  const main = template.file('main.bicep');
  const findings: Finding[] = [];
  for (const file of template.values) {
    const report = (line: number, text: string) => void findings.push({ file: file.name, line, text });
    for (const { name, value, line } of file.parameters) {
      const parameter = main.parameters.find((one) => one.name === name);
      if (parameter === undefined) report(line, `main.bicep has no parameter ${name}`);
      else if (value?.kind === 'call') {
        const given = { int: 'int', bool: 'bool', readEnvironmentVariable: 'string' }[value.name];
        if (given !== parameter.type) report(line, `${name} is ${given ?? value.name}, expected ${parameter.type}`);
        const reading = value.name === 'readEnvironmentVariable' ? value : value.args[0];
        const fallback = reading?.kind === 'call' ? reading.args[1] : undefined;
        if ((fallback === undefined) !== (parameter.value === undefined))
          report(line, `${name} must have a default exactly where main.bicep gives it one`);
        const same = parameter.value && 'value' in parameter.value ? String(parameter.value.value) : undefined;
        if (fallback?.kind === 'text' && same !== undefined && fallback.value !== same)
          report(line, `${name} is ${fallback.value} by default, and ${same} in main.bicep`);
      }
    }
    for (const { name } of main.parameters) {
      if (name !== 'tags' && !file.parameters.some((one) => one.name === name)) report(1, `${name} cannot be set`);
    }
  }
  return findings;
};
