import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

export const messagesFolder = path.resolve(__dirname, '../../functions/portal/app/messages');

/** The codes of all languages, e.g. ['en', 'fr']. */
export const languages = fs
  .readdirSync(messagesFolder)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => path.basename(file, '.ts'));

/** Every text of a tree of messages, by its path from the root. */
export const flatten = (tree: object): Map<string, string> => {
  const found = new Map<string, string>();
  const walk = (node: object, at: string) => {
    for (const [key, value] of Object.entries(node) as [string, string | object][]) {
      const here = at === '' ? key : `${at}.${key}`;
      if (typeof value === 'string') found.set(here, value);
      else walk(value, here);
    }
  };
  walk(tree, '');
  return found;
};

/** What a text needs from whoever shows it (`count: plural`, `link: tag`; `count: number` where the figure itself is written), and its words without arguments and tags. */
export interface Parsed {
  readonly needs: readonly string[];
  readonly words: string;
}

/** Reads ICU messages with the parser that the portal uses; it is ESM, which jest does not load, so Node does. @throws Error naming one that cannot be read */
export const parseAll = (texts: readonly string[]): Parsed[] => {
  const program = `import { parse, TYPE } from '@formatjs/icu-messageformat-parser';
    import fs from 'node:fs';
    const names = Object.keys(TYPE);
    const nameOf = (type) => names.find((name) => TYPE[name] === type);
    const read = (text) => {
      const needs = new Set(); let words = '';
      const walk = (nodes, plural) => { for (const node of nodes) {
        const kind = nameOf(node.type);
        if (kind === 'literal') words += node.value;
        else { needs.add(kind === 'pound' ? plural + ': number' : node.value + ': ' + kind); words += '\\u0001'; }
        if (node.children) walk(node.children, plural);
        for (const option of Object.values(node.options ?? {})) { walk(option.value, node.value); words += '\\n'; }
      } };
      try { walk(parse(text)); } catch (error) { throw new Error(error.message + ' in: ' + text); }
      return { needs: [...needs].sort(), words };
    };
    process.stdout.write(JSON.stringify(JSON.parse(fs.readFileSync(0, 'utf8')).map(read)));`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: messagesFolder,
    input: JSON.stringify(texts),
    encoding: 'utf8',
  });
  return JSON.parse(said) as Parsed[];
};
