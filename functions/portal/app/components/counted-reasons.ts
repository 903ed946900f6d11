/** Reasons with how often each came, the most frequent first. */
export const byFrequency = (reasons: Readonly<Record<string, number>>): readonly { readonly code: string; readonly count: number }[] =>
  Object.entries(reasons)
    .map(([code, count]) => ({ code, count }))
    .sort((one, other) => other.count - one.count || (one.code < other.code ? -1 : 1));
