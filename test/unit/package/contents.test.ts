import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(__dirname, '../../..');
const pages = path.join('functions', 'portal', 'app');

it('files that the app looks for at run time are looked for where infra/package puts them: a new place is to be added there', () => {
  const sources = ['functions', 'shared'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => path.join(folder, file)),
  );
  const looking = sources
    .filter((file) => file.endsWith('.ts') && !file.startsWith(pages + path.sep))
    .filter((file) =>
      /\b__dirname\b|\b__filename\b|require\.resolve|import\.meta|process\.cwd/.test(readFileSync(path.join(root, file), 'utf8')),
    );
  expect(looking.map((file) => file.split(path.sep).join('/')).sort()).toEqual(['functions/http/openapi.ts', 'functions/index.ts']);
});
