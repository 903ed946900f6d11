/** Values that may be logged: ids, counts, milliseconds, codes. Never a key, an address or a profile. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export type Log = (event: string, fields?: LogFields) => void;

/** One JSON line an event: an event name and fields, so that Log Analytics can count and filter them. */
export const createLog =
  ({ write }: { write: (line: string) => void }): Log =>
  (event, fields = {}) =>
    write(JSON.stringify({ event, ...fields }));

/** What may be said of an error in a log: its class and code, not its text, which may quote what was sent. */
export const errorFields = (error: unknown): LogFields => {
  if (!(error instanceof Error)) return { error: typeof error };
  const { code, status, requestId } = error as { code?: unknown; status?: unknown; requestId?: unknown };
  return {
    error: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof status === 'number' ? { status } : {}),
    ...(typeof requestId === 'string' ? { requestId } : {}),
    // the place, without the message
    at: error.stack
      ?.split('\n')
      .find((line) => line.includes('at '))
      ?.trim()
      .slice(0, 200),
  };
};
