import type { Words } from '../telemetry-words';
import type { Finding, Template } from '../template';

interface Query {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

const workbookQueries = (template: Template): Query[] => {
  const text = template.texts['workbook.json'] ?? '{"items":[]}';
  const { items } = JSON.parse(text) as { items: { name: string; content: { query?: string } }[] };
  return items.flatMap(({ name, content }) => (content.query ? [{ file: `workbook.json (${name})`, line: 1, text: content.query }] : []));
};
const alertQueries = (template: Template): Query[] =>
  Object.entries(template.texts).flatMap(([file, text]) => (file.endsWith('.kql') ? [{ file, line: 1, text }] : []));

const quoted = (text: string): string[] => [...text.matchAll(/"([^"]*)"/g)].map(([, found]) => found!);
const all = (pattern: RegExp, text: string): string[] => [...text.matchAll(pattern)].flatMap(([, found]) => quoted(found!));

/** Alerts and workbook ask for events, metrics and properties that the app tells. */
export const queries = (template: Template, words: Words): Finding[] =>
  [...alertQueries(template), ...workbookQueries(template)].flatMap(({ file, line, text }) => {
    const report = (told: string) => ({ file, line, text: told });
    const metrics = all(/\bName\s*(?:==|in)\s*(\([^)]*\)|"[^"]*")/g, text);
    const events = all(/\bevent\)*\s*(?:==|in)\s*(\([^)]*\)|"[^"]*")/g, text);
    const stages = all(/\bStage\s+in\s+(\([^)]*\))/g, text);
    const properties = [...text.matchAll(/\bProperties\.(\w+)/g)].map(([, name]) => name!);
    const tables = [...text.matchAll(/(?:^|=\s*)(App[A-Z]\w+)/gm)].map(([, name]) => name!);
    return [
      ...metrics.filter((name) => !words.metrics.includes(name)).map((name) => report(`there is no metric ${name}`)),
      ...events.filter((name) => !words.events.includes(name)).map((name) => report(`there is no event ${name}`)),
      ...stages.filter((name) => !['first', 'digest', 'recovered'].includes(name)).map((name) => report(`there is no stage ${name}`)),
      ...properties
        .filter((name) => name !== 'event' && !words.properties.includes(name))
        .map((name) => report(`nothing has a property ${name}`)),
      ...tables
        .filter((name) => !['AppTraces', 'AppMetrics', 'AppRequests', 'AppExceptions'].includes(name))
        .map((name) => report(`there is no table ${name}`)),
      ...(text.includes('Success == false') && !text.includes('between (400 .. 499)')
        ? [report('refusals (400 to 499) count as errors: Success means a status below 400')]
        : []),
      ...(tables.length === 0 ? [report('no table is asked')] : []),
    ];
  });

/** Rules of the alerts: the query that each loads, and what it is split by. */
const dimensionsOf = (text: string): { query: string; names: string[] }[] =>
  [...text.matchAll(/loadTextContent\('\.\.\/([^']+)'\)[^]*?dimensions: \[([^\]]*)\]/g)].map(([, query, names]) => ({
    query: query!,
    names: [...names!.matchAll(/'(\w+)'/g)].map(([, name]) => name!),
  }));
/** The step that decides which columns a query gives: the last that counts or chooses. */
const lastLineOf = (query: string): string =>
  query
    .split('\n')
    .filter((line) => /\b(summarize|project)\b/.test(line))
    .at(-1) ?? '';

/** Words of the language that cannot stand as a column's name by themselves (seen with Kusto's own parser: `kind`). */
const NO_NAMES =
  /\bextend\s+(kind|by|on|of|to|from|in|and|or|asc|desc|with|where|project|extend|summarize|order|sort|top|take|limit|union|join|let|set|print|search|find|render)\s*=/;

/** Alert rules refuse union and search, and begin with a table (Microsoft Learn, "Optimize log search alert queries"). */
const REFUSED = /^\s*let\s|\b(union|search)\b/m;
const codeOf = (query: string): string => query.replaceAll(/"[^"]*"/g, '""').replaceAll(/\/\/.*$/gm, '');

/** What alerts are about: every query is used by a rule, every rule counts its column `found`, and its dimensions are columns, too. */
export const alertRules = (template: Template): Finding[] => {
  const text = template.texts['modules/alerts.bicep'] ?? '';
  const loaded = [...text.matchAll(/loadTextContent\('\.\.\/([^']+)'\)/g)].map(([, name]) => name!);
  return [
    ...alertQueries(template)
      .filter(({ file }) => !loaded.includes(file))
      .map(({ file, line }) => ({ file, line, text: 'no alert uses this query' })),
    ...loaded
      .filter((name) => !(name in template.texts))
      .map((name) => ({ file: 'modules/alerts.bicep', line: 1, text: `${name} is not there` })),
    ...[...alertQueries(template), ...workbookQueries(template)]
      .filter(({ text: query }) => NO_NAMES.test(query))
      .map(({ file, line }) => ({ file, line, text: 'a word of the language stands as the name of a column' })),
    ...dimensionsOf(text).flatMap(({ query, names }) =>
      names
        .filter((name) => !new RegExp(`\\b${name}\\b`).test(lastLineOf(template.texts[query] ?? '')))
        .map((name) => ({ file: query, line: 1, text: `the query gives no column ${name}` })),
    ),
    ...alertQueries(template)
      .filter(({ text: query }) => REFUSED.test(codeOf(query)) || !/^\s*App[A-Z]\w+\s*$/m.test(codeOf(query).trimStart().split('\n')[0]!))
      .map(({ file, line }) => ({ file, line, text: 'an alert asks one table, which its query begins with' })),
    ...alertQueries(template)
      .filter(({ text: query }) => !/\bfound\s*=/.test(query))
      .map(({ file, line }) => ({ file, line, text: 'the query gives no column found' })),
  ];
};
