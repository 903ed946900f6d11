/**
 * Signals that end work in time: the Functions context has none. `end` is called from the host's terminate hook.
 * @see @azure/functions 4.16.5: InvocationContext has no AbortSignal, app.hook.appTerminate exists
 */
export const createLifetime = () => {
  const ending = new AbortController();
  return {
    /** Aborted when the app ends, or after `deadlineMs`. */
    signal: ({ deadlineMs }: { deadlineMs: number }): AbortSignal => AbortSignal.any([ending.signal, AbortSignal.timeout(deadlineMs)]),
    end: (): void => ending.abort(new DOMException('The app ends.', 'AbortError')),
  };
};

export type Lifetime = ReturnType<typeof createLifetime>;
