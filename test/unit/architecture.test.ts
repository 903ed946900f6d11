import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** Who may import whom (style guide, section 2), read from the import lines themselves. */
const root = path.resolve(__dirname, '../..');

interface Import {
  /** of the importing file, e.g. shared/runs/advance.ts */
  readonly from: string;
  /** of the imported file without its ending, or the package */
  readonly to: string;
  readonly isType: boolean;
}

const IMPORT = /^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\b(?:import|require)\(\s*'([^']+)'\s*\)/gm;

const portalFolder = 'functions/portal/app';

const filesOf = (folder: string): string[] =>
  existsSync(path.join(root, folder))
    ? readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
        path.posix.join(folder, name.split(path.sep).join('/')),
      )
    : [];

const importsOf = (folder: string, isWanted = (from: string) => /\.ts$/.test(from) && !from.startsWith(`${portalFolder}/`)): Import[] =>
  filesOf(folder)
    .filter(isWanted)
    .flatMap((from) =>
      [...readFileSync(path.join(root, from), 'utf8').matchAll(IMPORT)].map(([line, type, named, called]) => {
        const to = named ?? called ?? '';
        const names =
          /^import\s*\{([^}]*)\}/
            .exec(line)?.[1]
            ?.split(',')
            .filter((name) => name.trim() !== '') ?? [];
        const isType = type !== undefined || (names.length > 0 && names.every((name) => name.trim().startsWith('type ')));
        return { from, to: to.startsWith('.') ? path.posix.join(path.posix.dirname(from), to) : to, isType };
      }),
    );

const app = [...importsOf('functions'), ...importsOf('shared')];
const infra = importsOf('infra');
/** The pages, which run in a browser. */
const portal = importsOf(portalFolder, (from) => /\.tsx?$/.test(from));
const all = [...app, ...infra];
const show = (imports: readonly Import[]): string[] => imports.map(({ from, to }) => `${from} -> ${to}`);
const isUnder = (file: string, ...folders: readonly string[]): boolean =>
  folders.some((folder) => file === folder || file.startsWith(folder));

it('finds the imports', () => {
  expect(app.length).toBeGreaterThan(300);
  expect(show(app)).toContain('shared/runs/advance.ts -> shared/runs/hold');
  expect(show(app)).toContain('functions/index.ts -> shared/services');
  expect(show(infra).some((line) => line.endsWith('-> node:net'))).toBe(true);
});

/** Folders of shared/ and what they may import beside themselves; errors, ids and env-free types are open to anyone. */
const anyone = ['shared/errors', 'shared/ids', 'shared/new-ids', 'shared/caller', 'shared/version'];
const allowed: Readonly<Record<string, readonly string[]>> = {
  streams: [],
  platform: ['streams'],
  segments: ['streams', 'platform'],
  klaviyo: ['streams', 'platform'],
  settings: ['platform', 'schedules'],
  activity: ['platform', 'streams'],
  connections: ['klaviyo', 'platform', 'streams'],
  exports: ['connections', 'klaviyo', 'segments', 'platform', 'streams', 'schedules'],
  runs: ['exports', 'connections', 'segments', 'klaviyo', 'platform', 'streams', 'schedules', 'settings'],
  schedules: ['exports', 'runs', 'platform', 'streams', 'settings'],
  requests: ['schedules', 'exports', 'runs', 'activity', 'platform', 'streams', 'settings'],
  notifications: ['activity', 'connections', 'exports', 'klaviyo', 'platform', 'schedules', 'settings', 'streams'],
  configuration: ['activity', 'connections', 'exports', 'klaviyo', 'notifications', 'platform', 'schedules', 'settings', 'streams'],
  people: ['activity', 'connections', 'exports', 'klaviyo', 'platform', 'runs', 'segments', 'streams'],
  preview: ['connections', 'exports', 'klaviyo', 'runs', 'segments'],
  figures: ['runs', 'segments', 'platform', 'streams'],
  http: ['activity', 'platform'],
};
/** Each with its reason; a new one is a decision. */
const exceptions = new Set([
  // the mapping is the one thing both sides speak of; its type alone, so no code goes up
  'shared/klaviyo/payload.ts -> shared/exports/mapping',
]);

