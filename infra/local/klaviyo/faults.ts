import { ENDPOINTS } from './endpoints';
import { createRandom, hashText, type Random } from './random';

/** What can be made to go wrong; parameters are optional and have a usual value. */
export type Fault =
  | { readonly kind: 'rate_limited'; readonly retryAfter?: number }
  | { readonly kind: 'error_500' | 'error_503' | 'html_403' | 'html_502' | 'reset_before' | 'reset_after_admission' | 'truncated_json' }
  | { readonly kind: 'slow_body'; readonly ms?: number }
  | { readonly kind: 'late_admission' | 'job_delay'; readonly ms?: number }
  | { readonly kind: 'job_ends_late'; readonly ms?: number; readonly afterRows?: number }
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

type Kind = Fault['kind'];
type Parameter = 'whole' | 'share' | 'text' | 'flag' | 'texts' | 'wholes';

/** Every kind with its parameters and what each of them is. */
const PARAMETERS: Readonly<Record<Kind, Readonly<Record<string, Parameter>>>> = {
  rate_limited: { retryAfter: 'whole' },
  error_500: {},
  error_503: {},
  html_403: {},
  html_502: {},
  reset_before: {},
  reset_after_admission: {},
  late_admission: { ms: 'whole' },
  slow_body: { ms: 'whole' },
  truncated_json: {},
  gzip_bomb: { bytes: 'whole' },
  unsupported_encoding: {},
  revision_fell_forward: { revision: 'text' },
  key_revoked: {},
  plan_limit: {},
  list_deleted: { listId: 'text' },
  person_left: { email: 'text', listId: 'text' },
  filter_ignored: {},
  strangers_in_page: { strangers: 'whole' },
  bad_row_admission: { emails: 'texts', indexes: 'wholes' },
  row_errors: { probability: 'share', seed: 'whole', emails: 'texts', payloadNull: 'flag' },
  job_delay: { ms: 'whole' },
  job_ends_late: { ms: 'whole', afterRows: 'whole' },
  job_stuck: { afterRows: 'whole' },
  job_cancelled: { afterRows: 'whole' },
};
const RULE_PARAMETERS: Readonly<Record<string, Parameter>> = {
  ...{ endpoint: 'text', account: 'text', after: 'whole', count: 'whole', probability: 'share', seed: 'whole' },
};
export const FAULT_KINDS = Object.keys(PARAMETERS) as readonly Kind[];

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
type FaultOf<K extends Kind, F extends Fault = Fault> = F extends Fault ? (K extends F['kind'] ? F : never) : never;
export type FiredFaults = { readonly find: <K extends Kind>(kind: K) => FaultOf<K> | undefined };

/** A rule that would never do what was meant; the message says what is wrong with it. */
export class FaultError extends Error {}

const isWhole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const IS: Readonly<Record<Parameter, readonly [string, (value: unknown) => boolean]>> = {
  whole: ['a whole number of at least 0', isWhole],
  share: ['a number from 0 to 1', (value) => typeof value === 'number' && value >= 0 && value <= 1],
  text: ['a text', (value) => typeof value === 'string' && value !== ''],
  flag: ['true or false', (value) => typeof value === 'boolean'],
  texts: ['a list of texts', (value) => Array.isArray(value) && value.every((item) => typeof item === 'string')],
  wholes: ['a list of whole numbers', (value) => Array.isArray(value) && value.every(isWhole)],
};

const checkNames = (what: string, given: object, known: Readonly<Record<string, Parameter>>): void => {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const parameter = known[name];
    if (parameter === undefined) throw new FaultError(`${what} has no "${name}": it takes ${Object.keys(known).join(', ') || 'nothing'}`);
    const [words, fits] = IS[parameter];
    if (!fits(value)) throw new FaultError(`"${name}" of ${what} must be ${words}`);
  }
};

/**
 * Holds a line of the fault plan against what there is: a fault with a slip of the pen would never hit, and its test would prove nothing.
 * @throws FaultError
 */
export const checkRule = (given: unknown): FaultRule => {
  const isRecord = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isRecord(given) || !isRecord(given['fault'])) throw new FaultError('endpoint and fault: {kind} are needed');
  const { fault, ...rule } = given;
  checkNames('a rule', rule, RULE_PARAMETERS);
  const { endpoint } = rule;
  if (endpoint !== '*' && !ENDPOINTS.some(({ method, path }) => `${method} ${path}` === endpoint))
    throw new FaultError(`"endpoint" must be * or one of ${ENDPOINTS.map(({ method, path }) => `${method} ${path}`).join(', ')}`);
  const { kind, ...parameters } = fault;
  if (!FAULT_KINDS.includes(kind as Kind)) throw new FaultError(`"kind" of a fault must be one of ${FAULT_KINDS.join(', ')}`);
  checkNames(kind as Kind, parameters, PARAMETERS[kind as Kind]);
  if (kind === 'person_left' && parameters['email'] === undefined) throw new FaultError('person_left needs the "email" of who leaves');
  return given as unknown as FaultRule;
};

type Armed = { readonly rule: FaultRule; seen: number; hits: number; readonly random: Random };

/** Keeps the fault plan and decides for each call which faults hit it. */
export const createFaultPlan = () => {
  let armed: Armed[] = [];
  return {
    /** @throws FaultError for a rule that could never hit */
    add: (given: FaultRule): void => {
      const rule = checkRule(given);
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
      return { find: ((kind: Kind) => fired.find((fault) => fault.kind === kind)) as FiredFaults['find'] };
    },
  };
};
export type FaultPlan = ReturnType<typeof createFaultPlan>;
