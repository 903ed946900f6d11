import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Markdown, anchorsOf, readMarkdown, repositoryFiles } from '../support/markdown';

/** What the documents of the repository lead to is there: files, headings, commands. */
const root = path.resolve(__dirname, '../..');
const files = repositoryFiles(root, '.md');
const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

/** Named in documents, but made by a command, or an example of the reader's own. */
const NOT_IN_THE_REPOSITORY = /^(\.local|dist|node_modules|path\/to)\/|^\.\.\/shared\//;
/** A code span that names a file: folders, and an ending that a file of ours has. */
const FILE = /^(?:\.{1,2}\/)*[\w@.-]+(?:\/[\w@.-]+)+\.(?:ts|tsx|mjs|md|json|yml|yaml|bicep|bicepparam|svg|webp|http)$/;

const textOf = (file: string) => readFileSync(path.join(root, file), 'utf8');
const read = new Map<string, Promise<Markdown>>();
const markdownOf = (file: string): Promise<Markdown> => {
  const known = read.get(file) ?? readMarkdown(textOf(file));
  read.set(file, known);
  return known;
};

it('there are documents', () => {
  expect(files).toEqual(expect.arrayContaining(['README.md', 'test/README.md', '.github/CONTRIBUTING.md']));
});

it.each(files)('%s: its links lead to files and headings that are there', async (file) => {
  const broken: string[] = [];
  for (const { url, line } of (await markdownOf(file)).links) {
    if (/^[a-z][a-z+.-]*:/i.test(url)) continue; // elsewhere
    const [target = '', fragment] = decodeURIComponent(url).split('#');
    const found = target === '' ? file : path.posix.join(path.posix.dirname(file), target);
    const isThere = !found.startsWith('..') && existsSync(path.join(root, found));
    const hasHeading = fragment === undefined || !found.endsWith('.md') || (isThere && (await markdownOf(found)).anchors.has(fragment));
    if (!isThere || !hasHeading) broken.push(`${file}:${line}: ${url}`);
  }
  expect(broken).toEqual([]);
});

it.each(files)('%s: the files that it names are there', async (file) => {
  const missing = (await markdownOf(file)).codeSpans
    .filter(({ text }) => FILE.test(text) && !NOT_IN_THE_REPOSITORY.test(text))
    .filter(({ text }) => ![root, path.join(root, path.dirname(file))].some((folder) => existsSync(path.join(folder, text))));
  expect(missing.map(({ text, line }) => `${file}:${line}: ${text}`)).toEqual([]);
});

it.each(files)('%s: the commands that it names are there', (file) => {
  const named = [...textOf(file).matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g)].map(([, script, short]) => script ?? short!);
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
});

it('fragments are made as GitHub makes them', () => {
  expect([
    ...anchorsOf(['What a run does', 'Queue `export-requests`', 'Costs: per 1,000,000 profiles', 'Élan & co.', 'What a run does']),
  ]).toEqual(['what-a-run-does', 'queue-export-requests', 'costs-per-1000000-profiles', 'élan--co', 'what-a-run-does-1']);
});

it('what stands in code is no link, and a link may stand in a table', async () => {
  const { links, codeSpans } = await readMarkdown(
    '`[a](b.md)`\n\n```\n[c](d.md)\n```\n\n| x |\n| - |\n| [e](f.md) ![g](h.png) |\n\n[i][j]\n\n[j]: k.md\n',
  );
  expect(links.map(({ url }) => url)).toEqual(['f.md', 'h.png', 'k.md']);
  expect(codeSpans.map(({ text }) => text)).toEqual(['[a](b.md)']);
});
