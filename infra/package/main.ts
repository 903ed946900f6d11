import path from 'node:path';
import { parseArgs } from 'node:util';
import { sizesSentence } from './budgets';
import { buildPackage } from './build';

/**
 * `npm run package [-- --out DIR]`: makes the zip that Azure Functions runs and its bill of materials, in dist/package. The last line is one
 * JSON object: sizes in bytes, SHA-256 of the zip.
 */
const root = path.resolve(__dirname, '../../..');

const main = async (): Promise<void> => {
  const { values } = parseArgs({ options: { out: { type: 'string' } } });
  const out =
    values.out === undefined ? path.join(root, 'dist', 'package') : path.resolve(process.env.INIT_CWD ?? process.cwd(), values.out);
  const built = await buildPackage(root, out);
  const where = path.relative(process.cwd(), out) || '.';
  process.stdout.write(
    `${where}: app, app.zip and sbom.cdx.json with ${built.packageCount} packages\n${sizesSentence(built.sizes)}\n${JSON.stringify(built)}\n`,
  );
};

main().catch((error: unknown) => {
  process.stderr.write(`The package was not made: ${(error as Error).message}\n`);
  process.exitCode = 1;
});
