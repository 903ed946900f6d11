import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';

/** README.md of this folder: one part per bench, each with a heading of its own, each written by its own bench alone. */
const readme = path.resolve(__dirname, '../../../test/bench/README.md');

const partsOf = (text: string): string[] => text.split(/^(?=# )/m).filter((part) => part.trim() !== '');
const headingOf = (part: string): string => part.split('\n', 1)[0]!.trim();

/** Puts a part in the place of the one with the same heading, or at the end. @param text Markdown that begins with its heading */
export const writePart = async (text: string): Promise<void> => {
  const options = await resolveConfig(readme);
  const part = await format(text, { ...options, parser: 'markdown' });
  const parts = partsOf(readFileSync(readme, 'utf8'));
  const at = parts.findIndex((one) => headingOf(one) === headingOf(part));
  if (at < 0) parts.push(part);
  else parts[at] = part;
  writeFileSync(readme, `${parts.map((one) => one.trim()).join('\n\n')}\n`);
};
