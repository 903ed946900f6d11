import { seedOfAccount } from './ids';
import { createMembership, type Membership } from './membership';
import { createProfileStore, type ProfileStore } from './profile-store';

export type List = {
  readonly id: string;
  name: string;
  readonly createdAt: number;
  updatedAt: number;
  readonly optIn: 'single_opt_in' | 'double_opt_in';
  readonly members: Membership;
};
export type ImportError = {
  readonly id: string;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly index: number;
  readonly payload: unknown;
};
/** An app that may ask for tokens of its account (4.38). */
export type Client = { readonly id: string; readonly account: string; readonly secret: string; readonly redirects: readonly string[] };
/** What an account has granted to an app, by refresh token. */
export type Grant = {
  readonly client: string;
  readonly scopes: readonly string[];
  usedAt: number;
  /** Access tokens that were made of it, with the instant of their making. */
  readonly access: Map<string, number>;
};
/** How long a job and its errors can be read, in milliseconds: 7 days (observed). */
export const JOB_LIFE_MS = 7 * 86_400_000;
export type JobStatus = 'queued' | 'processing' | 'complete' | 'cancelled';
/** What a fault plan does to a job once it is admitted (4.24). */
export type JobFaults = {
  readonly stuckAfter?: number;
  readonly cancelAfter?: number;
  /** Rows after which the job stands still until an instant. */
  readonly holdAfter?: number;
  readonly holdUntil?: number;
  readonly rowErrors?: {
    readonly probability?: number;
    readonly seed?: number;
    readonly emails?: readonly string[];
    readonly payloadNull?: boolean;
  };
};
export type Job = {
  readonly id: string;
  readonly number: number;
  readonly createdAt: number;
  readonly readyAt: number;
  readonly total: number;
  readonly lists: readonly string[];
  readonly faults: JobFaults;
  /** Seed of the order of its rows and of its turn among others. */
  readonly order: number;
  status: JobStatus;
  /** Rows taken in hand so far; completed + failed + dropped duplicates. */
  taken: number;
  completed: number;
  startedAt: number | null;
  completedAt: number | null;
  /** The body as it came; dropped when the job has ended. */
  body: Buffer | null;
  readonly encoding: 'identity' | 'gzip';
  readonly errors: ImportError[];
  /** Profile rows in the order they were imported, `completed` of them; 4 bytes each, as a year of rehearsals makes many. */
  profiles: Int32Array;
};
export type Account = {
  readonly id: string;
  readonly keys: Map<string, ReadonlySet<string>>;
  readonly lists: Map<string, List>;
  readonly profiles: ProfileStore;
  readonly jobs: Map<string, Job>;
  /** Jobs that have not ended, oldest first. */
  readonly open: Job[];
  /** Instant up to which this account's jobs have been processed. */
  clock: number;
  /** When a job was last taken in hand. */
  startedAt: number;
  jobCount: number;
  turn: number;
};
export type State = {
  readonly accounts: Map<string, Account>;
  readonly accountOfKey: Map<string, Account>;
  readonly clients: Map<string, Client>;
  readonly grants: Map<string, Grant>;
  /** Refresh token by access token. */
  readonly grantOfAccess: Map<string, string>;
};

/** An empty sandbox. */
export const createState = (): State => ({
  accounts: new Map(),
  accountOfKey: new Map(),
  clients: new Map(),
  grants: new Map(),
  grantOfAccess: new Map(),
});

/** An account without keys, lists or profiles. */
export const createAccount = (id: string): Account => ({
  id,
  keys: new Map(),
  lists: new Map(),
  profiles: createProfileStore(seedOfAccount(id)),
  jobs: new Map(),
  open: [],
  clock: 0,
  startedAt: 0,
  jobCount: 0,
  turn: 0,
});

/** An empty list. */
export const createList = (id: string, name: string, atMs: number, optIn: List['optIn'] = 'single_opt_in'): List => ({
  id,
  name,
  createdAt: atMs,
  updatedAt: atMs,
  optIn,
  members: createMembership(),
});
