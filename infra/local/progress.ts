import type { LocalSegment } from './segments';
import { type RunView, secondsOf } from './run-view';

const number = (value: number): string => value.toLocaleString('en');

/** What each phase does, in a marketer's words. */
const PHASES: Readonly<Record<string, string>> = {
  prepare: 'reading the segment',
  gate: 'checking the plan',
  canary: 'trying one small job',
  submit: 'sending to Klaviyo',
  settle: 'waiting for Klaviyo',
  remove: 'taking leavers off the list',
  verify: 'looking at the list',
  finish: 'closing the run',
};

const part = (done: number, total: number): number => (total > 0 ? Math.min(1, done / total) : 0);

/** How much of the run is done, 0 to 1; shares of the phases as measured with a million profiles. */
export const shareDone = ({ phase, counts, jobs }: RunView, rows: number): number => {
  switch (phase) {
    case 'prepare':
      return 0.4 * part(counts.read, rows);
    case 'gate':
    case 'canary':
      return 0.4;
    case 'submit':
      return 0.42 + 0.4 * part(jobs.submitted, jobs.total);
    case 'settle':
      return 0.83 + 0.12 * part(jobs.ended, jobs.total);
    case 'remove':
    case 'verify':
      return 0.96;
    default:
      return 0.98;
  }
};

const countsOf = ({ phase, counts, jobs }: RunView, rows: number): string => {
  if (phase === 'prepare') return `${number(counts.read)} of ${number(rows)} profiles`;
  if (phase === 'submit') return `${number(jobs.submitted)} of ${number(jobs.total)} jobs`;
  if (phase === 'settle') return `${number(jobs.ended)} of ${number(jobs.total)} jobs`;
  return '';
};

const duration = (seconds: number): string =>
  seconds < 100 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;

const BAR_CELLS = 24;

/**
 * One line: bar, phase, counts, time left.
 * @param leftSeconds undefined while it is not known
 */
export const progressLine = (run: RunView, { rows, leftSeconds }: { rows: number; leftSeconds?: number }): string => {
  const done = shareDone(run, rows);
  const cells = Math.round(done * BAR_CELLS);
  const words = run.state === 'queued' ? 'waiting for its turn' : (PHASES[run.phase] ?? run.phase);
  const parts = [
    `[${'#'.repeat(cells)}${'.'.repeat(BAR_CELLS - cells)}] ${String(Math.floor(done * 100)).padStart(3)} %`,
    `${run.phase}: ${words}`,
    countsOf(run, rows),
    leftSeconds === undefined ? '' : `about ${duration(leftSeconds)} left`,
  ];
  return parts.filter((text) => text !== '').join(', ');
};

/** What is further back says little of the pace now: the host may have been away. */
const WINDOW_MS = 30_000;
/** Less than this says nothing yet. */
const LEAST_GAIN = 0.02;

/** Foretells the time left from the pace of the last seconds. */
export const createForecast = () => {
  const looks: { readonly atMs: number; readonly done: number }[] = [];
  return (done: number, nowMs: number): number | undefined => {
    looks.push({ atMs: nowMs, done });
    while (looks.length > 2 && nowMs - looks[0]!.atMs > WINDOW_MS) looks.shift();
    const [first] = looks;
    const gained = done - first!.done;
    return gained < LEAST_GAIN ? undefined : (((nowMs - first!.atMs) / 1_000) * (1 - done)) / gained;
  };
};

const LINE_EVERY_MS = 3_000;

/** Shows the line: in a terminal one that is drawn anew, elsewhere a line per phase and every few seconds. */
export const createProgress = ({
  write,
  isTerminal,
  columns = 120,
}: {
  write: (text: string) => void;
  isTerminal: boolean;
  columns?: number;
}) => {
  const forecast = createForecast();
  let drawn = '';
  let phase = '';
  let saidAt = -Infinity;
  const clear = () => {
    if (isTerminal && drawn !== '') write('\r\u001b[K');
    drawn = '';
  };
  return {
    show: (run: RunView, { rows, nowMs }: { rows: number; nowMs: number }): void => {
      const line = progressLine(run, { rows, leftSeconds: forecast(shareDone(run, rows), nowMs) }).slice(0, columns - 1);
      if (line === drawn) return;
      if (isTerminal) {
        clear();
        write(line);
        drawn = line;
      } else if (run.phase !== phase || nowMs - saidAt >= LINE_EVERY_MS) {
        write(`${line}\n`);
        drawn = line;
        saidAt = nowMs;
      }
      phase = run.phase;
    },
    /** A line that stays, above the bar. */
    say: (line: string): void => {
      clear();
      write(`${line}\n`);
    },
    end: clear,
  };
};

