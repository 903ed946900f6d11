import type { z } from 'zod';
import { ConnectionId } from '../ids';
import { Export } from './export';

/** The values of a new export, to be looked through, changed and sent to `POST /exports`; detached, it lacks the connection. */
export const ExportDraft = Export.pick({
  name: true,
  listId: true,
  segments: true,
  mapping: true,
  membership: true,
  schedule: true,
  maxProfiles: true,
  canaryRows: true,
  resyncDays: true,
  maxInvalidShare: true,
  guardCount: true,
  guardShare: true,
  notify: true,
})
  .extend({ connectionId: ConnectionId.optional() })
  .meta({ id: 'ExportDraft' });
export type ExportDraft = z.infer<typeof ExportDraft>;

const MAX_NAME = 200;
const COPY = /^(.*) \(copy(?: \d+)?\)$/su;

/** "VIP" → "VIP (copy)", then "VIP (copy 2)" …: the first that is free, case aside. A copy of a copy counts on. */
export const freeName = (name: string, taken: readonly string[]): string => {
  const used = new Set(taken.map((one) => one.toLowerCase()));
  const base = COPY.exec(name)?.[1] ?? name;
  for (let count = 1; ; count += 1) {
    const suffix = count === 1 ? ' (copy)' : ` (copy ${count})`;
    // never through the middle of a character
    const room = base.slice(0, MAX_NAME - suffix.length).replace(/[\uD800-\uDBFF]$/, '');
    const candidate = `${room.trimEnd()}${suffix}`;
    if (!used.has(candidate.toLowerCase())) return candidate;
  }
};

export const draftOf = (segmentExport: Export, taken: readonly string[]): ExportDraft => ({
  ...ExportDraft.parse(segmentExport),
  name: freeName(segmentExport.name, taken),
});
