import { createRandom, hashText, type Random } from './random';

/** What can be made to go wrong; parameters are optional and have a usual value. */
export type Fault =
  | { readonly kind: 'rate_limited'; readonly retryAfter?: number }
  | { readonly kind: 'error_500' | 'error_503' | 'html_403' | 'html_502' | 'reset_before' | 'reset_after_admission' | 'truncated_json' }
  | { readonly kind: 'slow_body'; readonly ms?: number }
  | { readonly kind: 'late_admission' | 'job_delay'; readonly ms?: number }
  | { readonly kind: 'job_stuck' | 'job_cancelled'; readonly afterRows?: number }
  | {
      readonly kind: 'row_errors';
      readonly probability?: number;
      readonly seed?: number;
      readonly emails?: readonly string[];
      readonly payloadNull?: boolean;
    }
  | { readonly kind: 'key_revoked' | 'plan_limit' | 'filter_ignored' | 'unsupported_encoding' }
  | { readonly kind: 'list_deleted'; readonly listId?: string }
  | { readonly kind: 'strangers_in_page'; readonly strangers?: number }
  | { readonly kind: 'revision_fell_forward'; readonly revision?: string }
  | { readonly kind: 'person_left'; readonly email: string; readonly listId?: string }
  | { readonly kind: 'gzip_bomb'; readonly bytes?: number }
  | { readonly kind: 'bad_row_admission'; readonly emails?: readonly string[]; readonly indexes?: readonly number[] };

export const FAULT_KINDS: readonly Fault['kind'][] = [
  ...(['rate_limited', 'error_500', 'error_503', 'html_403', 'html_502', 'reset_before', 'reset_after_admission', 'slow_body'] as const),
  ...([
    'truncated_json',
    'job_stuck',
    'job_cancelled',
    'row_errors',
    'key_revoked',
    'list_deleted',
    'plan_limit',
    'late_admission',
  ] as const),
  ...(['job_delay', 'filter_ignored', 'strangers_in_page', 'revision_fell_forward', 'person_left', 'gzip_bomb'] as const),
  ...(['bad_row_admission', 'unsupported_encoding'] as const),
];

/** One line of the fault plan: which calls, how often, and what. */
export type FaultRule = {
  /** `POST /api/profile-bulk-import-jobs` or `*`. */
  readonly endpoint: string;
  /** Only calls of this account. */
  readonly account?: string;
  /** Matching calls that are let through first. */
  readonly after?: number;
  /** How many calls are hit at most; without count and probability: one. */
  readonly count?: number;
  readonly probability?: number;
  readonly seed?: number;
  readonly fault: Fault;
};
type FaultOf<K extends Fault['kind'], F extends Fault = Fault> = F extends Fault ? (K extends F['kind'] ? F : never) : never;
export type FiredFaults = { readonly find: <K extends Fault['kind']>(kind: K) => FaultOf<K> | undefined };

type Armed = { readonly rule: FaultRule; seen: number; hits: number; readonly random: Random };

/** Keeps the fault plan and decides for each call which faults hit it. */
export const createFaultPlan = () => {
  let armed: Armed[] = [];
  return {
    add: (rule: FaultRule): void => {
      const seed = rule.seed ?? hashText(`${rule.endpoint} ${rule.fault.kind}`);
      armed.push({ rule, seen: 0, hits: 0, random: createRandom(seed) });
    },
    clear: (): void => {
      armed = [];
    },
    list: () => armed.map(({ rule, seen, hits }) => ({ ...rule, seen, hits })),
    fire: (endpoint: string, account: string): FiredFaults => {
      const fired: Fault[] = [];
      for (const entry of armed) {
        const { rule } = entry;
        if ((rule.endpoint !== '*' && rule.endpoint !== endpoint) || (rule.account !== undefined && rule.account !== account)) continue;
        entry.seen += 1;
        const most = rule.count ?? (rule.probability === undefined ? 1 : Infinity);
        if (entry.seen <= (rule.after ?? 0) || entry.hits >= most) continue;
        if (rule.probability !== undefined && entry.random() >= rule.probability) continue;
        entry.hits += 1;
        fired.push(rule.fault);
      }
      return { find: ((kind: Fault['kind']) => fired.find((fault) => fault.kind === kind)) as FiredFaults['find'] };
    },
  };
};
export type FaultPlan = ReturnType<typeof createFaultPlan>;