/** Why rows were left out, in a marketer's words. */
const REASONS: Readonly<Record<string, string>> = {
  email_missing: 'without an e-mail address',
  email_invalid: 'with an e-mail address that is none',
  email_too_long: 'with an e-mail address over 100 characters',
  profile_too_large: 'too large for Klaviyo',
  missing_profile: 'without a profile in the source',
};

const reasonsOf = (run: RunView): string =>
  Object.entries(run.invalidByReason)
    .map(([code, rows]) => `${number(rows)} ${REASONS[code] ?? code}`)
    .join(', ');

const STATES: Readonly<Record<string, string>> = {
  successful: 'successful',
  failed: 'failed',
  skipped: 'skipped: nothing was to be done',
  canceled: 'canceled',
};

/** The table at the end. @param onList members of the list, as the sandbox counts them */
export const resultTable = (run: RunView, { segment, onList, now }: { segment: LocalSegment; onList: number; now: Date }): string => {
  const { counts } = run;
  const phases = Object.entries(run.phases).map(([phase, seconds]) => `${phase} ${seconds.toFixed(1)}`);
  const rows: (readonly [string, string, string] | undefined)[] = [
    ['Read from the segment', number(counts.read), ''],
    ['Invalid, left out', number(counts.invalid), reasonsOf(run)],
    ['Duplicates, left out', number(counts.duplicates), 'same e-mail address as another row'],
    ['Unchanged', number(counts.unchanged), 'known to Klaviyo from the last run, not sent again'],
    ['Sent to Klaviyo', number(counts.sent), ''],
    ['  accepted', number(counts.accepted), ''],
    ['  rejected', number(counts.rejected), ''],
    counts.open > 0 ? ['  still open', number(counts.open), 'Klaviyo has not answered yet'] : undefined,
    counts.unsent > 0 ? ['Not sent', number(counts.unsent), 'planned, but the run ended before'] : undefined,
    counts.phonesDropped > 0
      ? ['Phone numbers left out', number(counts.phonesDropped), 'not in international form; the profile was kept']
      : undefined,
    counts.removed + counts.held > 0
      ? ['Taken off the list', number(counts.removed), `${number(counts.held)} more wait for approval`]
      : undefined,
    counts.expected > 0
      ? ['Looked for on the list', number(counts.expected), `a sample; ${number(counts.found)} of them found`]
      : undefined,
    ['On the list now', number(onList), 'counted by the Klaviyo sandbox'],
    ['Seconds', secondsOf(run, now).toFixed(1), phases.join(', ')],
    run.throttled > 0 ? ['Told to slow down', number(run.throttled), 'answers 429 of Klaviyo'] : undefined,
  ];
  const lines = rows.flatMap((row) => (row === undefined ? [] : [`  ${row[0].padEnd(24)}${row[1].padStart(11)}   ${row[2]}`.trimEnd()]));
  return [
    `Segment ${segment.name} to list ${segment.listName} (${segment.listId}): ${STATES[run.state] ?? run.state}`,
    '',
    ...lines,
    '',
    ...(run.error ? [`Why it ended so: ${run.error.message}`, ''] : []),
    ...run.warnings.map(({ message }) => `Note: ${message}`),
    'On the list is not the same as subscribed.',
  ].join('\n');
};

/** The last line of `--once`. */
export const resultJson = (
  run: RunView,
  { onList, rssMb, now }: { onList: number; rssMb: number; now: Date },
): Readonly<Record<string, unknown>> => {
  const { read, invalid, duplicates, unchanged, sent, unsent, accepted, rejected, open, removed, held, expected, found } = run.counts;
  const counts = { read, invalid, duplicates, unchanged, sent, unsent, accepted, rejected, open, removed };
  return {
    state: run.state,
    ...counts,
    onList,
    seconds: secondsOf(run, now),
    phases: run.phases,
    held,
    expected,
    found,
    throttled: run.throttled,
    rssMb,
  };
};
