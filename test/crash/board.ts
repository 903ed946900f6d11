import type { Flavour, Kill, Stage } from './plan';
import { STAGES } from './plan';
import type { Random } from './random';
import type { WireCall, Witness } from './proxy';

/** The parts of run.json that are read here. */
export interface SeenDocument {
  readonly run: {
    readonly id: string;
    readonly exportId: string;
    readonly state: string;
    readonly phase: Stage;
    readonly trigger: { readonly kind: string };
    readonly counts: Readonly<Record<string, number>>;
    readonly segments: readonly { readonly read: number }[];
    readonly invalidByReason: Readonly<Record<string, number>>;
    readonly warnings: readonly { readonly code: string; readonly message: string }[];
    readonly heldState?: string;
    readonly error?: { readonly code: string; readonly message: string };
  };
  readonly remove?: { readonly leavers: number; readonly held: boolean };
  readonly starts: number;
  readonly wakeAt?: string;
  readonly staged?: { readonly batches: readonly { readonly postedAt?: string; readonly jobs: readonly { readonly id: string }[] }[] };
}

export interface SeenRun {
  readonly id: string;
  /** on which it was seen first */
  readonly day: number;
  document?: SeenDocument;
  kills: number;
  /** kills while batches were posted */
  postingKills: number;
  /** when its runner died, until another one follows */
  diedAt?: { readonly at: number; readonly stage: Stage };
  /** jobs that Klaviyo made for it */
  jobsMade: number;
}

interface Slice {
  readonly runId: string;
  stage: Stage;
  calls: number;
  klaviyoCalls: number;
  bound?: Kill;
  released?: boolean;
}

export interface Death {
  readonly kill: Kill;
  readonly app: string;
  readonly runId: string;
  readonly call: string;
}

/** Shares of the chances at which a waiting kill is tried: what every run passes is hit less often, so that no run dies at its first step. */
const CHANCE: Readonly<Record<Stage, number>> = {
  claim: 0.5,
  prepare: 0.3,
  gate: 0.35,
  canary: 0.8,
  submit: 0.6,
  settle: 0.4,
  remove: 0.9,
  verify: 0.4,
  finish: 0.4,
  handover: 0.2,
  ended: 0.3,
};
/** With so few left, each is taken where it can be had. */
const LAST_KILLS = 8;

/** Everything that the app may ask of Klaviyo: nothing here subscribes, unsubscribes, suppresses or deletes a person. */
const ALLOWED = [
  /^GET \/api\/accounts\b/,
  /^GET \/api\/lists(\/[^/?]+(\/profiles|\/relationships\/profiles)?)?(\?|$)/,
  /^GET \/api\/profiles(\?|$)/,
  /^POST \/api\/profile-bulk-import-jobs$/,
  /^GET \/api\/profile-bulk-import-jobs(\/[^/?]+(\/import-errors)?)?(\?|$)/,
  /^DELETE \/api\/lists\/[^/?]+\/relationships\/profiles$/,
];

const RUN_DOCUMENT = /\/runs\/(run_[0-9a-z]+)\/run\.json(\?|$)/;
const hasEnded = (state: string): boolean => state !== 'queued' && state !== 'refreshing';

