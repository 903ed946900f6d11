import type { ApiCall, createCaller } from './api';
import { aConnection, anExport } from './api';
import type { Seeded } from './seeded-tables';

type Call = ReturnType<typeof createCaller>['call'];
export type Asked = readonly [method: string, target: string, options?: ApiCall];

export interface Scene extends Seeded {
  readonly call: Call;
  /** of the seeded exports */
  readonly connectionId: string;
  /** counts up: what was not used before */
  next(): number;
}

/** What one route may cost, and how it is called. */
export interface RouteCost {
  readonly operation: string;
  /** storage calls of the app, at most; reads 3, writes 5 unless `because` says otherwise */
  readonly atMost: number;
  readonly because?: string;
  /** of several at once only one can succeed: they change the same thing by version */
  readonly exclusive?: true;
  /** makes what the call needs, then says the call; not counted itself */
  readonly ask: (scene: Scene) => Asked | Promise<Asked>;
}

const READ = 3;
const WRITE = 5;

const etagOf = async ({ call }: Scene, target: string): Promise<string> => (await call('GET', target)).headers.get('etag')!;
const one = <T>(list: readonly T[], { next }: Scene): T => list[next() % list.length]!;
const anyExport = (scene: Scene): string => one(scene.exportIds, scene);

const made = async ({ call }: Scene, target: string, body: unknown): Promise<string> => {
  const { status, json, text } = await call('POST', target, { body });
  if (status !== 201 && status !== 202) throw new Error(`POST ${target} answered ${status}: ${text}`);
  return String(json.id);
};
const newExport = (scene: Scene) => anExport({ name: `Made ${scene.next()}`, connectionId: scene.connectionId, schedule: { kind: 'off' } });
const makeExport = (scene: Scene) => made(scene, '/api/exports', newExport(scene));
const makeConnection = (scene: Scene) => made(scene, '/api/connections', aConnection());
const makeRun = (scene: Scene) => made(scene, `/api/exports/${anyExport(scene)}/run`, {});

const read = (operation: string, ask: RouteCost['ask'], more: Partial<RouteCost> = {}): RouteCost => ({
  operation,
  atMost: READ,
  ask,
  ...more,
});
const write = (operation: string, ask: RouteCost['ask'], more: Partial<RouteCost> = {}): RouteCost => ({
  operation,
  atMost: WRITE,
  ask,
  ...more,
});

const exclusive = { exclusive: true } as const;

/** Every route that is counted and timed, reads first. */
export const routeCosts: readonly RouteCost[] = [
  read('getMe', () => ['GET', '/api/me']),
  read('getHealth', () => ['GET', '/api/health']),
  read('listConnections', () => ['GET', '/api/connections']),
  read('getConnection', ({ connectionId }) => ['GET', `/api/connections/${connectionId}`]),
  read('listKlaviyoLists', ({ connectionId }) => ['GET', `/api/connections/${connectionId}/lists`]),
  read('listExports', () => ['GET', '/api/exports']),
  read('getExport', (scene) => ['GET', `/api/exports/${anyExport(scene)}`]),
  read('listRunsOfExport', (scene) => ['GET', `/api/exports/${anyExport(scene)}/runs`]),
  read('listRuns', () => ['GET', '/api/runs']),
  read('getRun', (scene) => ['GET', `/api/runs/${one(scene.runIds.slice(0, 50), scene)}`]),
  read('listRunJobs', (scene) => ['GET', `/api/runs/${one(scene.runIds.slice(0, 50), scene)}/jobs`]),
  read('listSegments', () => ['GET', '/api/segments']),
  read('getSegment', () => ['GET', '/api/segments/Loyal']),
  read('getSystemSchedule', () => ['GET', '/api/settings/schedule']),
  read('getLimits', () => ['GET', '/api/settings/limits']),

  write('createConnection', () => ['POST', '/api/connections', { body: aConnection() }]),
  write(
    'updateConnection',
    async (scene) => {
      const target = `/api/connections/${scene.connectionId}`;
      return ['PATCH', target, { ifMatch: await etagOf(scene, target), body: { displayName: `Renamed ${scene.next()}` } }];
    },
    exclusive,
  ),
  write('testConnection', ({ connectionId }) => ['POST', `/api/connections/${connectionId}/test`]),
  write('removeConnection', async (scene) => ['DELETE', `/api/connections/${await makeConnection(scene)}`, { ifMatch: '*' }]),
  write('createExport', (scene) => ['POST', '/api/exports', { body: newExport(scene) }]),
  write('updateExport', async (scene) => {
    const target = `/api/exports/${anyExport(scene)}`;
    return ['PATCH', target, { ifMatch: await etagOf(scene, target), body: { canaryRows: scene.next() % 1_000 } }];
  }),
  write('removeExport', async (scene) => ['DELETE', `/api/exports/${await makeExport(scene)}`, { ifMatch: '*' }]),
  write('runExport', (scene) => ['POST', `/api/exports/${anyExport(scene)}/run`, { body: {} }]),
  write('cancelRun', async (scene) => ['POST', `/api/runs/${await makeRun(scene)}/cancel`]),
  write(
    'setSystemSchedule',
    async (scene) => {
      const target = '/api/settings/schedule';
      const times = [`0${scene.next() % 10}:15`];
      return ['PUT', target, { ifMatch: await etagOf(scene, target), body: { active: false, times, timeZone: 'Europe/Paris' } }];
    },
    exclusive,
  ),
  write(
    'setLimits',
    async (scene) => {
      const target = '/api/settings/limits';
      return ['PUT', target, { ifMatch: await etagOf(scene, target), body: { reportDays: 30 + (scene.next() % 30) } }];
    },
    exclusive,
  ),
];
