import { parse } from 'csv-parse/sync';
import type { SampleSink } from '../../../infra/local/sample/sinks';

/** Keeps what is written, in the order in which it came. */
export const createMemorySink = () => {
  const files = new Map<string, Buffer>();
  const sink: SampleSink = {
    write: async (name, chunks) => {
      const parts: Buffer[] = [];
      for await (const chunk of chunks) parts.push(chunk);
      files.delete(name);
      files.set(name, Buffer.concat(parts));
    },
  };
  return { files, sink };
};

/** All rows of a table, without the headers, as an independent CSV library reads them. */
export const rowsOf = (files: Map<string, Buffer>, table: string, { delimiter = ',', header = true } = {}): string[][] =>
  [...files]
    .filter(([name]) => name.includes(`/${table}_`))
    .flatMap(([, content]) => parse(content, { delimiter, bom: true }).slice(header ? 1 : 0));

/** An address is lower-cased; what is no address is undefined. Simple and strict: the sample's addresses leave no room for doubt. */
export const addressOf = (row: readonly string[]): string | undefined => {
  const email = (row[1] ?? '').toLowerCase();
  return /^[a-z0-9._+-]+@[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(email) && email.length <= 100 ? email : undefined;
};

/** The address book of a table: the first row of each address. */
export const peopleOf = (rows: readonly string[][]): Map<string, string[]> => {
  const people = new Map<string, string[]>();
  for (const row of rows) {
    const address = addressOf(row);
    if (address !== undefined && !people.has(address)) people.set(address, row);
  }
  return people;
};
