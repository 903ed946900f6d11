import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';

const folder = path.resolve(__dirname, '../../node_modules/@cyclonedx/cyclonedx-library/res/schema');
const read = (name: string): object => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as object;
/** The schema names the others by file, which ajv reads as addresses beside its own. */
const OTHERS = ['spdx.SNAPSHOT.schema.json', 'jsf-0.82.SNAPSHOT.schema.json'];

/**
 * Holds a bill of materials against CycloneDX 1.6 as the library carries its schema. Addresses and e-mails in letters of all scripts are not
 * looked at: their formats are in a package of their own, and a bill of ours has none.
 * @returns what is wrong, a sentence each
 */
export const bomFaults = (bom: unknown): string[] => {
  const ajv = new Ajv({ strict: false, allErrors: true });
  for (const name of OTHERS) ajv.addSchema({ ...read(name), $id: `http://cyclonedx.org/schema/${name}` });
  addFormats.default(ajv);
  for (const name of ['iri-reference', 'idn-email']) ajv.addFormat(name, true);
  const validate = ajv.compile(read('bom-1.6.SNAPSHOT.schema.json'));
  validate(bom);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
};
