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

const settingOf = async (scene: Scene, target: string, body: object): Promise<Asked> => [
  'PUT',
  target,
  { ifMatch: await etagOf(scene, target), body },
];

/** Every route that is counted and timed, reads first. */
export const routeCosts: readonly RouteCost[] = [
  read('getMe', () => ['GET', '/api/me']),
  read('getHealth', () => ['GET', '/api/health']),
  read('getOpenApi', () => ['GET', '/api/openapi.json']),
  read('getDocs', () => ['GET', '/api/docs']),
  read('getDocsFile', () => ['GET', '/api/docs/start.js']),
  read('getConsent', () => ['GET', '/api/consent']),
  read('listConnections', () => ['GET', '/api/connections']),
  read('getConnection', ({ connectionId }) => ['GET', `/api/connections/${connectionId}`]),
  read('listKlaviyoLists', ({ connectionId }) => ['GET', `/api/connections/${connectionId}/lists`]),
  read('listExports', () => ['GET', '/api/exports'], {
    atMost: 4,
    because:
      'what has changed of exports, runs and connections; and the system refresh, which says when the exports that follow it run next',
  }),
  read('getExport', (scene) => ['GET', `/api/exports/${anyExport(scene)}`]),
  read('listRunsOfExport', (scene) => ['GET', `/api/exports/${anyExport(scene)}/runs`]),
  read('listRuns', () => ['GET', '/api/runs']),
  read('getRun', (scene) => ['GET', `/api/runs/${one(scene.runIds.slice(0, 50), scene)}`]),
  read('listRunJobs', (scene) => ['GET', `/api/runs/${one(scene.runIds.slice(0, 50), scene)}/jobs`]),
  read('listSegments', () => ['GET', '/api/segments']),
  read('getSegment', () => ['GET', '/api/segments/Loyal?email=EMail']),
  read('getSystemSchedule', () => ['GET', '/api/settings/schedule']),
  read('getLimits', () => ['GET', '/api/settings/limits']),
  read('getNotificationSettings', () => ['GET', '/api/settings/notifications']),
  read('listNotifications', () => ['GET', '/api/notifications']),
  read('listActivity', () => ['GET', '/api/activity']),
  read('getConfiguration', () => ['GET', '/api/configuration'], {
    because: 'it is the whole: with a thousand exports half a megabyte is made, held against the contract and written as text',
  }),
  // POSTs that store nothing
  read('nextRuns', (scene) => ['POST', '/api/schedules/next', { body: { exportId: anyExport(scene) } }]),
  read('duplicateExport', (scene) => ['POST', `/api/exports/${anyExport(scene)}/duplicate`]),
  read('overlapSegments', () => ['POST', '/api/segments/overlap', { body: { segments: ['Loyal', 'NewCustomers'], email: 'EMail' } }]),

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
  write('createExport', (scene) => ['POST', '/api/exports', { body: newExport(scene) }], {
    atMost: 6,
    because:
      'where its segments have been counted, the sixth reads the limit that its warning is about; the connection is read again after the insertion, as it may be removed at that moment',
  }),
  write('previewExport', ({ connectionId }) => [
    'POST',
    '/api/exports/preview',
    { body: { connectionId, segments: ['Loyal'], mapping: { email: 'EMail' } } },
  ]),
  write('updateExport', async (scene) => {
    const target = `/api/exports/${anyExport(scene)}`;
    return ['PATCH', target, { ifMatch: await etagOf(scene, target), body: { canaryRows: scene.next() % 1_000 } }];
  }),
  write('pauseExport', async (scene) => ['POST', `/api/exports/${await makeExport(scene)}/pause`]),
  write('resumeExport', async (scene) => {
    const target = `/api/exports/${await makeExport(scene)}`;
    await scene.call('POST', `${target}/pause`);
    return ['POST', `${target}/resume`];
  }),
  write('detachExport', async (scene) => ['POST', `/api/exports/${await makeExport(scene)}/detach`]),
  write('removeExport', async (scene) => ['DELETE', `/api/exports/${await makeExport(scene)}`, { ifMatch: '*' }], {
    atMost: 12,
    because:
      'the row goes with four calls and the log; the rest clears history, state and requests of the export at once, more with a longer history',
  }),
  write('setExportSchedule', async (scene) => {
    const target = `/api/exports/${anyExport(scene)}`;
    const body = { kind: 'custom', times: [`0${scene.next() % 10}:15`], timeZone: 'Europe/Paris' };
    return ['PUT', `${target}/schedule`, { ifMatch: await etagOf(scene, target), body }];
  }),
  write('runExport', (scene) => ['POST', `/api/exports/${anyExport(scene)}/run`, { body: {} }], {
    atMost: 10,
    because:
      'export, connection, limits and the runner’s row are read; claim, document, row and message are written one by one in this order, so that a crash between any two is completed; then the export is looked for again, as it may be removed at that moment; and the log',
  }),
  write('cancelRun', async (scene) => ['POST', `/api/runs/${await makeRun(scene)}/cancel`], {
    atMost: 6,
    because:
      'run, export and connection are read to know who may; the request to stop, the message that brings it sooner, and the log are written',
  }),
  write(
    'setSystemSchedule',
    (scene) => settingOf(scene, '/api/settings/schedule', { active: false, times: [`0${scene.next() % 10}:15`], timeZone: 'Europe/Paris' }),
    exclusive,
  ),
  write('setLimits', (scene) => settingOf(scene, '/api/settings/limits', { reportDays: 30 + (scene.next() % 30) }), exclusive),
  write(
    'setNotificationSettings',
    (scene) => settingOf(scene, '/api/settings/notifications', { lateMinutes: 5 + (scene.next() % 60) }),
    exclusive,
  ),
  // many things by one call: so much for the call, and so much for each
  write('detachExports', async (scene) => ['POST', '/api/exports/detach', { body: { exportIds: [await makeExport(scene)] } }], {
    atMost: 7,
    because: 'three queries and the log for the call, three calls for each export',
  }),
  write('setSchedules', (scene) => {
    const schedule = { kind: 'custom', times: [`1${scene.next() % 10}:15`], timeZone: 'Europe/Paris' };
    return ['PUT', '/api/exports/schedules', { body: { mode: 'set', exportIds: [anyExport(scene)], schedule } }];
  }),
];

/** Routes that are neither counted nor timed here, and why. */
export const notCounted: Readonly<Record<string, string>> = {
  testNotificationChannel: 'it waits for the receiver of a channel',
  approveRemovals: 'it needs a run that holds removals, and reads the source before it starts another one',
  dismissRemovals: 'it needs a run that holds removals',
  retryRejected: 'it needs a run with rejected rows',
  readRunRows: 'a download: one call for each block of the report',
  lookAtRunRows: 'it reads the report until it has found enough: one call for each block',
  downloadActivity: 'a download: one call for each thousand entries',
  tracePerson: 'it looks through the state and the reports of every export',
  erasePerson: 'it begins work that goes through the state and the reports of every export',
  getErasure: 'it needs such a work',
  runAllExports: 'it starts a run of every export that has an active schedule: the calls of one start for each',
  setConfiguration:
    'it does what the single routes do, for all that differs; test/integration/configuration.test.ts counts a put that changes nothing',
};
