export type Processing = {
  /** Rows a second that an account's jobs share. */
  readonly rowsPerSecond: number;
  /** Time a job waits in `queued`, in milliseconds. */
  readonly startDelayMs: number;
  /** Jobs of one account that are processed side by side. */
  readonly concurrentJobs: number;
};

/** Where public sources conflict, `strict` takes the reading that is harder on the client; each switch can be set alone. */
export type Rules = {
  /** 4.15: a phone that is not E.164 refuses the whole request, or is silently left out (both observed). */
  readonly badPhone: 'refuse' | 'drop';
  /** 4.31: unknown profile ids on list relationships are 404, or ignored (no source). */
  readonly unknownIds: 'refuse' | 'ignore';
  /** 4.7: an oversized body is answered in JSON, or by the edge in HTML (assumed). */
  readonly tooLargeAs: 'json' | 'html';
  /** 4.4: a request without `revision` is 400, or served by the newest one (reports conflict). */
  readonly missingRevision: 'refuse' | 'newest';
};
export const STRICT: Rules = { badPhone: 'refuse', unknownIds: 'refuse', tooLargeAs: 'json', missingRevision: 'refuse' };
export const LENIENT: Rules = { badPhone: 'drop', unknownIds: 'ignore', tooLargeAs: 'json', missingRevision: 'newest' };

export type SandboxOptions = {
  /** false turns the rate windows off, for benches. */
  readonly limits?: boolean;
  /** Added to each API answer by the server, in milliseconds. */
  readonly latencyMs?: number;
  /** 'instant' completes a job inside its admission; by default 100,000 rows a second after 300 ms. */
  readonly processing?: 'instant' | Partial<Processing>;
  readonly rules?: 'strict' | 'lenient' | Partial<Rules>;
  /** Seed of ids and of every shuffled order. */
  readonly seed?: number;
  /** false starts without the account SANDBX. */
  readonly defaultAccount?: boolean;
};

export const DEFAULT_PROCESSING: Processing = { rowsPerSecond: 100_000, startDelayMs: 300, concurrentJobs: 3 };
export const INSTANT: Processing = { rowsPerSecond: Infinity, startDelayMs: 0, concurrentJobs: 1 };

/** Fills in what a processing option leaves out. */
export const resolveProcessing = (given: SandboxOptions['processing'], base: Processing = DEFAULT_PROCESSING): Processing =>
  given === 'instant' ? INSTANT : { ...(base === INSTANT && given ? DEFAULT_PROCESSING : base), ...given };

/** Fills in what a rules option leaves out: `strict` unless told. */
export const resolveRules = (given: SandboxOptions['rules']): Rules =>
  given === 'lenient' ? LENIENT : given === 'strict' || given === undefined ? STRICT : { ...STRICT, ...given };
