export type Processing = {
  /** Rows a second that an account's jobs share. */
  readonly rowsPerSecond: number;
  /** Time a job waits in `queued`, in milliseconds. */
  readonly startDelayMs: number;
  /** Jobs of one account that are processed side by side. */
  readonly concurrentJobs: number;
  /** Jobs of one account that are taken in hand a second. */
  readonly jobsPerSecond: number;
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
  /** Seed of ids and of every shuffled order; without one, the start. */
  readonly seed?: number;
  /** false starts without the account SANDBX. */
  readonly defaultAccount?: boolean;
  /** true: a question that the sandbox cannot answer (501) is no failure when it is closed. */
  readonly allowGaps?: boolean;
};

export const DEFAULT_PROCESSING: Processing = { rowsPerSecond: 100_000, startDelayMs: 300, concurrentJobs: 3, jobsPerSecond: Infinity };
export const INSTANT: Processing = { rowsPerSecond: Infinity, startDelayMs: 0, concurrentJobs: 1, jobsPerSecond: Infinity };

/** Fills in what a processing option leaves out. */
export const resolveProcessing = (given: SandboxOptions['processing'], base: Processing = DEFAULT_PROCESSING): Processing =>
  given === 'instant' ? INSTANT : { ...(base === INSTANT && given ? DEFAULT_PROCESSING : base), ...given };

/** Fills in what a rules option leaves out: `strict` unless told. */
export const resolveRules = (given: SandboxOptions['rules']): Rules =>
  given === 'lenient' ? LENIENT : given === 'strict' ? STRICT : { ...STRICT, ...given };

/** An option that means nothing; the message says why. */
export class OptionError extends Error {}

const isNumber = (value: unknown, least: number): boolean => Number.isFinite(value) && (value as number) >= least;
/** Least value of each number, with "more than" for speeds: at 0 nothing would ever happen. */
const SPEEDS: Readonly<Record<string, number>> = {
  rowsPerSecond: 0.001,
  startDelayMs: 0,
  concurrentJobs: 1,
  jobsPerSecond: 0.001,
};

/**
 * Reads what can be changed while the sandbox runs.
 * @throws OptionError for a name that does not exist or a value that means nothing
 */
export const checkOptions = (given: unknown): Pick<SandboxOptions, 'processing' | 'limits' | 'latencyMs'> => {
  const options = (given ?? {}) as Record<string, unknown>;
  for (const [name, value] of Object.entries(options)) {
    if (name === 'limits' && typeof value === 'boolean') continue;
    if (name === 'latencyMs' && isNumber(value, 0)) continue;
    if (name !== 'processing')
      throw new OptionError(`"${name}" is no option, or not with this value: there are processing, limits and latencyMs`);
    if (value === 'instant') continue;
    for (const [speed, number] of Object.entries((value ?? {}) as Record<string, unknown>)) {
      const least = SPEEDS[speed] ?? Infinity;
      if (!isNumber(number, least))
        throw new OptionError(
          `processing is "instant" or has ${Object.keys(SPEEDS).join(', ')} as numbers of at least 0, speeds of more than 0`,
        );
    }
  }
  return options;
};