/** What the harness knows of the runs from what goes over the wire, and which kills wait for their moment. */
export const createBoard = ({
  kills,
  random,
  maxKillsPerRun,
  today,
  onRemoval,
  problem,
}: {
  kills: readonly Kill[];
  random: Random;
  maxKillsPerRun: number;
  today: () => number;
  /** awaited before a removal is passed on */
  onRemoval: (removal: { listId: string; profileIds: readonly string[]; runId: string | undefined }) => Promise<void>;
  problem: (what: string) => void;
}) => {
  const waiting = [...kills];
  let armed: ReadonlySet<Stage> = new Set();
  const runs = new Map<string, SeenRun>();
  const deaths: Death[] = [];
  const standstills: { seconds: number; stage: Stage }[] = [];
  const listeners = new Set<() => void>();
  let klaviyoCalls = 0;

  const runOf = (id: string): SeenRun => {
    const known = runs.get(id);
    if (known) return known;
    const run: SeenRun = { id, day: today(), kills: 0, postingKills: 0, jobsMade: 0 };
    runs.set(id, run);
    return run;
  };
  const changed = (): void => listeners.forEach((listener) => listener());

  /** Takes a waiting kill for a stage that a run is in. */
  const bind = (run: SeenRun, stage: Stage, places: readonly Kill['at'][]): Kill | undefined => {
    if (!armed.has(stage) || run.kills >= maxKillsPerRun) return undefined;
    // the phase is passed by every run; only where somebody is to go is there anything to break
    const { leavers = 0, held = true } = run.document?.remove ?? {};
    if (stage === 'remove' && (leavers === 0 || held)) return undefined;
    const at = waiting.findIndex((kill) => kill.stage === stage && places.includes(kill.at));
    if (at < 0 || (waiting.length > LAST_KILLS && random.next() >= CHANCE[stage])) return undefined;
    return waiting.splice(at, 1)[0];
  };
  /** A kill whose call did not come waits again, for an earlier one. */
  const giveBack = (slice: Slice): void => {
    if (!slice.bound) return;
    const call = Math.max(1, Math.ceil((slice.bound.at === 'klaviyo' ? slice.klaviyoCalls : slice.calls) / 2));
    waiting.unshift({ ...slice.bound, call, ...(slice.stage === 'gate' && slice.calls === 0 ? { at: 'boundary' as const } : {}) });
    delete slice.bound;
  };
  const enter = (slice: Slice, stage: Stage): void => {
    giveBack(slice);
    slice.stage = stage;
    slice.calls = 0;
    slice.klaviyoCalls = 0;
    slice.bound = bind(runOf(slice.runId), stage, ['call', 'klaviyo']);
  };

  /** The witness of one process. @param kill ends it, with SIGKILL and at once */
  const witnessOf = (app: string, kill: () => void): Witness & { died: () => void } => {
    let slice: Slice | undefined;
    /** a lease that has been asked for, by run */
    let claiming: Slice | undefined;
    /** whose import a call is: its answer may come when the process is dead */
    const importOf = new WeakMap<WireCall, string>();

    const isClaim = ({ method, url, headers }: WireCall): string | undefined =>
      method === 'PUT' && url.includes('comp=lease') && headers['x-ms-lease-action'] === 'acquire'
        ? RUN_DOCUMENT.exec(url)?.[1]
        : undefined;
    const isRelease = ({ method, url, headers }: WireCall): boolean =>
      method === 'PUT' && url.includes('comp=lease') && headers['x-ms-lease-action'] === 'release' && RUN_DOCUMENT.test(url);
    const savedBy = ({ service, method, url, body }: WireCall): SeenDocument | undefined =>
      service === 'blob' && method === 'PUT' && !url.includes('comp=') && RUN_DOCUMENT.test(url)
        ? (JSON.parse(body.toString('utf8')) as SeenDocument)
        : undefined;
    const isMessage = ({ service, method, url }: WireCall): boolean =>
      service === 'queue' && url.includes('/export-runs/messages') && method !== 'GET';
    /** Whether a call is a step of the run: polling for messages, looking for runs that stand still and the like are not. */
    const isStep = (call: WireCall): boolean => {
      const { service, method, url } = call;
      if (service === 'klaviyo') return true;
      if (service === 'queue') return isMessage(call);
      if (service === 'table') return method !== 'GET' && !url.includes('/settings');
      return !(method === 'GET' && RUN_DOCUMENT.test(url));
    };

    const strike = (current: Slice, toKlaviyo: boolean): Kill | undefined => {
      const { bound } = current;
      if (!bound || (bound.at === 'klaviyo' ? !toKlaviyo || current.klaviyoCalls !== bound.call : current.calls !== bound.call))
        return undefined;
      delete current.bound;
      return bound;
    };

    return {
      before: async (call) => {
        if (call.service === 'klaviyo') {
          klaviyoCalls += 1;
          const asked = `${call.method} ${call.url}`;
          if (!ALLOWED.some((allowed) => allowed.test(asked)))
            problem(`a call that is not allowed: ${call.method} ${call.url.split('?')[0]!}`);
          const list = call.method === 'DELETE' ? /^\/api\/lists\/([^/?]+)\//.exec(call.url)?.[1] : undefined;
          if (list) {
            const { data } = JSON.parse(call.body.toString('utf8')) as { data: { id: string }[] };
            // a call that names nobody takes nobody off: so the app finds out what a key may do
            if (data.length > 0) await onRemoval({ listId: list, profileIds: data.map(({ id }) => id), runId: slice?.runId });
          }
        }
        const claimed = isClaim(call);
        if (claimed) {
          end(); // a turn before that lost its lease says nothing
          claiming = { runId: claimed, stage: 'claim', calls: 1, klaviyoCalls: 0, bound: bind(runOf(claimed), 'claim', ['call']) };
          return strike(claiming, false);
        }
        if (!slice) return undefined;
        const saved = savedBy(call);
        if (saved && saved.run.id === slice.runId) {
          const known = runOf(slice.runId);
          const { phase } = saved.run;
          const isNew = known.document !== undefined && known.document.run.phase !== phase;
          if (isNew && phase !== slice.stage) {
            giveBack(slice);
            const boundary = bind(known, phase, ['boundary']);
            if (boundary) {
              slice.stage = phase;
              return boundary;
            }
          }
        }
        if (!isStep(call)) return undefined;
        slice.calls += 1;
        if (call.service === 'klaviyo' && call.method === 'POST') importOf.set(call, slice.runId);
        if (call.service === 'klaviyo') slice.klaviyoCalls += 1;
        return strike(slice, call.service === 'klaviyo');
      },

      after: (call, status) => {
        if (status >= 300) return;
        const claimed = isClaim(call);
        if (claimed) {
          slice = claiming?.runId === claimed ? claiming : { runId: claimed, stage: 'claim', calls: 1, klaviyoCalls: 0 };
          const run = runOf(claimed);
          if (run.diedAt) {
            standstills.push({ seconds: (Date.now() - run.diedAt.at) / 1_000, stage: run.diedAt.stage });
            delete run.diedAt;
          }
          return;
        }
        const saved = savedBy(call);
        if (saved) {
          const run = runOf(saved.run.id);
          run.document = saved;
          if (slice?.runId === run.id) {
            if (hasEnded(saved.run.state)) enter(slice, 'ended');
            else if (saved.wakeAt !== undefined && saved.starts === 0) enter(slice, 'handover');
            else if (saved.run.phase !== slice.stage) enter(slice, saved.run.phase);
          }
          changed();
          return;
        }
        const importer = importOf.get(call);
        if (importer) runOf(importer).jobsMade += 1;
        if (!slice) return;
        if (isRelease(call)) {
          if (slice.stage === 'handover') slice.released = true;
          else end();
        } else if (slice.released && isMessage(call)) end();
      },

      kill: (done, call) => {
        const runId = (slice ?? claiming)?.runId ?? '';
        const run = runOf(runId);
        run.kills += 1;
        if (done.stage === 'submit' || done.stage === 'canary') run.postingKills += 1;
        deaths.push({ kill: done, app, runId, call: `${call.service} ${call.method} ${call.url.split('?')[0]!}` });
        kill();
      },

      died: () => {
        const current = slice ?? claiming;
        if (current) {
          giveBack(current);
          const run = runOf(current.runId);
          if (!(run.document && hasEnded(run.document.run.state))) run.diedAt ??= { at: Date.now(), stage: current.stage };
        }
        slice = undefined;
        claiming = undefined;
      },
    };

    function end(): void {
      if (slice) giveBack(slice);
      slice = undefined;
      claiming = undefined;
    }
  };

  return {
    witnessOf,
    /** From now on runs may be hit in these stages. */
    arm: (stages: readonly Stage[]): void => {
      armed = new Set(stages);
    },
    runOf,
    runs: (): readonly SeenRun[] => [...runs.values()],
    deaths: (): readonly Death[] => deaths,
    standstills: (): readonly { seconds: number; stage: Stage }[] => standstills,
    left: (): number => kills.length - deaths.length,
    waiting: (): readonly Kill[] => waiting,
    klaviyoCalls: (): number => klaviyoCalls,
    hits: (): Record<string, Record<Flavour, number>> => {
      const hits: Record<string, Record<Flavour, number>> = {};
      for (const stage of STAGES) hits[stage] = { before: 0, middle: 0, lost: 0 };
      for (const { kill } of deaths) hits[kill.stage]![kill.flavour] += 1;
      return hits;
    },

    /** Resolves with what `look` finds, once it finds something after a run has changed. */
    when: <T>(look: () => T | undefined, { signal }: { signal: AbortSignal }): Promise<T> =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const found = look();
          if (found === undefined && !signal.aborted) return;
          listeners.delete(check);
          if (found === undefined) reject(signal.reason as Error);
          else resolve(found);
        };
        listeners.add(check);
        signal.addEventListener('abort', check, { once: true });
        check();
      }),
  };
};

export type Board = ReturnType<typeof createBoard>;
