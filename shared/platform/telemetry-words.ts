import { withoutPersonalData } from './personal-data';

/*
 * All that telemetry may say, by name. What is not listed here does not leave, whoever wrote it: a log line, a span or a metric is read by
 * more people, and kept longer, than the profiles that it may never hold (design §4).
 */

export type Severity = 'info' | 'warning' | 'error';

/** Every event of the log. */
export const events = {
  activity_cleared: 'info',
  activity_not_recorded: 'error',
  activity_not_shown: 'warning',
  erasure_broken: 'error',
  erasure_postponed: 'warning',
  event_ignored: 'info',
  export_removed: 'info',
  fan_out: 'info',
  figures_unknown: 'warning',
  held_state_not_shown: 'warning',
  history_cleared: 'info',
  housekeeping_failed: 'warning',
  invocation_failed: 'error',
  message_buried: 'warning',
  message_given_up: 'error',
  message_not_recorded: 'error',
  message_refused: 'warning',
  notification: 'warning',
  notification_given_up: 'error',
  notification_not_sent: 'warning',
  notifications_elsewhere: 'info',
  pacing_alone: 'warning',
  pending_run_not_started: 'warning',
  person_erased: 'info',
  phase_stopped: 'warning',
  queues_not_watched: 'warning',
  removal_unfinished: 'warning',
  request_failed: 'error',
  request_given_up: 'error',
  request_received: 'info',
  retention_failed: 'warning',
  revision_retires_soon: 'warning',
  row_unreadable: 'error',
  run_audit_failed: 'warning',
  run_audited: 'info',
  run_completed_by_sweep: 'warning',
  run_ended: 'info',
  run_kept_for_later: 'info',
  run_not_started: 'warning',
  run_of_detached_stopped: 'info',
  run_projection_failed: 'warning',
  run_submitted: 'info',
  run_unreadable: 'error',
  run_woken: 'warning',
  schedule_not_computed: 'error',
  secrets_swept: 'info',
  segment_counted: 'info',
  slice_begun: 'info',
  slice_broken: 'error',
  slice_handed_over: 'info',
  staged_sweep_failed: 'warning',
  staged_swept: 'info',
  starts_given_up: 'error',
  starts_received: 'info',
  storage_not_ensured: 'error',
  sweep_failed: 'warning',
  telemetry_not_sent: 'warning',
  tick: 'info',
  tick_clock_back: 'warning',
  tick_elsewhere: 'info',
} as const satisfies Record<string, Severity>;
export type LogEvent = keyof typeof events;

/**
 * What a value must look like. Ids and codes are ours or a service's and hold no text; `text` is a sentence of ours or a name that an
 * administrator gave, and is searched for data of people all the same.
 */
