/**
 * Dataverse's limits for one user on one web server, in a sliding window of five minutes: requests, execution time, and requests at once.
 * @see learn.microsoft.com "Service protection API limits"
 */
export interface LimitOptions {
  readonly requests: number;
  readonly executionSeconds: number;
  readonly concurrent: number;
  readonly windowSeconds: number;
}

export const publishedLimits: LimitOptions = { requests: 6_000, executionSeconds: 1_200, concurrent: 52, windowSeconds: 300 };

export interface Throttled {
  readonly code: '0x80072322' | '0x80072321' | '0x80072326';
  readonly message: string;
  readonly retryAfterSeconds: number;
}

/** @param now milliseconds */
export const createLimits = (options: LimitOptions, now: () => number) => {
  const windowMs = options.windowSeconds * 1_000;
  let past: { at: number; executionMs: number }[] = [];
  let running = 0;
  let pressed = 0; // asking while told to wait makes the wait longer

  return {
    /** @returns why a request may not begin now; undefined when it has begun */
    begin: (): Throttled | undefined => {
      const at = now();
      past = past.filter((one) => one.at > at - windowMs);
      const throttled = (code: Throttled['code'], message: string, freeAt: number): Throttled => {
        pressed += 1;
        return { code, message, retryAfterSeconds: Math.max(1, Math.ceil((freeAt - at) / 1_000) + Math.min(pressed - 1, 30)) };
      };
      if (running >= options.concurrent)
        return throttled('0x80072326', `Number of concurrent requests exceeded the limit of ${options.concurrent}.`, at + 1_000);
      if (past.length >= options.requests)
        return throttled(
          '0x80072322',
          `Number of requests exceeded the limit of ${options.requests} over time window of ${options.windowSeconds} seconds.`,
          past[past.length - options.requests]!.at + windowMs,
        );
      let executionMs = past.reduce((sum, one) => sum + one.executionMs, 0);
      if (executionMs >= options.executionSeconds * 1_000) {
        const leaving = past.find((one) => (executionMs -= one.executionMs) < options.executionSeconds * 1_000);
        return throttled(
          '0x80072321',
          `Combined execution time of incoming requests exceeded limit of ${options.executionSeconds} seconds over time window of ${options.windowSeconds} seconds.`,
          (leaving?.at ?? at) + windowMs,
        );
      }
      pressed = 0;
      running += 1;
      return undefined;
    },
    end: (executionMs: number): void => {
      running -= 1;
      past.push({ at: now(), executionMs });
    },
  };
};
