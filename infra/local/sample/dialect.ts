/** How a table is written as CSV. */
export interface Dialect {
  readonly columnHeaders: boolean;
  readonly delimiter: string;
  /** Quotes around every field, not only where the content needs them. */
  readonly quoteAll: boolean;
  /** The bytes EF BB BF at the beginning of every file. */
  readonly byteOrderMark: boolean;
  readonly lineEnd: '\n' | '\r\n';
  /** csv: quotes hold fields together; none: a quote is a character like any other, and what would need quotes cannot be written. */
  readonly quoteStyle: 'csv' | 'none';
  /** afterDelimiter: a quote counts only where a field begins, so one in the middle stands bare. */
  readonly csvStyle: 'quoteAlways' | 'quoteAfterDelimiter';
  readonly encoding: 'utf-8' | 'utf-16le';
}

export const defaultDialect: Dialect = {
  columnHeaders: true,
  delimiter: ',',
  quoteAll: false,
  byteOrderMark: false,
  lineEnd: '\n',
  quoteStyle: 'csv',
  csvStyle: 'quoteAlways',
  encoding: 'utf-8',
};

/** @returns a function that writes one field as RFC 4180 says, or as the styles of the dialect ask */
export const createQuote = ({ delimiter, quoteAll, quoteStyle, csvStyle }: Dialect) => {
  const breaking = ['\n', '\r', delimiter];
  if (quoteStyle === 'none') return (field: string): string => breaking.reduce((text, character) => text.replaceAll(character, ' '), field);
  const needs = (field: string): boolean =>
    breaking.some((character) => field.includes(character)) || (csvStyle === 'quoteAlways' ? field.includes('"') : field.startsWith('"'));
  return (field: string): string => (quoteAll || needs(field) ? `"${field.replaceAll('"', '""')}"` : field);
};
