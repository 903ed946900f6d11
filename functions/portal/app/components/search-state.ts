import { useSearchParams } from 'wouter';

/** Filters and sorting live in the address, so that a view can be sent to somebody; an empty value leaves it. */
export const useSearchState = (): {
  readonly value: (name: string) => string | undefined;
  readonly set: (change: Readonly<Record<string, string | undefined>>) => void;
} => {
  const [params, setParams] = useSearchParams();
  return {
    value: (name) => params.get(name) ?? undefined,
    set: (change) =>
      setParams(
        (before) => {
          const after = new URLSearchParams(before);
          for (const [name, value] of Object.entries(change)) {
            if (value === undefined || value === '') after.delete(name);
            else after.set(name, value);
          }
          return after;
        },
        { replace: true },
      ),
  };
};
