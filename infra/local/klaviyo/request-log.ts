export type LogEntry = {
  readonly at: string;
  readonly account: string | null;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly bytes: number;
  latencyMs: number;
};

const KEPT = 2000;

/** Remembers the last 2,000 requests, by path template and without bodies, and counts all of them by endpoint and status. */
export const createRequestLog = () => {
  const entries: LogEntry[] = [];
  const counts = new Map<string, number>();
  let requests = 0;
  return {
    add: (entry: LogEntry): void => {
      entries.push(entry);
      if (entries.length > KEPT) entries.shift();
      requests += 1;
      const name = `${entry.method} ${entry.path} ${entry.status}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    },
    entries: (): readonly LogEntry[] => entries,
    counters: () => {
      const byEndpoint: { [endpoint: string]: { [status: string]: number } } = {};
      let throttled = 0;
      for (const [name, count] of counts) {
        const [method, path, status] = name.split(' ') as [string, string, string];
        byEndpoint[`${method} ${path}`] = { ...byEndpoint[`${method} ${path}`], [status]: count };
        if (status === '429') throttled += count;
      }
      return { requests, throttled, byEndpoint };
    },
    clear: (): void => {
      entries.length = 0;
      counts.clear();
      requests = 0;
    },
  };
};