const shapes = {
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  flag: (value) => typeof value === 'boolean',
  id: matches(/^(?:con|exp|run|era|chn)_[0-9a-z]{8,40}$/),
  ids: matches(/^(?:(?:con|exp|run|era|chn)_[0-9a-z]{8,40} ?){1,20}$/),
  /** of a message, a request or an invocation: made by Azure, Klaviyo or us */
  mark: matches(/^[\w.:|-]{1,128}$/),
  /** digests, occurrences and UUIDs; never what a caller has made up */
  key: matches(/^(?:occ-[0-9TZ]{10,20}|(?:req|evt)-[0-9a-f]{32}|(?:all-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/),
  /** a word of the code: an enum's value, a class, a part of the app, or an object id */
  word: matches(/^[A-Za-z0-9][\w.-]{0,80}$/),
  host: matches(/^[\w.-]{1,120}$/),
  /** a route or an endpoint as the code writes it, never as somebody called it */
  template: matches(/^[\w/{}*.:?()-]{1,160}$/),
  day: matches(/^\d{4}-\d\d-\d\d$/),
  text: (value) => typeof value === 'string',
  /** places in the code */
  frames: (value) => typeof value === 'string',
} as const satisfies Record<string, (value: unknown) => boolean>;
type Shape = keyof typeof shapes;

function matches(pattern: RegExp) {
  return (value: unknown): boolean => typeof value === 'string' && pattern.test(value);
}

/** Every field of a log line, beside `event`, `severity` and `traceId`. */
export const fields = {
  runId: 'id',
  exportId: 'id',
  connectionId: 'id',
  channelId: 'id',
  eraseId: 'id',
  runIds: 'ids',
  messageId: 'mark',
  invocationId: 'mark',
  requestId: 'mark',
  requestKey: 'key',
  by: 'word',
  code: 'word',
  done: 'word',
  error: 'word',
  kind: 'word',
  operation: 'word',
  partition: 'word',
  phase: 'word',
  queue: 'word',
  row: 'word',
  stage: 'word',
  state: 'word',
  trigger: 'word',
  what: 'word',
  why: 'word',
  name: 'text',
  sentence: 'text',
  at: 'frames',
  trace: 'frames',
  revision: 'day',
  retiresAt: 'day',
  dryRun: 'flag',
  full: 'flag',
  ok: 'flag',
  aheadMs: 'number',
  attempts: 'number',
  dueCount: 'number',
  entries: 'number',
  exportable: 'number',
  failedCount: 'number',
  lists: 'number',
  members: 'number',
  messageCount: 'number',
  ms: 'number',
  occurrences: 'number',
  removed: 'number',
  reports: 'number',
  rows: 'number',
  runs: 'number',
  seconds: 'number',
  sentCount: 'number',
  secrets: 'number',
  spanMs: 'number',
  staged: 'number',
  startedCount: 'number',
  starts: 'number',
  states: 'number',
  status: 'number',
  turn: 'number',
  unsentCount: 'number',
  waitMs: 'number',
} as const satisfies Record<string, Shape>;
export type LogField = keyof typeof fields;

/**
 * Every attribute of a span or a metric; names follow OpenTelemetry's semantic conventions where these know the thing.
 * @see opentelemetry.io/docs/specs/semconv: http, messaging, faas, error
 */
export const attributes = {
  'error.type': 'word',
  'faas.invocation_id': 'mark',
  'faas.name': 'word',
  'faas.trigger': 'word',
  'http.request.method': 'word',
  'http.request.resend_count': 'number',
  'http.response.status_code': 'number',
  'http.route': 'template',
  'messaging.destination.name': 'word',
  'messaging.message.delivery_count': 'number',
  'messaging.message.id': 'mark',
  'messaging.operation.name': 'word',
  'messaging.operation.type': 'word',
  'messaging.system': 'word',
  'server.address': 'host',
  'server.port': 'number',
  'url.template': 'template',
  'export.id': 'id',
  'run.batch.bytes': 'number',
  'run.batch.jobs': 'number',
  'run.batch.number': 'number',
  'run.batch.outcome': 'word',
  'run.batch.rejected': 'number',
  'run.batch.rows': 'number',
  'run.id': 'id',
  'run.phase': 'word',
  'run.starts': 'number',
  'run.state': 'word',
  'run.step': 'word',
  'run.trigger': 'word',
  'run.turn': 'number',
  'klaviyo.operation': 'word',
  'klaviyo.pace.wait': 'number',
  'klaviyo.request_id': 'mark',
  operation: 'word',
  outcome: 'word',
  phase: 'word',
  queue: 'word',
  state: 'word',
  statusClass: 'word',
  trigger: 'word',
} as const satisfies Record<string, Shape>;
export type AttributeName = keyof typeof attributes;

/** Every metric: what it counts or measures, and its unit (UCUM). `counter` adds up, `histogram` takes single values, `gauge` is the newest. */
export const metrics = {
  'runs.ended': { kind: 'counter', unit: '{run}', description: 'Runs that have ended, by state and trigger' },
  'run.rows': { kind: 'counter', unit: '{row}', description: 'Rows of ended runs by what became of them' },
  'run.duration': { kind: 'histogram', unit: 's', description: 'From the request of a run to its end' },
  'run.phase.duration': { kind: 'histogram', unit: 's', description: 'Time of a phase in an ended run, waits included' },
  'import.jobs': { kind: 'counter', unit: '{job}', description: 'Import jobs of ended runs by outcome' },
  'refresh.lag': { kind: 'histogram', unit: 's', description: 'From the refresh of the segments to the end of the run that brought it' },
  'klaviyo.calls': { kind: 'counter', unit: '{call}', description: 'Calls to Klaviyo by operation and class of status' },
  'klaviyo.throttled': { kind: 'counter', unit: '{call}', description: 'Calls that Klaviyo answered with 429' },
  'klaviyo.pace.wait': { kind: 'histogram', unit: 's', description: 'Wait for the account’s pace before a call' },
  'queue.oldest.age': {
    kind: 'gauge',
    unit: 's',
    description: 'Age of the oldest visible message of a queue, a delay before it was visible included',
  },
} as const satisfies Record<string, { kind: 'counter' | 'histogram' | 'gauge'; unit: string; description: string }>;
type Named<Kind> = { [Name in keyof typeof metrics]: (typeof metrics)[Name]['kind'] extends Kind ? Name : never }[keyof typeof metrics];
export type CounterName = Named<'counter'>;
export type HistogramName = Named<'histogram'>;
export type GaugeName = Named<'gauge'>;

const MAX_TEXT = 300;
const MAX_FRAMES = 1_000;
/** Stands for a value that does not look as it must; the name alone may help. */
export const LEFT_OUT = '(left out)';

export type Value = string | number | boolean;

const clean = (shape: Shape | undefined, value: unknown): Value | undefined => {
  if (shape === undefined || value === undefined || value === null) return undefined;
  if (!shapes[shape](value)) return LEFT_OUT;
  if (typeof value === 'string' && shape === 'text') return withoutPersonalData(value).slice(0, MAX_TEXT);
  if (typeof value === 'string' && shape === 'frames') return value.slice(0, MAX_FRAMES);
  return value as Value;
};

const pick = (shapesByName: Readonly<Record<string, Shape>>, given: Readonly<Record<string, unknown>>): Record<string, Value> => {
  const kept: Record<string, Value> = {};
  for (const name of Object.keys(given)) {
    const value = Object.hasOwn(shapesByName, name) ? clean(shapesByName[name], given[name]) : undefined;
    if (value !== undefined) kept[name] = value;
  }
  return kept;
};

/** The fields of a log line that may leave. */
export const allowedFields = (given: Readonly<Record<string, unknown>>): Record<string, Value> => pick(fields, given);

/** The attributes of a span or a metric that may leave. */
export const allowedAttributes = (given: Readonly<Record<string, unknown>>): Record<string, Value> => pick(attributes, given);

/** A span's name: words of the code, a method, a template. */
export const allowedName = (name: string): string => (/^[\w /{}*.:?()-]{1,160}$/.test(name) ? name : LEFT_OUT);