describe('an import', () => {
  const folderOf = (file: string): string | undefined => /^shared\/([^/]+)\//.exec(file)?.[1];

  it.each(Object.entries(allowed))('of shared/%s stays among what it may see', (folder, others) => {
    const mine = app.filter(({ from, to }) => folderOf(from) === folder && isUnder(to, 'shared/', 'functions/'));
    const forbidden = mine.filter(
      ({ to }) => !isUnder(to, ...anyone) && !isUnder(to, ...[folder, ...others].map((other) => `shared/${other}/`)),
    );
    expect(show(forbidden).filter((line) => !exceptions.has(line))).toEqual([]);
  });

  it('of every folder of shared/ is ruled here', () => {
    const folders = new Set(app.flatMap(({ from }) => folderOf(from) ?? []));
    expect([...folders].filter((folder) => !(folder in allowed))).toEqual([]);
  });

  it('that is an exception is one of a type', () => {
    for (const { isType } of app.filter((one) => exceptions.has(show([one])[0]!))) expect(isType).toBe(true);
  });

  it('of a trigger goes to features and shared/http, never to stores, phases or platform parts', () => {
    const forbidden = app.filter(
      ({ from, to, isType }) =>
        from.startsWith('functions/') &&
        !isType &&
        (/-store$|shared\/runs\/phases\//.test(to) ||
          (isUnder(to, 'shared/platform/') && !isUnder(to, 'shared/platform/lifetime', 'shared/platform/provision'))),
    );
    expect(show(forbidden)).toEqual([]);
  });

  it('of @azure/functions is for triggers, shared/http and the lifetime; of other Azure packages for the platform', () => {
    const forbidden = app.filter(({ from, to }) => {
      if (!to.startsWith('@azure/')) return false;
      if (isUnder(from, 'shared/platform/lifetime.ts')) return to !== '@azure/functions';
      if (isUnder(from, 'shared/platform/')) return to === '@azure/functions';
      return !(to === '@azure/functions' && isUnder(from, 'functions/', 'shared/http/'));
    });
    // a store takes a table's client; its type alone, so that nothing but the platform builds or calls one
    expect(show(forbidden.filter(({ to, isType }) => !(to === '@azure/data-tables' && isType)))).toEqual([]);
  });

  it('of an HTTP client is for the Klaviyo client, the Dataverse source and the platform', () => {
    const clients = ['undici', 'node:http', 'node:https', 'node:http2', 'node:net', 'node:tls'];
    const places = ['shared/klaviyo/client.ts', 'shared/segments/dataverse/', 'shared/platform/'];
    expect(show(app.filter(({ from, to }) => clients.includes(to) && !isUnder(from, ...places)))).toEqual([]);
  });

  it('never goes back from a phase to what runs the phases', () => {
    const runners = ['shared/runs/advance', 'shared/runs/runs', 'shared/services'];
    expect(show(app.filter(({ from, to }) => isUnder(from, 'shared/runs/phases/') && runners.includes(to)))).toEqual([]);
    // nor from one phase to another
    expect(show(app.filter(({ from, to }) => isUnder(from, 'shared/runs/phases/') && isUnder(to, 'shared/runs/phases/')))).toEqual([]);
  });

  it('of the parts list is for the entry point; triggers see its type', () => {
    const users = app.filter(({ to }) => to === 'shared/services');
    expect(show(users.filter(({ isType }) => !isType))).toEqual(['functions/index.ts -> shared/services']);
    expect(show(users.filter(({ from }) => !from.startsWith('functions/')))).toEqual([]);
  });

  it('never joins the app and its local cloud: they meet over the wire only', () => {
    expect(show(infra.filter(({ to }) => isUnder(to, 'shared/', 'functions/')))).toEqual([]);
    expect(show(app.filter(({ to }) => isUnder(to, 'infra/', 'test/')))).toEqual([]);
    expect(show(infra.filter(({ to }) => isUnder(to, 'test/')))).toEqual([]);
  });

  it('never joins the stand-ins with one another, so that none agrees with itself', () => {
    const forbidden = infra.filter(
      ({ from, to }) => isUnder(from, 'infra/local/klaviyo/') && isUnder(to, 'infra/') && !isUnder(to, 'infra/local/klaviyo/'),
    );
    expect(show(forbidden.filter(({ from }) => from !== 'infra/local/klaviyo/main.ts'))).toEqual([]);
  });

  it('names the defining file: no path alias, no folder, no barrel', () => {
    const aliases = all.filter(({ to }) => /^(@\/|~|#)|^(shared|functions|infra)$/.test(to));
    expect(show(aliases)).toEqual([]);
    const files = new Set(all.map(({ from }) => from.replace(/\.ts$/, '')));
    const homeless = all.filter(({ to }) => isUnder(to, 'shared/', 'functions/', 'infra/') && !files.has(to));
    const leaves = homeless.filter(({ to }) => {
      try {
        readFileSync(path.join(root, `${to}.ts`));
        return false;
      } catch {
        return true;
      }
    });
    expect(show(leaves)).toEqual([]);
    expect([...files].filter((file) => file.endsWith('/index') && file !== 'functions/index')).toEqual([]);
  });
});

describe('an import of the portal', () => {
  /** What the bundle may hold; a new one costs every visitor and is a decision. */
  const packages = [
    'react',
    'react-dom',
    '@fluentui/react-components',
    '@fluentui/react-icons',
    '@fluentui/react-charts',
    '@tanstack/react-query',
    '@tanstack/react-virtual',
    'wouter',
    'use-intl',
    'zod',
    // behind every schema with a time zone, which takes Windows names, too; with the forms alone, which are loaded by themselves
    'windows-iana',
  ];
  const isLocal = (to: string): boolean => isUnder(to, 'functions/', 'shared/', 'infra/', 'test/');
  /** All that a file's code pulls in, types left out, which the compiler drops. */
  const behind = (file: string, seen = new Set<string>()): Set<string> => {
    for (const { from, to, isType } of app) {
      if (isType || from !== `${file}.ts` || seen.has(to)) continue;
      seen.add(to);
      behind(to, seen);
    }
    return seen;
  };

  it('goes to a package that the bundle may hold, or to a file of the project', () => {
    const known = (to: string): boolean => packages.some((name) => to === name || to.startsWith(`${name}/`));
    expect(show(portal.filter(({ to }) => !isLocal(to) && !known(to)))).toEqual([]);
  });

  it('goes to its own files, and to those of shared/ that a browser can run', () => {
    const outside = portal.filter(({ to, isType }) => isLocal(to) && !isType && !to.startsWith(`${portalFolder}/`));
    const forbidden = outside.filter(({ to }) => {
      if (!to.startsWith('shared/') || !existsSync(path.join(root, `${to}.ts`))) return true;
      return [...behind(to)].some((one) => !isLocal(one) && !packages.includes(one));
    });
    expect(show(forbidden)).toEqual([]);
  });

  it('of a type goes to its own files and to shared/', () => {
    const forbidden = portal.filter(({ to, isType }) => isType && isLocal(to) && !isUnder(to, `${portalFolder}/`, 'shared/'));
    expect(show(forbidden)).toEqual([]);
  });

  it('never joins two pages: what they share is a component', () => {
    const pageOf = (file: string): string | undefined => new RegExp(`^${portalFolder}/pages/([^/.]+)`).exec(file)?.[1];
    const forbidden = portal.filter(({ from, to }) => {
      const page = pageOf(to);
      if (page === undefined || pageOf(from) === page) return false;
      return pageOf(from) !== undefined || from.startsWith(`${portalFolder}/components/`);
    });
    expect(show(forbidden)).toEqual([]);
  });

  it('never leaves the app for the pages: the server knows them as built files only', () => {
    expect(show(all.filter(({ to }) => isUnder(to, `${portalFolder}/`)))).toEqual([]);
  });
});

it('no file passes on what another one exports', () => {
  const passing = [...new Set([...all, ...portal].map(({ from }) => from))].filter((file) =>
    /^export\s+(\*|(type\s+)?\{[^}]*\})\s+from\s/m.test(readFileSync(path.join(root, file), 'utf8')),
  );
  expect(passing).toEqual([]);
});

it('the environment is read by the entry point alone', () => {
  const readers = [...new Set(app.map(({ from }) => from))].filter((file) =>
    /process\.env\b/.test(readFileSync(path.join(root, file), 'utf8').replaceAll(/\/\*[^]*?\*\/|\/\/.*$/gm, '')),
  );
  expect(readers).toEqual(['functions/index.ts']);
});
