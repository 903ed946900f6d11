import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { unzipSync } from 'fflate';

const root = path.resolve(__dirname, '../..');
const run = promisify(execFile);

/** What `npm run package` needs of the project: sources, what was built from them, and what was installed. */
const NEEDED = [
  'functions',
  'shared',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'host.json',
  'LICENSE',
  'dist/infra/package',
  'dist/functions/portal',
];

export interface Built {
  readonly sha256: string;
  readonly sizes: Readonly<Record<'main' | 'zip' | 'unpacked', number>>;
  readonly packageCount: number;
}

/** Folders of a test that makes packages, none of them inside the repository. */
export const createPackages = () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'package-'));
  return {
    folder,
    /** Runs `npm run package` as it was compiled. @param from the project, or a copy of it. @returns what its last line says */
    build: async (out: string, { from = root, TZ = 'UTC' }: { from?: string; TZ?: string } = {}): Promise<Built> => {
      const command = [path.join(from, 'dist/infra/package/main.js'), '--out', out];
      const { stdout } = await run(process.execPath, command, { env: { PATH: process.env.PATH, TZ }, cwd: folder });
      return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Built;
    },
    /** Another clone of the project, built as this one is; its node_modules is a link where ours is a folder, or the other way round. */
    copyProject: (name: string): string => {
      const copy = path.join(folder, name);
      for (const one of NEEDED) cpSync(path.join(root, one), path.join(copy, one), { recursive: true });
      symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
      return copy;
    },
    /** Unpacks a zip into a folder that is empty. */
    unpack: (zip: string, name: string): string => {
      const into = path.join(folder, name);
      for (const [file, bytes] of Object.entries(unzipSync(readFileSync(zip)))) {
        mkdirSync(path.dirname(path.join(into, file)), { recursive: true });
        writeFileSync(path.join(into, file), bytes);
      }
      return into;
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
};
