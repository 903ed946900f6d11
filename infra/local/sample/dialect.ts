/** How a table is written as CSV. */
export interface Dialect {
  readonly columnHeaders: boolean;
  readonly delimiter: string;
  /** Quotes around every field, not only where the content needs them. */
  readonly quoteAll: boolean;
  /** The bytes EF BB BF at the beginning of every file. */
  readonly byteOrderMark: boolean;
  readonly lineEnd: '\n' | '\r\n';
}

export const defaultDialect: Dialect = { columnHeaders: true, delimiter: ',', quoteAll: false, byteOrderMark: false, lineEnd: '\n' };

/** @returns a function that writes one field as RFC 4180 says */
export const createQuote = ({ delimiter, quoteAll }: Dialect) => {
  const special = ['"', '\n', '\r', delimiter];
  return (field: string): string =>
    quoteAll || special.some((character) => field.includes(character)) ? `"${field.replaceAll('"', '""')}"` : field;
};
