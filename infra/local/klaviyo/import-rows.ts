import { gunzipSync } from 'node:zlib';
import { createUuid } from './ids';
import type { Rules } from './options';
import { MAX_PROFILE_BYTES, TOO_LARGE } from './profile-check';
import { createRandom, hashText, shuffledOrder } from './random';
import type { Account, Job } from './state';
import { CONFLICT, upsertProfile, type ProfileRow } from './upsert';

type Loaded = {
  readonly rows: ProfileRow[];
  readonly order: Int32Array;
  /** rows of the profile store that the job has made or changed: a duplicate within it is dropped (4.21) */
  readonly touched: Set<number>;
};
/** Parsed bodies of the jobs in hand: a cache beside the state, so that waiting jobs cost only their bytes. */
const loaded = new WeakMap<Job, Loaded>();

/** The rows of a job's body, as admitted. */
const rowsOfBody = (body: Buffer, encoding: Job['encoding']): ProfileRow[] => {
  const text = (encoding === 'gzip' ? gunzipSync(body) : body).toString('utf8');
  return (JSON.parse(text) as { data: { attributes: { profiles: { data: ProfileRow[] } } } }).data.attributes.profiles.data;
};

const load = (job: Job): Loaded => {
  const known = loaded.get(job);
  if (known) return known;
  const rows = rowsOfBody(job.body!, job.encoding);
  const touched = new Set(job.profiles.subarray(0, job.completed));
  const fresh = { rows, order: shuffledOrder(rows.length, job.order), touched };
  loaded.set(job, fresh);
  return fresh;
};

/** An upper bound of a value's JSON in bytes, cheaper than writing it: six bytes a character. */
const roomOf = (value: unknown): number => {
  if (typeof value === 'string') return value.length * 6 + 2;
  if (typeof value !== 'object' || value === null) return 32;
  let room = 2;
  for (const name in value) room += name.length * 6 + 4 + roomOf((value as { [name: string]: unknown })[name]);
  return room;
};

const refusalOf = (profile: ProfileRow, index: number, job: Job): { code: string; detail: string } | undefined => {
  const { rowErrors } = job.faults;
  if (rowErrors?.emails?.includes(String(profile.attributes['email']).toLowerCase()))
    return { code: 'invalid', detail: 'Refused by the fault plan.' };
  if (rowErrors?.probability && createRandom(hashText(`${rowErrors.seed ?? 1} ${job.number} ${index}`))() < rowErrors.probability)
    return { code: 'invalid', detail: 'Refused by the fault plan.' };
  if (roomOf(profile) > MAX_PROFILE_BYTES && Buffer.byteLength(JSON.stringify(profile)) > MAX_PROFILE_BYTES)
    return { code: 'payload_too_large', detail: TOO_LARGE }; // 4.17, third party: admitted all the same
  return undefined;
};

const withRoomFor = (rows: Int32Array, total: number): Int32Array => {
  if (rows.length >= total) return rows;
  const room = new Int32Array(total);
  room.set(rows);
  return room;
};

/** Takes the next rows of a job in hand: each becomes a profile and a member, an import error, or (a duplicate within the job) nothing. */
export const takeRows = (
  account: Account,
  job: Job,
  { count, at, badPhone }: { count: number; at: number; badPhone: Rules['badPhone'] },
): void => {
  const { rows, order, touched } = load(job);
  const lists = job.lists.map((id) => account.lists.get(id)).filter((list) => list !== undefined);
  const end = Math.min(job.taken + count, job.total);
  job.profiles = withRoomFor(job.profiles, job.total);
  for (; job.taken < end; job.taken += 1) {
    const index = order[job.taken]!;
    const profile = rows[index]!;
    const refused = refusalOf(profile, index, job);
    const result = refused ? { error: refused.detail } : upsertProfile(account.profiles, profile, { atMs: at, nulls: 'ignore', badPhone });
    if ('error' in result) {
      const code = refused?.code ?? (result.error === CONFLICT ? 'duplicate_profile' : 'invalid');
      const id = createUuid(createRandom(hashText(`${job.id} ${index}`)));
      // The payload may be null (4.28, documented).
      const payload = job.faults.rowErrors?.payloadNull ? null : profile;
      job.errors.push({ id, code, title: 'Invalid input', detail: result.error, index, payload });
    } else if (!touched.has(result.row)) {
      touched.add(result.row);
      job.profiles[job.completed] = result.row;
      job.completed += 1;
      for (const list of lists) list.members.join(result.row, at);
    }
  }
  if (job.taken >= job.total) loaded.delete(job);
};
