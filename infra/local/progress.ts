import type { ShownRun } from './first-run';

const number = (value: number | undefined): string => (value ?? 0).toLocaleString('en');
const seconds = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;

const WORDS: Readonly<Record<string, string>> = {
  prepare: 'reading and checking the segment',
  gate: 'checking the plan',
  canary: 'sending the first few, looking whether they arrive',
  submit: 'sending to Klaviyo',
  settle: 'Klaviyo is processing',
  remove: 'removing those who left',
  verify: 'looking whether everybody arrived',
  finish: 'writing down what is true now',
};
/** Where each phase begins and ends on the bar, in percent: about how long they take for a large segment. */
const SHARES: Readonly<Record<string, readonly [from: number, to: number]>> = {
  prepare: [0, 30],
  gate: [30, 31],
  canary: [31, 36],
  submit: [36, 65],
  settle: [65, 92],
  remove: [92, 94],
  verify: [94, 98],
  finish: [98, 100],
};

/** How far a run is, 0 to 1: by phase, and within sending and processing by jobs. */
export const shareOf = ({ phase, jobs }: Pick<ShownRun, 'phase' | 'jobs'>): number => {
  const [from, to] = SHARES[phase] ?? [0, 100];
  const done = phase === 'submit' ? jobs.submitted : phase === 'settle' ? jobs.ended : 0;
  return (from + (to - from) * (jobs.total > 0 ? done / jobs.total : 0)) / 100;
};

/** Seconds left at the pace so far; undefined while there is too little to go by. */
export const secondsLeft = (share: number, elapsedSeconds: number): number | undefined =>
  share < 0.1 || elapsedSeconds < 1 ? undefined : (elapsedSeconds * (1 - share)) / share;

/** One line: bar, phase, counts, time left. */
export const progressLine = (run: ShownRun, elapsedSeconds: number, width = 24): string => {
  const share = shareOf(run);
  const full = Math.round(share * width);
  const { read, sent, accepted } = run.counts;
  const counts = [
    (read ?? 0) > 0 ? `${number(read)} read` : '',
    (sent ?? 0) > 0 ? `${number(sent)} sent` : '',
    (accepted ?? 0) > 0 ? `${number(accepted)} accepted` : '',
    run.jobs.total > 0 ? `job ${run.phase === 'settle' ? run.jobs.ended : run.jobs.submitted} of ${run.jobs.total}` : '',
  ].filter((part) => part !== '');
  const left = secondsLeft(share, elapsedSeconds);
  const time = left === undefined ? '' : ` · about ${seconds(left)} left`;
  return `[${'█'.repeat(full)}${'░'.repeat(width - full)}] ${run.phase}: ${WORDS[run.phase] ?? ''}${counts.length > 0 ? ` · ${counts.join(', ')}` : ''}${time}`;
};

/** Shows a run that moves: one line that is drawn again on a terminal, else a line per phase and every few seconds. */
export const createProgress = ({ out, now }: { out: NodeJS.WriteStream; now: () => number }) => {
  const begun = now();
  let last = '';
  let lastAt = -Infinity;
  return {
    show: (run: ShownRun): void => {
      const line = progressLine(run, (now() - begun) / 1_000);
      if (out.isTTY) {
        out.write(`\r\x1b[2K${line.slice(0, (out.columns ?? 120) - 1)}`);
        return;
      }
      if (run.phase === last && now() - lastAt < 5_000) return;
      last = run.phase;
      lastAt = now();
      out.write(`${line}\n`);
    },
    end: (): void => {
      if (out.isTTY) out.write('\r\x1b[2K');
    },
  };
};

const REASONS: Readonly<Record<string, string>> = {
  email_missing: 'no e-mail address',
  email_invalid: 'e-mail address not valid',
  email_too_long: 'e-mail address too long',
  profile_too_large: 'profile too large',
};

/** The table that a marketer reads when a run has ended. */
export const resultTable = (run: ShownRun, { onList, elapsedSeconds }: { onList: number; elapsedSeconds: number }): string[] => {
  const { counts } = run;
  const rows: (readonly [string, string])[] = [
    ['read from the segment', number(counts.read)],
    ['invalid (left out by us)', number(counts.invalid)],
    ...Object.entries(run.invalidByReason).map(([reason, count]) => [`  ${REASONS[reason] ?? reason}`, number(count)] as const),
    ['duplicates (same address)', number(counts.duplicates)],
    ['unchanged since the last run', number(counts.unchanged)],
    ['sent to Klaviyo', number(counts.sent)],
    ['  accepted', number(counts.accepted)],
    ['  rejected (by Klaviyo)', number(counts.rejected)],
    ...((counts.open ?? 0) > 0 ? [['  not finished yet', number(counts.open)] as const] : []),
    ...((counts.unsent ?? 0) > 0 ? [['not sent', number(counts.unsent)] as const] : []),
    ...((counts.phonesDropped ?? 0) > 0 ? [['sent without their phone (no number)', number(counts.phonesDropped)] as const] : []),
    ...((counts.removed ?? 0) + (counts.held ?? 0) > 0
      ? [['removed from the list', number(counts.removed)] as const, ['removals held', number(counts.held)] as const]
      : []),
    ['looked for / found on the list', `${number(counts.expected)} / ${number(counts.found)}`],
    ['on the list now', number(onList)],
    ['time', seconds(elapsedSeconds)],
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  const phases = Object.entries(run.phases)
    .map(([phase, value]) => `${phase} ${seconds(value)}`)
    .join(', ');
  return [
    `The run was ${run.state}.${run.error ? ` ${run.error.message}` : ''}`,
    ...rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value.padStart(12)}`),
    `  phases: ${phases}`,
    ...run.warnings.map(({ message }) => `  note: ${message}`),
    'On the list is not the same as subscribed: who may be mailed is decided by consent in Klaviyo, which this run has not touched.',
  ];
};
