/** What the bench and its programs tell each other: a task as JSON in BENCH_TASK, the outcome as the last line of stdout that begins with `bench `. */

export interface SegmentToWrite {
  readonly name: string;
  readonly rows: number;
  readonly partitions?: number;
  /** a multiple of 100 */
  readonly firstPerson?: number;
}

export interface DataTask {
  readonly connectionString: string;
  readonly container: string;
  /** also written here, as files, for those who read files */
  readonly folder?: string;
  readonly segments: readonly SegmentToWrite[];
  readonly generation: number;
  readonly refreshedAt: string;
}

export interface ApiTask {
  readonly settings: Readonly<Record<string, string>>;
  readonly exports: number;
  readonly runsPerExport: number;
  /** calls of each route one after the other … */
  readonly serial: number;
  /** … and at once, by fifty callers */
  readonly concurrent: number;
  /** operations; all when left out */
  readonly only?: readonly string[];
}

/** Milliseconds. */
interface Spread {
  readonly p50: number;
  readonly p99: number;
}

export interface RouteReport {
  readonly operation: string;
  readonly atMost: number;
  readonly because?: string;
  readonly storageCalls: { readonly min: number; readonly max: number };
  readonly alone: { readonly total: Spread; readonly own: Spread; readonly cpu: Spread };
  /** absent for calls of which only one can succeed */
  readonly together?: { readonly total: Spread; readonly own: Spread };
}

export interface ApiReport {
  readonly routes: readonly RouteReport[];
  readonly seedMs: number;
  readonly rssMb: number;
}

/** Of the sample's manifest, by segment. */
export type Truth = Readonly<
  Record<
    string,
    {
      readonly rows: number;
      readonly invalid: number;
      readonly duplicates: number;
      readonly distinctValid: number;
      readonly joiners: number;
      readonly changed: number;
      readonly leavers: number;
    }
  >
>;

export interface OursTask {
  /** settings of the app */
  readonly settings: Readonly<Record<string, string>>;
  /** an export of an earlier process … */
  readonly exportId?: string;
  /** … or the segments of new ones, an export each; they run together */
  readonly create?: { readonly segments: readonly string[]; readonly membership: 'add' | 'mirror' };
  /** how often it runs in this process; the last one is measured */
  readonly times?: number;
  readonly dryRun?: boolean;
  readonly full?: boolean;
  /** our own pace is lifted, too: the sink has no limits */
  readonly liftLimits?: boolean;
}

export interface PhaseUse {
  readonly wallMs: number;
  readonly cpuMs: number;
}

export interface OursReport {
  readonly exportId: string;
  readonly state: string;
  readonly error?: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly plan: Readonly<Partial<Record<string, number | boolean>>>;
  readonly jobs: number;
  readonly throttled: number;
  /** from the first invocation to the end … */
  readonly wallMs: number;
  /** … and from the request, which is a few messages earlier */
  readonly sinceRequestMs: number;
  readonly phases: Readonly<Record<string, PhaseUse>>;
  /** from the start of the invocation */
  readonly firstJobMs?: number;
  /** event-loop delay during prepare and submit */
  readonly lagP99Ms: number;
  readonly lagMaxMs: number;
  readonly rssMb: number;
  /** of each invocation */
  readonly invocationsMs: readonly number[];
  /** of the bodies, as sent */
  readonly bodyBytes: number;
  readonly calls: {
    readonly read: number;
    readonly write: number;
    readonly list: number;
    readonly remove: number;
    readonly klaviyo: number;
  };
}

export interface PeerTask {
  /** CSV files, in order */
  readonly files: readonly string[];
  readonly url?: string;
}

export interface PeerReport {
  readonly rows: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly rssMb: number;
}

/** Where rows are read from, to be mapped and thrown away. */
export type SourceTask =
  | { readonly kind: 'files'; readonly files: readonly string[] }
  | { readonly kind: 'container'; readonly connectionString: string; readonly container: string; readonly segment: string }
  | { readonly kind: 'dataverse'; readonly url: string; readonly segment: string };

export interface ColdStartTask {
  readonly appDir: string;
}

/** From the moment when the app begins to be loaded. */
export interface ColdStartReport {
  /** all files of the app have run, every function is registered */
  readonly loaded: PhaseUse;
  /** the first HTTP request is answered, the app's own start-up before it included */
  readonly answered: PhaseUse;
  /** a queue message after that is worked through */
  readonly worked: PhaseUse;
  readonly rssMb: number;
  /** how many files were loaded */
  readonly files: number;
}

/** What arrived at the sink. */
export interface Landed {
  readonly jobs: number;
  readonly rows: number;
  /** distinct addresses, case aside */
  readonly distinct: number;
  readonly wireBytes: number;
  /** calls answered 429 */
  readonly throttled: number;
}

export const task = <T>(): T => JSON.parse(process.env.BENCH_TASK ?? '{}') as T;

export const report = (outcome: object): void => {
  process.stdout.write(`\nbench ${JSON.stringify(outcome)}\n`);
};
