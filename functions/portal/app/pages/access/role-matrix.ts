/** Whom the matrix has a column for; what a contributor may do depends on the export's connection. */
export const COLUMNS = ['Administrator', 'shared', 'notShared', 'Viewer'] as const;
export type MatrixColumn = (typeof COLUMNS)[number];

export interface MatrixRow {
  readonly id: string;
  readonly allowed: Readonly<Record<MatrixColumn, boolean>>;
  /** the API's operations that it stands for: a test holds it against what each of them answers */
  readonly operations: readonly string[];
  /** the row is about exports without a connection */
  readonly detached?: true;
}

const everybody = { Administrator: true, shared: true, notShared: true, Viewer: true };
const editors = { Administrator: true, shared: true, notShared: false, Viewer: false };
const contributors = { Administrator: true, shared: true, notShared: true, Viewer: false };
const administrators = { Administrator: true, shared: false, notShared: false, Viewer: false };

/** Who may do what, as the API does it. */
export const roleMatrix = [
  {
    id: 'see',
    allowed: everybody,
    operations: [
      'listExports',
      'getExport',
      'listRuns',
      'getRun',
      'listRunJobs',
      'listSegments',
      'getSystemSchedule',
      'getLimits',
      'getNotificationSettings',
      'listNotifications',
      'nextRuns',
    ],
  },
  {
    id: 'edit',
    allowed: editors,
    operations: ['createExport', 'updateExport', 'duplicateExport', 'setExportSchedule', 'removeExport', 'detachExport'],
  },
  { id: 'run', allowed: editors, operations: ['runExport', 'pauseExport', 'resumeExport', 'cancelRun', 'retryRejected'] },
  { id: 'removals', allowed: editors, operations: ['approveRemovals', 'dismissRemovals'] },
  { id: 'rows', allowed: editors, operations: ['readRunRows'] },
  { id: 'overlap', allowed: contributors, operations: ['overlapSegments'] },
  { id: 'useConnection', allowed: editors, operations: ['getConnection', 'listKlaviyoLists'] },
  { id: 'detached', allowed: administrators, operations: ['updateExport', 'removeExport', 'pauseExport'], detached: true },
  {
    id: 'connections',
    allowed: administrators,
    operations: ['createConnection', 'updateConnection', 'testConnection', 'removeConnection'],
  },
  {
    id: 'settings',
    allowed: administrators,
    operations: ['setSystemSchedule', 'setLimits', 'setNotificationSettings', 'getConfiguration', 'setConfiguration'],
  },
  { id: 'activity', allowed: administrators, operations: ['listActivity', 'downloadActivity'] },
  { id: 'people', allowed: administrators, operations: ['tracePerson', 'erasePerson', 'getErasure'] },
] as const satisfies readonly MatrixRow[];
