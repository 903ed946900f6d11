/** What can be changed by itself in a form: one field, or some that belong together. */
export interface Part<V> {
  readonly label: string;
  readonly fields: readonly (keyof V)[];
  /** what it holds, in words */
  readonly text: (value: V) => string;
}

export interface Meeting<V> {
  /** theirs, with what I have changed */
  readonly merged: V;
  /** what they have changed, and I have not, or to the same */
  readonly theirs: readonly Part<V>[];
  /** what both have changed, to different values: mine stands in `merged` until somebody decides */
  readonly both: readonly Part<V>[];
}

/** Whether two versions hold the same in a part; the order of an object's fields says nothing. */
export const isSame = <V>({ fields }: Part<V>, one: V, other: V): boolean =>
  fields.every((field) => JSON.stringify(one[field]) === JSON.stringify(other[field]));

/** A value with some parts as another one has them; what is absent there goes. */
export const withParts = <V extends object>(value: V, parts: readonly Part<V>[], from: V): V => {
  const fields = parts.flatMap((part) => part.fields);
  const rest = Object.entries(value).filter(([name]) => !fields.includes(name as keyof V));
  return Object.fromEntries([...rest, ...fields.filter((name) => name in from).map((name) => [name, from[name]])]) as V;
};

/**
 * What becomes of a form when somebody else has saved meanwhile: nothing that was typed is lost, and nothing of theirs is overwritten
 * unseen.
 * @param base what was read when typing began
 */
export const meet = <V extends object>(
  parts: readonly Part<V>[],
  { base, mine, theirs }: { readonly base: V; readonly mine: V; readonly theirs: V },
): Meeting<V> => {
  const own = parts.filter((part) => !isSame(part, base, mine));
  const others = parts.filter((part) => !isSame(part, base, theirs));
  const both = others.filter((part) => own.includes(part) && !isSame(part, mine, theirs));
  return { merged: withParts(theirs, own, mine), theirs: others.filter((part) => !both.includes(part)), both };
};
