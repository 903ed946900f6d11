import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parsers } from 'prettier/plugins/yaml';
import { repositoryFiles } from '../support/markdown';

/** Editors, dev container and workflow name only what there is. */
const root = path.resolve(__dirname, '../..');
const textOf = (file: string) => readFileSync(path.join(root, file), 'utf8');
const json = <T>(file: string) => JSON.parse(textOf(file)) as T;
const manifest = json<{ scripts: Record<string, string>; devDependencies: { node: string }; version: string }>('package.json');

const workflows = repositoryFiles(root, '.yml', '.github/workflows');
const container = json<{
  image: string;
  postCreateCommand: string;
  forwardPorts: number[];
  customizations: { vscode: { extensions: string[] } };
}>('.devcontainer/devcontainer.json');

it('tasks run scripts of package.json', () => {
  const { tasks } = json<{ tasks: { type: string; script: string }[] }>('.vscode/tasks.json');
  expect(tasks.length).toBeGreaterThan(0);
  expect(tasks.filter(({ type, script }) => type !== 'npm' || manifest.scripts[script] === undefined)).toEqual([]);
});

it('what is launched is there, or is built from what is there', () => {
  const { configurations } = json<{ configurations: { program: string; args: string[] }[] }>('.vscode/launch.json');
  const programs = configurations.flatMap(({ program, args }) => [program.replace('${workspaceFolder}/', ''), args[0]!]);
  expect(programs.length).toBeGreaterThan(2);
  const missing = programs.filter((file) => !existsSync(path.join(root, file.replace(/^dist\/(.*)\.js$/, '$1.ts'))));
  expect(missing).toEqual([]);
});

it('the lint settings of the editor are those of the tests', () => {
  const settings = json<{ 'eslint.options': { overrideConfigFile: string }; 'typescript.tsdk': string }>('.vscode/settings.json');
  expect(existsSync(path.join(root, settings['eslint.options'].overrideConfigFile))).toBe(true);
  expect(existsSync(path.join(root, settings['typescript.tsdk'], 'typescript.js'))).toBe(true);
});

it('the dev container has the product’s Node, the port of npm start, and extensions that are recommended anyway', () => {
  const [major] = manifest.devDependencies.node.split('.');
  expect(container.image).toMatch(new RegExp(`^mcr\\.microsoft\\.com/devcontainers/javascript-node:${major}-`));
  expect(container.forwardPorts.map(String)).toEqual([
    /port: \{ type: 'string', default: '(\d+)'/.exec(textOf('infra/local/arguments.ts'))?.[1],
  ]);
  expect(manifest.scripts[/^npm run ([\w:-]+)$/.exec(container.postCreateCommand)?.[1] ?? '']).toBeDefined();
  const { recommendations } = json<{ recommendations: string[] }>('.vscode/extensions.json');
  expect(recommendations).toEqual(expect.arrayContaining(container.customizations.vscode.extensions));
});

it.each(workflows)('%s is YAML, may only read, and pins each action to a major version', async (file) => {
  const text = textOf(file);
  await parsers.yaml.parse(text, {} as never);
  expect(text).toMatch(/^permissions:\n {2}contents: read\n/m);
  expect([...text.matchAll(/^.*(?:: write\b|secrets\.|pull_request_target).*$/gm)].map(([line]) => line.trim())).toEqual([]);
  const actions = [...text.matchAll(/uses: (\S+)/g)].map(([, action]) => action!);
  expect(actions.length).toBeGreaterThan(0);
  expect(actions.filter((action) => !/^actions\/[\w-]+@v\d+$/.test(action))).toEqual([]);
});

it('a file that is no YAML is noticed', async () => {
  await expect((async () => parsers.yaml.parse('a: [1\nb: 2\n', {} as never))()).rejects.toThrow();
});

it('the workflow runs what a developer runs, from the oldest Node that package.json allows', () => {
  const ci = textOf('.github/workflows/ci.yml');
  expect(ci).toMatch(/^ +- run: \.ci\/run$/m);
  expect(statSync(path.join(root, '.ci/run')).mode & 0o111).not.toBe(0);
  const scripts = [...ci.matchAll(/npm run ([\w:-]+)/g)].map(([, script]) => script!);
  expect(scripts.filter((script) => manifest.scripts[script] === undefined)).toEqual([]);
  const [oldest] = /\d+/.exec(json<{ engines: { node: string } }>('package.json').engines.node)!;
  const nodes = /node: \[([\d, ]+)\]/.exec(ci)?.[1]?.split(', ');
  expect(nodes).toEqual([oldest, manifest.devDependencies.node.split('.')[0]]);
});

it('the changelog has a part for the version of package.json', () => {
  expect(textOf('.github/CHANGELOG.md')).toContain(`## [${manifest.version}]`);
});
