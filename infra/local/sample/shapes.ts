import type { SampleOptions } from './sample';

/** A way in which Customer Insights, or another writer of the Common Data Model, may lay out an export. */
export interface Shape {
  readonly about: string;
  readonly options: Pick<SampleOptions, 'dialect' | 'wide' | 'repeated' | 'gzip' | 'subfolder' | 'locations' | 'reordered' | 'manifest'>;
}

export const shapes: Readonly<Record<string, Shape>> = {
  plain: { about: 'commas, a header, quotes where they are needed', options: {} },
  'no-header': { about: 'columns in the order of model.json', options: { dialect: { columnHeaders: false } } },
  'quote-all': { about: 'quotes around every field', options: { dialect: { quoteAll: true } } },
  'quote-after-delimiter': {
    about: 'a quote counts at the beginning of a field only',
    options: { dialect: { csvStyle: 'quoteAfterDelimiter' } },
  },
  'quote-none': { about: 'quotes are characters like others', options: { dialect: { quoteStyle: 'none', delimiter: '|' } } },
  semicolon: { about: 'semicolons', options: { dialect: { delimiter: ';' } } },
  tab: { about: 'tabs', options: { dialect: { delimiter: '\t' } } },
  crlf: { about: 'lines end with CR LF', options: { dialect: { lineEnd: '\r\n' } } },
  bom: { about: 'UTF-8 with a byte order mark', options: { dialect: { byteOrderMark: true } } },
  utf16: { about: 'UTF-16 LE', options: { dialect: { encoding: 'utf-16le' } } },
  gzip: { about: 'files packed as .csv.gz', options: { gzip: true } },
  'odd-paths': { about: 'spaces, accents and percent signs in the paths', options: { subfolder: 'été 100 % & more/a+b' } },
  dfs: { about: 'locations at the Data Lake endpoint, with ?snapshot=', options: { locations: 'dfs' } },
  reordered: { about: 'columns described in another order than the header has', options: { reordered: true } },
  repeated: { about: 'a projected column that repeats customers', options: { repeated: true } },
  wide: { about: 'three columns more', options: { wide: true } },
  manifest: { about: 'default.manifest.cdm.json in place of model.json', options: { manifest: true } },
};
