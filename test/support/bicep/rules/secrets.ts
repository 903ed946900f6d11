import { decoratorOf, expressionsOf } from '../bicep-file';
import { walk } from '../expression';
import type { Finding, Template } from '../template';

/** Names that sound like a secret and hold none, each with its reason. */
const NO_SECRETS: Readonly<Record<string, string>> = {
  dataverseSecretName: 'the name of a secret in the vault',
};
const SOUNDS_SECRET = /(password|secret|apikey|token|accesskey|accountkey|sas)/i;

/** No key leaves a store, and nothing secret goes through the deployment's history. */
export const secrets = ({ files }: Template): Finding[] =>
  files.flatMap((file) => {
    const calls = expressionsOf(file)
      .flatMap(({ expression }) => [...walk(expression)])
      .flatMap(({ expression }) =>
        expression.kind === 'call' && /^(list[A-Z]\w*|list|getSecret)$/.test(expression.name)
          ? [{ file: file.name, line: expression.line, text: `${expression.name}() reads a key` }]
          : [],
      );
    const parameters = file.parameters
      .filter((one) => SOUNDS_SECRET.test(one.name) && !(one.name in NO_SECRETS) && decoratorOf(one, 'secure') === undefined)
      .map(({ name, line }) => ({ file: file.name, line, text: `${name} sounds like a secret and is not @secure()` }));
    const secure = new Set(file.parameters.filter((one) => decoratorOf(one, 'secure')).map(({ name }) => name));
    const outputs = file.outputs
      .filter(
        ({ name, value }) =>
          SOUNDS_SECRET.test(name) || [...walk(value)].some(({ expression }) => expression.kind === 'name' && secure.has(expression.name)),
      )
      .map(({ name, line }) => ({ file: file.name, line, text: `${name} would tell a secret` }));
    return [...calls, ...parameters, ...outputs];
  });
