import { csvLine } from '../streams/csv';
import type { LoggedActivity } from './entry';

const COLUMNS = [
  ...['id', 'at', 'kind', 'by', 'byName', 'application', 'clientAddress', 'connectionId', 'exportId', 'runId', 'name'],
  ...['details', 'before', 'after', 'reason', 'person', 'queue', 'messageId'],
] as const satisfies readonly (keyof LoggedActivity)[];

const cellOf = (value: LoggedActivity[keyof LoggedActivity]): string => {
  if (value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

/** Pieces of this size are sent together. */
const PIECE_CHARACTERS = 64 * 1024;

/** The log as CSV (RFC 4180) with a header; details and changes as JSON in their cells. */
export const activityCsv = async function* (entries: AsyncIterable<LoggedActivity>): AsyncGenerator<string> {
  let text = csvLine(COLUMNS);
  for await (const entry of entries) {
    text += csvLine(COLUMNS.map((column) => cellOf(entry[column])));
    if (text.length < PIECE_CHARACTERS) continue;
    yield text;
    text = '';
  }
  yield text;
};
