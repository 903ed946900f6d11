import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * The portal's build is ESM, which jest does not load: Node evaluates expressions over one of its modules, called `it`.
 * @param name of a file in infra/portal
 * @param before statements that the expressions may use, beside `given`
 */
export const buildModule = (name: string, before = '') => {
  const address = pathToFileURL(path.resolve(__dirname, '../../../infra/portal', name)).href;
  return <T>(expression: string, given: unknown): T => {
    const program = `import * as it from ${JSON.stringify(address)}; import { readFileSync } from 'node:fs';
      const given = JSON.parse(readFileSync(0, 'utf8')); ${before};
      let answer; try { answer = { value: ${expression} } } catch (error) { answer = { error: error.message } }
      process.stdout.write(JSON.stringify(answer));`;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], { input: JSON.stringify(given), encoding: 'utf8' });
    const { value, error } = JSON.parse(said) as { value: T; error?: string };
    if (error !== undefined) throw new Error(error);
    return value;
  };
};
