import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { BicepFile, Module, ReadBicep } from './bicep-file';

/** Something wrong with a template, for a person. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}
export const show = ({ file, line, text }: Finding): string => `${file}:${line}: ${text}`;

/** Texts by name, relative to the template's folder and with slashes: `modules/storage.bicep`. */
export type Texts = Readonly<Record<string, string>>;

export interface Template {
  readonly texts: Texts;
  /** the .bicep files */
  readonly files: readonly BicepFile[];
  /** the .bicepparam files */
  readonly values: readonly BicepFile[];
  file(name: string): BicepFile;
  /** the file that a module of another one stands for */
  moduleFile(from: BicepFile, module: Module): BicepFile | undefined;
}

/** @param folder its files of text, those of its folders too */
export const readTexts = (folder: string): Texts =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const file = path.join(entry.parentPath, entry.name);
        return [path.relative(folder, file).split(path.sep).join('/'), readFileSync(file, 'utf8')];
      }),
  );

export const createTemplate = (texts: Texts, read: ReadBicep): Template => {
  const parse = (ending: string): BicepFile[] =>
    Object.entries(texts).flatMap(([name, text]) => (name.endsWith(ending) ? [read(name, text)] : []));
  const files = parse('.bicep');
  const find = (name: string) => files.find((file) => file.name === name);
  return {
    texts,
    files,
    values: parse('.bicepparam'),
    file: (name) => {
      const found = find(name);
      if (found === undefined) throw new Error(`There is no ${name}.`);
      return found;
    },
    moduleFile: (from, module) => find(path.posix.join(path.posix.dirname(from.name), module.path)),
  };
};
