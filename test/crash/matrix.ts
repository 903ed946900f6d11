import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApps } from './apps';
import type { Apps } from './apps';
import { createBoard } from './board';
import type { Board, SeenRun } from './board';
import { KINDS, checkRun, compareList, untouchable } from './checks';
import type { Kind } from './checks';
import { startCloud } from './cloud';
import type { Cloud } from './cloud';
import { refusedPeople } from './people';
import { STAGES, planKills } from './plan';
import type { Flavour } from './plan';
import { createRandom } from './random';
import { lasting, listOfDay, segmentsOf } from './scene';
import type { MatrixExport, MatrixList } from './scene';

const MAX_DAYS = 60;
/** A day that does not end is a run that stands still. */
const DAY_MS = 8 * 60_000;
/** Who dies in its claim is followed only when the timer looks, after a minute: all of these on one day of some. */
const CLAIM_DAYS = 4;
const MAX_RUNS_A_DAY = 8;
/** The platform gives a dead process's message back after ten minutes; here they come back while somebody is looking. */
const QUEUE_LOCK_MS = 120_000;
const PEOPLE = 5_000;
const IMPORTS = 'POST /api/profile-bulk-import-jobs';

export interface MatrixOptions {
  readonly kills: number;
  readonly seed: number;
  readonly apps: number;
  /** how often one run may lose its runner */
  readonly killsPerRun: number;
  /** kills from the first day on, a last day without, and a wait until messages of dead processes have come back and done nothing */
  readonly thorough: boolean;
  readonly root: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface MatrixReport {
  readonly kills: number;
  readonly hits: Readonly<Record<string, Readonly<Record<Flavour, number>>>>;
  readonly runs: number;
  readonly days: number;
  readonly lost: number;
  readonly wronglyRemoved: number;
  readonly leftBehind: number;
  readonly sumsBroken: number;
  readonly other: number;
  readonly standstillMedianS: number;
  readonly standstillWorstS: number;
  readonly seed: number;
}

interface LiveExport {
  readonly id: string;
  readonly list: MatrixList;
  readonly plan: MatrixExport;
}

const hasEnded = (state: string): boolean => state !== 'queued' && state !== 'refreshing';
const mappingOn = ({ remapped = false }: MatrixExport, day: number) => ({
  email: 'EMail',
  firstName: 'FirstName',
  properties: [{ field: 'Notes', name: remapped ? `notes_${day % 2}` : 'notes' }],
});

const round = (seconds: number): number => Math.round(seconds * 10) / 10;

/**
 * Several processes of the app work side by side on many exports, day after day, and are killed at planned places; after each day the
 * lists are held against the truth. @throws Error when a day does not end
 */
export const runMatrix = async (options: MatrixOptions): Promise<MatrixReport> => {
  const { kills, seed, root, say, signal } = options;
  const folder = mkdtempSync(path.join(tmpdir(), 'crash-matrix-'));
  const closers: (() => Promise<unknown>)[] = [];
  const problems: { kind: Kind; day: number; what: string; count: number }[] = [];
  let today = 0;
  const report = (kind: Kind, what: string, count = 1): void => {
    problems.push({ kind, day: today, what, count });
    say(`day ${today}: ${kind}: ${what}`);
  };
  const startedAt = Date.now();
  let board: Board | undefined;
  let isGood = false;
  try {
    const cloud = await startCloud(root, path.join(folder, 'azurite'));
    closers.push(cloud.close);
    /** addresses by Klaviyo's id, and the lists of today */
    const emails = new Map<string, string>();
    const lists = new Map<string, MatrixList>();
    const living: LiveExport[] = [];
    const look = async (list: MatrixList): Promise<Map<string, string>> => {
      const members = await cloud.members(list.account, list.id);
      for (const [id, email] of members) emails.set(id, email);
      return members;
    };
    board = createBoard({
      kills: planKills(kills, seed),
      today: () => today,
      random: createRandom(seed ^ 0x5eed),
      maxKillsPerRun: options.killsPerRun,
      problem: (what) => report('other', what),
      onRemoval: async ({ listId, profileIds, runId }) => {
        const list = lists.get(listId);
        const byExport = (exportId: string | undefined) => living.find(({ id }) => id === exportId)?.plan;
        const remover = byExport(runId === undefined ? undefined : board!.runOf(runId).document?.run.exportId);
        if (!list || !remover) return report('other', `people are removed from ${listId} by nobody we know`);
        await look(list);
        /** its run of today has been let through the gate: a plan that still waits there is posted after this removal */
        const isBringing = (one: MatrixExport): boolean =>
          board!
            .runs()
            .filter(({ day, document }) => day === today && byExport(document?.run.exportId) === one)
            .some(({ document }) => document?.staged?.batches.some(({ postedAt }) => postedAt !== undefined));
        const kept = untouchable(list, today, { remover, isBringing });
        const wrong = profileIds.map((id) => emails.get(id) ?? `unknown ${id}`).filter((one) => kept.has(one) || one.startsWith('unknown'));
        if (wrong.length > 0) report('wronglyRemoved', `${listId} by ${remover.name}: ${wrong.length}, e.g. ${wrong[0]!}`, wrong.length);
      },
    });
    const apps = await startApps({
      count: options.apps,
      targets: cloud.targets,
      board,
      settings: cloud.settings,
      appDir: root,
      queueLockMs: QUEUE_LOCK_MS,
      onLog: (app, line) => appendFileSync(path.join(folder, `${app}.log`), `${new Date().toISOString()} ${line}\n`),
      problem: (what) => report('other', what),
      signal,
    });
    closers.push(apps.close);

    const makeExport = await connect({ cloud, apps });
    for (today = 1; today <= MAX_DAYS; today += 1) {
      const fresh = listOfDay(today);
      const begun = Date.now();
      await cloud.writeDay(segmentsOf([...lasting, fresh]), today);
      for (const list of today === 1 ? [...lasting, fresh] : [fresh]) {
        lists.set(list.id, list);
        for (const plan of list.exports) living.push({ id: await makeExport(list, plan), list, plan });
      }
      const exports = living.filter(({ list }) => list === fresh || lasting.includes(list));
      await remap(apps, exports, today);
      const isQuiet = board.left() === 0;
      // in a short one the first day only fills the lists, as nobody leaves on it
      board.arm(
        isQuiet || (today === 1 && !options.thorough) ? [] : STAGES.filter((stage) => stage !== 'claim' || today % CLAIM_DAYS === 1),
      );
      const before = { runs: board.runs().length, kills: board.deaths().length };
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(DAY_MS)]);
      try {
        await Promise.all(exports.map((one) => dayOf(one, { apps, board: board!, day: today, report, signal: deadline })));
      } catch (error) {
        signal.throwIfAborted();
        const standing = board
          .runs()
          .flatMap(({ id, document }) =>
            document && hasEnded(document.run.state) ? [] : [`${id} in ${document?.run.phase ?? 'its beginning'}`],
          );
        throw new Error(`day ${today} did not end within ${DAY_MS / 60_000} minutes; open: ${standing.join(', ')}`, { cause: error });
      }
      board.arm([]);
      for (const list of [...lasting, fresh]) {
        compareList(list, today, await look(list), { since: list === fresh ? today : 1, report });
      }
      await nothingStaged(cloud, { report, signal });
      say(
        `day ${today}: ${board.runs().length - before.runs} runs, ${board.deaths().length - before.kills} kills (${board.deaths().length} of ${kills}), ` +
          `${round((Date.now() - begun) / 1_000)} s`,
      );
      if (kills === 0 ? today === 3 : options.thorough ? isQuiet : board.left() === 0) break;
    }
    if (board.left() > 0) report('other', `${board.left()} kills found no place within ${MAX_DAYS} days`);
    if (options.thorough) await drained({ cloud, board, report, say, signal });
    isGood = problems.length === 0;
    return summary(board, { problems, days: today, seed });
  } finally {
    if (!isGood) {
      say(`seed ${seed}; logs of the processes: ${folder}; what was killed:`);
      for (const { kill, app, runId, call } of board?.deaths() ?? []) {
        say(`  ${kill.number}. ${app} in ${kill.stage} (${kill.flavour}, ${kill.at}), ${runId}: ${call}`);
      }
      for (const { kind, day, what } of problems) say(`day ${day}: ${kind}: ${what}`);
    }
    for (const close of closers.reverse()) await close();
    if (isGood) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    else rmSync(path.join(folder, 'azurite'), { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    say(`${round((Date.now() - startedAt) / 1_000)} s in all`);
  }
};

/** Makes accounts, lists and connections. @returns what makes an export of them */
const connect = async ({ cloud, apps }: { cloud: Cloud; apps: Apps }) => {
  const connections = new Map<string, string>();
  const connectionTo = async (account: string): Promise<string> => {
    const known = connections.get(account);
    if (known) return known;
    const body = {
      ...{ displayName: account, type: 'klaviyo', access: 'administratorsAndContributors' },
      ...{ apiKey: `pk_${account}`, agreed: true },
    };
    const { json } = await apps.must('POST', '/connections', { body });
    connections.set(account, String(json.id));
    return String(json.id);
  };
  return async (list: MatrixList, plan: MatrixExport): Promise<string> => {
    await cloud.addAccount(list.account, [{ id: list.id, name: list.id }]);
    if (list.refuses !== undefined) {
      const { atAdmission, inJob } = refusedPeople(list.refuses, PEOPLE);
      const rule = { endpoint: IMPORTS, account: list.account, count: 1_000_000 };
      await cloud.fault({ ...rule, fault: { kind: 'bad_row_admission', emails: atAdmission } });
      await cloud.fault({ ...rule, fault: { kind: 'row_errors', emails: inJob } });
    }
    const body = {
      ...{ name: plan.name, connectionId: await connectionTo(list.account), listId: list.id, membership: plan.membership },
      ...{ segments: plan.segments.map(({ name }) => name), mapping: mappingOn(plan, 1), schedule: { kind: 'off' } },
      // removals are to happen: those above half of a list are approved
      ...{ guardCount: 1_000_000, guardShare: 1 },
    };
    return String((await apps.must('POST', '/exports', { body })).json.id);
  };
};

const remap = async (apps: Apps, exports: readonly LiveExport[], day: number): Promise<void> => {
  for (const { id, plan } of exports) {
    if (!plan.remapped) continue;
    const { etag } = await apps.must('GET', `/exports/${id}`);
    await apps.must('PATCH', `/exports/${id}`, { body: { mapping: mappingOn(plan, day) }, headers: { 'if-match': etag } });
  }
};

/** Runs one export until nothing is left to do on a day: what was cancelled runs again, held removals are approved. */
const dayOf = async (
  { id, plan }: LiveExport,
  {
    apps,
    board,
    day,
    report,
    signal,
  }: { apps: Apps; board: Board; day: number; report: (kind: Kind, what: string, count?: number) => void; signal: AbortSignal },
): Promise<void> => {
  const ended = async (runId: string): Promise<SeenRun> => {
    const seen = await board.when(() => (hasEnded(board.runOf(runId).document?.run.state ?? 'queued') ? board.runOf(runId) : undefined), {
      signal,
    });
    checkRun(seen, plan, day, report);
    const shown = (await apps.must('GET', `/runs/${runId}`)).json;
    if (shown.state !== seen.document!.run.state)
      report('other', `${plan.name} ${runId} ended ${seen.document!.run.state}, but is shown as ${String(shown.state)}`);
    return seen;
  };
  let cancelIn = plan.cancelAt?.(day);
  let approves: { runId: string; upTo: number } | undefined;
  for (let round = 1; round <= MAX_RUNS_A_DAY; round += 1) {
    let runId: string;
    if (approves) {
      const { status, json } = await apps.call('POST', `/runs/${approves.runId}/approve-removals`, { body: { upTo: approves.upTo } });
      if (status === 202) runId = String(json.id);
      else {
        // a process died over the first asking: the run that it started is the newest
        const { value } = (await apps.must('GET', `/exports/${id}/runs?size=1`)).json as {
          value: { id: string; trigger: { kind: string } }[];
        };
        if (value[0]?.trigger.kind !== 'approval') throw new Error(`${plan.name}: the removals were not approved: ${JSON.stringify(json)}`);
        runId = value[0].id;
      }
      approves = undefined;
    } else runId = String((await apps.must('POST', `/exports/${id}/run`, { body: {} })).json.id);

    if (cancelIn !== undefined) {
      const phase = cancelIn;
      cancelIn = undefined;
      const at = await board.when(
        () => {
          const run = board.runOf(runId).document?.run;
          return run && (run.phase === phase || hasEnded(run.state)) ? run : undefined;
        },
        { signal },
      );
      if (!hasEnded(at.state)) await apps.call('POST', `/runs/${runId}/cancel`);
    }
    const { document } = await ended(runId);
    const { run } = document!;
    if (run.state === 'canceled') continue;
    if (run.state !== 'successful') {
      report('other', `${plan.name} ${runId} ended ${run.state}: ${run.error?.code ?? ''} ${run.error?.message ?? ''}`);
      continue;
    }
    // jobs end within seconds here, so a run that waited for them knows what became of each row
    if ((run.counts.open ?? 0) > 0) report('other', `${plan.name} ${runId} ended successful with ${run.counts.open} open rows`);
    if ((run.counts.held ?? 0) > 0 && run.heldState === 'waiting') approves = { runId, upTo: run.counts.held! };
    else if (!run.warnings.some(({ code }) => code === 'removals_postponed') && (run.counts.unsent ?? 0) === 0) return;
  }
  report('other', `${plan.name} did not come to rest within ${MAX_RUNS_A_DAY} runs`);
};

/** Staged data goes with the end of its run. */
const nothingStaged = async (
  cloud: Cloud,
  { report, signal }: { report: (kind: Kind, what: string) => void; signal: AbortSignal },
): Promise<void> => {
  for (let left = 20; ; left -= 1) {
    const runs = await cloud.stagedRuns();
    if (runs.size === 0) return;
    if (left === 0) return report('other', `staged data is left of ended runs: ${[...runs].join(', ')}`);
    await sleep(500, undefined, { signal });
  }
};

/** Messages that dead processes held come back; none of them may bring forth work. */
const drained = async ({
  cloud,
  board,
  report,
  say,
  signal,
}: {
  cloud: Cloud;
  board: Board;
  report: (kind: Kind, what: string) => void;
  say: (line: string) => void;
  signal: AbortSignal;
}): Promise<void> => {
  const [calls, documents] = [board.klaviyoCalls(), JSON.stringify(board.runs().map(({ document }) => document))];
  const left = await cloud.messages();
  const until = Date.now() + QUEUE_LOCK_MS + 30_000;
  while ((await cloud.messages()) > 0) {
    if (Date.now() > until) return report('other', `${await cloud.messages()} messages are left in export-runs`);
    await sleep(1_000, undefined, { signal });
  }
  say(`${left} messages of dead processes came back`);
  if (board.klaviyoCalls() !== calls) report('other', `${board.klaviyoCalls() - calls} calls to Klaviyo after the last run had ended`);
  if (JSON.stringify(board.runs().map(({ document }) => document)) !== documents)
    report('other', 'a run changed after the last one had ended');
};

const summary = (
  board: Board,
  { problems, days, seed }: { problems: readonly { kind: Kind; count: number }[]; days: number; seed: number },
): MatrixReport => {
  const seconds = board
    .standstills()
    .map((one) => one.seconds)
    .sort((a, b) => a - b);
  const of = (wanted: Kind): number => problems.filter(({ kind }) => kind === wanted).reduce((total, { count }) => total + count, 0);
  const found = Object.fromEntries(KINDS.map((kind) => [kind, of(kind)])) as Record<Kind, number>;
  return {
    kills: board.deaths().length,
    hits: board.hits(),
    runs: board.runs().filter(({ document }) => document !== undefined).length,
    days,
    ...found,
    standstillMedianS: round(seconds[Math.floor(seconds.length / 2)] ?? 0),
    standstillWorstS: round(seconds.at(-1) ?? 0),
    seed,
  };
};
