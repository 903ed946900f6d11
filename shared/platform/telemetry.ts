import type { AttributeName, CounterName, GaugeName, HistogramName, LogEvent, LogField } from './telemetry-words';

/** Values that may be logged: ids, counts, milliseconds, codes. Never a key, an address or a profile; see telemetry-words.ts. */
export type LogFields = Readonly<Partial<Record<LogField, string | number | boolean | undefined>>>;

/** Says that something has happened. Fields that the words do not know are left out, and so are values that do not look as theirs must. */
export type Log = (event: LogEvent, fields?: LogFields) => void;

export type Attributes = Readonly<Partial<Record<AttributeName, string | number | boolean | undefined>>>;

/** A piece of work while it goes on. */
export interface Span {
  /** Adds what became known on the way. */
  set(attributes: Attributes): void;
  /** Says that it went wrong; whatever is thrown out of the work says so by itself. */
  fail(error: unknown): void;
}

export interface SpanOptions {
  /** `server` and `consumer` begin work that somebody outside asked for, `client` and `producer` ask others; default: `internal` */
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  readonly attributes?: Attributes;
  /**
   * W3C trace context of whoever asked for this work, or `new` for a trace of its own; the span is then linked to the one around it, e.g. a
   * slice of a run to the host's invocation. Without it that one is the parent.
   */
  readonly parent?: string | undefined;
  /** every log line of the work carries these */
  readonly fields?: LogFields;
}

/**
 * What the parts know of telemetry: work, and numbers. Nothing of it throws, waits for a network or costs much; without a place to send to
 * all of it does nothing but the work.
 */
export interface Telemetry {
  readonly isOn: boolean;
  span<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T>;
  count(name: CounterName, attributes: Attributes, value?: number): void;
  record(name: HistogramName, value: number, attributes?: Attributes): void;
  gauge(name: GaugeName, value: number, attributes?: Attributes): void;
  /** W3C trace context of the work that goes on, to be handed to whoever goes on with it; undefined where nothing is traced */
  traceparent(): string | undefined;
}

/** Of work that nobody traces. */
export const noSpan: Span = { set: () => undefined, fail: () => undefined };

/** For parts that nobody listens to. */
export const noTelemetry: Telemetry = {
  isOn: false,
  span: (_name, _options, work) => work(noSpan),
  count: () => undefined,
  record: () => undefined,
  gauge: () => undefined,
  traceparent: () => undefined,
};

/** Also one of another realm. */
const isError = (error: unknown): error is Error & { stack: string } =>
  typeof (error as { stack?: unknown } | null)?.stack === 'string' && typeof (error as { message?: unknown }).message === 'string';

/**
 * The places in the code that an error comes from, innermost first, without its message: that may quote what was sent or read, e.g. a
 * row in an error of JSON.parse or an address in one of URL.
 */
export const framesOf = (error: unknown): string[] => {
  if (!isError(error)) return [];
  const { stack, message } = error;
  // a message of several lines could look like a frame
  const from = message === '' ? 0 : stack.indexOf(message);
  return stack
    .slice(from < 0 ? 0 : from + message.length)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^at [^@]*:\d+:\d+\)?$/.test(line));
};

/** Whether something that was thrown means that work went wrong: there is also what asks to come back later, and says so by `isFailure`. */
export const isFailure = (error: unknown): boolean => (error as { isFailure?: boolean } | null)?.isFailure !== false;

/** What something that was thrown is called: the code of an error of ours or of a service, else its class. */
export const errorType = (error: unknown): string => {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return typeof code === 'string' ? code : typeof name === 'string' ? name : typeof error;
};

/**
 * What may be said of an error in a log: its class, code, status and place. Its text stays here: that of an unknown error may quote what
 * was sent or read, and that of a known one adds nothing to its code. Nor does it leave by the host, see `withoutText`.
 */
export const errorFields = (error: unknown): LogFields => {
  if (!isError(error)) return { error: typeof error };
  const { code, status, requestId } = error as { code?: unknown; status?: unknown; requestId?: unknown };
  const at = framesOf(error)[0];
  return {
    error: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof status === 'number' ? { status } : {}),
    ...(typeof requestId === 'string' ? { requestId } : {}),
    ...(at === undefined ? {} : { at: at.slice(0, 200) }),
  };
};

/** An error that the host may write into its own log as it is: class, code and places of another one. */
export const withoutText = (error: unknown): Error => {
  const { error: name = 'Error', code } = errorFields(error);
  const told = new Error(`${name}${code === undefined ? '' : ` ${code}`}; the app’s log says more.`);
  told.stack = [`Error: ${told.message}`, ...framesOf(error).map((frame) => `    ${frame}`)].join('\n');
  return told;
};
