import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { openApiOf } from '../../functions/http/openapi';
import { allRoutes } from './all-routes';

/** The committed copy of the API's description: a change of the contract shows in its diff. */
export const OPENAPI_FILE = path.join(
  __dirname,
  '../..',
  __dirname.includes(`${path.sep}dist${path.sep}`) ? '..' : '',
  'functions/http/openapi.json',
);
export const openApiText = (): string => `${JSON.stringify(openApiOf(allRoutes().definitions), undefined, 2)}\n`;

// npm run openapi
if (require.main === module) {
  writeFileSync(OPENAPI_FILE, openApiText());
  console.log(`wrote ${path.relative(process.cwd(), OPENAPI_FILE)}`);
}
