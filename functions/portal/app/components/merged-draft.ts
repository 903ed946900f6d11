import { useState } from 'react';
import { isSame, meet, withParts } from './meet';
import type { Meeting, Part } from './meet';

export type { Part };

interface Draft<V> {
  /** what was read when typing began, and its version */
  readonly base: V;
  readonly etag: string | undefined;
  readonly value: V;
}

/**
 * What is typed upon something that others may save meanwhile. As soon as their version is read (by itself, or after the API has refused
 * ours), both are merged: what only one of us has changed is taken as it is; where both have, somebody has to decide before it can be saved.
 * @param etag version of `read`; a new one means that somebody has saved
 */
export const useMergedDraft = <V extends object>({
  read,
  etag,
  parts,
}: {
  readonly read: V | undefined;
  readonly etag: string | undefined;
  readonly parts: readonly Part<V>[];
}) => {
  const [draft, setDraft] = useState<Draft<V>>();
  const meeting: Meeting<V> | undefined =
    draft !== undefined && read !== undefined && draft.etag !== etag
      ? meet(parts, { base: draft.base, mine: draft.value, theirs: read })
      : undefined;
  const undecided = meeting !== undefined && meeting.both.length > 0;
  const value = meeting?.merged ?? draft?.value ?? read;
  const decide = (decided: V) => read !== undefined && setDraft({ base: read, etag, value: decided });
  return {
    value,
    setTyped: (next: V) =>
      setDraft((before) => (before === undefined ? read && { base: read, etag, value: next } : { ...before, value: next })),
    changed: draft !== undefined && value !== undefined && read !== undefined && parts.some((part) => !isSame(part, value, read)),
    /** the version to save upon; undefined while somebody has to decide */
    version: draft === undefined || undecided ? undefined : etag,
    /** what others have saved meanwhile; undefined where nobody has */
    meeting,
    keepMine: () => meeting !== undefined && decide(meeting.merged),
    takeTheirs: () => meeting !== undefined && read !== undefined && decide(withParts(meeting.merged, meeting.both, read)),
    undo: () => setDraft(undefined),
  };
};

export type MergedDraft<V extends object> = ReturnType<typeof useMergedDraft<V>>;
