import type { NotificationKind } from '../settings/notification-settings';
import type { Subject } from './message';

/** What a sentence is made of. */
export interface Told {
  readonly kind: string;
  readonly subject: Subject;
  readonly count: number;
  readonly code?: string | undefined;
  readonly figures?: Readonly<Record<string, number>> | undefined;
  readonly how?: 'resolved' | 'paused' | 'removed' | undefined;
}

const number = (value = 0): string => value.toLocaleString('en');
const percent = (share = 0): string => `${(share * 100).toLocaleString('en', { maximumFractionDigits: 1 })} %`;
const quoted = ({ name }: Subject): string => `“${name}”`;
const times = (count: number): string => (count > 1 ? `, ${number(count)} times in a row` : '');
const because = (code: string | undefined): string => (code === undefined ? '' : ` (${code})`);

const KEY_STATES: Readonly<Record<string, string>> = {
  keyRefused: 'Klaviyo refuses the API key of the connection NAME; enter a valid one.',
  scopeMissing: 'The API key of the connection NAME lacks a scope; enter one that has all five.',
  accountChanged: 'The secret of the connection NAME now holds a key of another Klaviyo account; put the key of the old account back.',
  secretMissing: 'The API key of the connection NAME is no longer in Key Vault; restore the secret, or enter a key.',
  secretDisabled: 'The secret of the connection NAME is disabled in Key Vault; enable it there.',
  secretInvalid: 'The secret of the connection NAME holds no Klaviyo API key; put one there.',
  vaultRefused: 'Key Vault refuses this app, so that the connection NAME cannot be used; check its role assignments.',
};

const OPENED: Readonly<Record<NotificationKind, (told: Told) => string>> = {
  run_failed: ({ subject, count, code }) => `The export ${quoted(subject)} failed${times(count)}${because(code)}; its last run says why.`,
  removals_held: ({ subject, figures }) =>
    `The export ${quoted(subject)} holds ${number(figures?.held)} removals until somebody approves or dismisses them.`,
  rejected_share: ({ subject, figures }) =>
    `Klaviyo refused ${number(figures?.rejected)} of ${number(figures?.sent)} rows (${percent(figures?.share)}) of the export ${quoted(subject)}; its last run names them.`,
  did_not_start: ({ subject, figures }) =>
    `A run of the export ${quoted(subject)} is due since ${number(figures?.minutes)} minutes and has not begun; see whether the app is at work.`,
  source_stale: ({ subject, code }) =>
    `The segments of the export ${quoted(subject)} ${code === 'snapshot_older' ? 'are older than those brought before' : 'were not complete'}, so its last run did nothing; see whether their refresh works.`,
  key_refused: ({ subject, code }) => (KEY_STATES[code ?? ''] ?? KEY_STATES.keyRefused!).replace('NAME', quoted(subject)),
  secret_missing: ({ subject, code }) => (KEY_STATES[code ?? ''] ?? KEY_STATES.secretMissing!).replace('NAME', quoted(subject)),
  revision_retires: ({ subject, figures }) =>
    (figures?.days ?? 0) > 0
      ? `The revision ${subject.name} of Klaviyo’s API retires in ${number(figures?.days)} days; install a newer version of this app before.`
      : `The revision ${subject.name} of Klaviyo’s API has retired; install a newer version of this app.`,
  channel_broken: ({ subject, code }) =>
    `The channel ${quoted(subject)} gets no more notifications, as its receiver is no more${because(code)}; give its new address.`,
};

const RESOLVED: Readonly<Record<NotificationKind, (subject: Subject) => string>> = {
  run_failed: (subject) => `The export ${quoted(subject)} runs again.`,
  removals_held: (subject) => `No removals of the export ${quoted(subject)} wait for anybody any more.`,
  rejected_share: (subject) => `Klaviyo no longer refuses more rows of the export ${quoted(subject)} than may be.`,
  did_not_start: (subject) => `No run of the export ${quoted(subject)} is overdue any more.`,
  source_stale: (subject) => `The segments of the export ${quoted(subject)} were brought again.`,
  key_refused: (subject) => `Klaviyo accepts the API key of the connection ${quoted(subject)} again.`,
  secret_missing: (subject) => `The API key of the connection ${quoted(subject)} can be read again.`,
  revision_retires: (subject) => `The revision ${subject.name} of Klaviyo’s API is no longer in use here.`,
  channel_broken: (subject) => `Notifications go to the channel ${quoted(subject)} again.`,
};

const WHAT: Readonly<Record<Subject['type'], string>> = { export: 'export', connection: 'connection', app: 'app' };
const whatOf = ({ kind, subject: { type } }: Told): string => (kind === 'channel_broken' ? 'channel' : WHAT[type]);
const isKnown = (kind: string): kind is NotificationKind => kind in OPENED;

/** What is the matter and what to do, in one English sentence. Pure. */
export const sentenceOf = (told: Told): string =>
  isKnown(told.kind) ? OPENED[told.kind](told) : `The ${WHAT[told.subject.type]} ${quoted(told.subject)} needs a look (${told.kind}).`;

/** That it is over, and why. Pure. */
export const recoveredSentenceOf = (told: Told): string => {
  const { kind, subject, how = 'resolved' } = told;
  if (how === 'removed') return `The ${whatOf(told)} ${quoted(subject)} was removed, so that this is no longer looked at (${kind}).`;
  if (how === 'paused') return `The export ${quoted(subject)} was paused or detached, so that this is no longer looked at (${kind}).`;
  return isKnown(kind) ? RESOLVED[kind](subject) : `The ${WHAT[subject.type]} ${quoted(subject)} is all right again (${kind}).`;
};
