import { readdirSync } from 'node:fs';
import path from 'node:path';
import { parsers } from 'prettier/plugins/markdown';

/** The parts of Prettier's syntax tree of Markdown (it is remark's) that are read here. */
interface MarkdownNode {
  readonly type: string;
  readonly value?: string;
  readonly alt?: string;
  readonly url?: string;
  readonly position: { readonly start: { readonly line: number } };
  readonly children?: readonly MarkdownNode[];
}

/** What a Markdown text promises: where it leads, what it calls by a name, what can be linked to. Lines count from 1. */
export interface Markdown {
  readonly links: readonly { readonly url: string; readonly line: number }[];
  readonly codeSpans: readonly { readonly text: string; readonly line: number }[];
  /** fragments of its headings, as GitHub makes them */
  readonly anchors: ReadonlySet<string>;
}

/** GitHub's way from a heading to a fragment: lower case, no punctuation, hyphens for blanks; the second of the same name gets `-1`. */
export const anchorsOf = (headings: readonly string[]): Set<string> => {
  const anchors = new Set<string>();
  for (const heading of headings) {
    const plain = heading
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
      .replaceAll(' ', '-');
    let anchor = plain;
    for (let again = 1; anchors.has(anchor); again += 1) anchor = `${plain}-${again}`;
    anchors.add(anchor);
  }
  return anchors;
};

const textOf = ({ value, alt, children }: MarkdownNode): string => value ?? alt ?? (children ?? []).map(textOf).join('');

/** Reads a Markdown text by a real parser, so that what stands in code is no link, and a link may stand anywhere. */
export const readMarkdown = async (text: string): Promise<Markdown> => {
  // the parser asks for the options of the formatter and uses none of them
  const root = (await parsers.markdown.parse(text, {} as never)) as MarkdownNode;
  const links: Markdown['links'][number][] = [];
  const codeSpans: Markdown['codeSpans'][number][] = [];
  const headings: string[] = [];
  const visit = (node: MarkdownNode): void => {
    const { line } = node.position.start;
    if (node.url !== undefined) links.push({ url: node.url, line });
    if (node.type === 'inlineCode') codeSpans.push({ text: node.value ?? '', line });
    if (node.type === 'heading') headings.push(textOf(node));
    for (const child of node.children ?? []) visit(child);
  };
  visit(root);
  return { links, codeSpans, anchors: anchorsOf(headings) };
};

const NOT_OURS = new Set(['node_modules', 'dist', 'coverage', '.local', '.git']);

/** Files of the repository by the end of their name, relative to `root`, sorted; what is installed or built is left out. */
export const repositoryFiles = (root: string, ending: string, folder = ''): string[] =>
  readdirSync(path.join(root, folder), { withFileTypes: true })
    .filter(({ name }) => !NOT_OURS.has(name))
    .flatMap((entry) => {
      const name = path.posix.join(folder, entry.name);
      if (entry.isDirectory()) return repositoryFiles(root, ending, name);
      return entry.isFile() && name.endsWith(ending) ? [name] : [];
    })
    .sort();
