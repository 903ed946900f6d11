import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { LimitError } from '../../errors';
import type { ExportActivity } from '../../exports/export';
import { mappedFields } from '../../exports/mapping';
import type { RunId } from '../../ids';
import { endpoints } from '../../klaviyo/endpoints';
import { findJob } from '../../klaviyo/import-jobs';
import { leastSeconds } from '../../klaviyo/pacing';
import {
  MAX_BODY_BYTES,
  MAX_PROFILES_PER_JOB,
  MAX_PROFILE_BYTES,
  PROFILE_HEAD,
  attributesRoom,
  bodyFrame,
  compileMapping,
  lastRow,
  put,
  putAttributes,
} from '../../klaviyo/payload';
import type { RowChunk, SegmentSource, SourceSnapshot } from '../../segments/segment-source';
import { recount } from '../accounting';
import { createEmailLog, readEmailBatches } from '../email-log';
import type { ExportActivities } from '../export-activity';
import {
  EMAIL_MISSING,
  EMAIL_TOO_LONG,
  NORMALISER_VERSION,
  hashMember,
  hashPayload,
  memberKey,
  payloadHash,
  writeEmail,
} from '../member-key';
import type { HashKey } from '../member-key';
import { ADDED, KNOWN, MAX_BATCH, MemberTable, PRESENT, SEEN, SENT, SHARED, markOf } from '../member-state';
import type { StateHeader } from '../member-state';
import type { ReportedRow, RowReports } from '../row-report';
import type { RunStore } from '../run-store';
import { noCounts } from '../run';
import type { FrozenConfig, StagedBatch } from '../run';
import type { Phase, PhaseResult, Slice } from '../slice';
import { STAGED_ROW_BYTES, putStagedRow } from '../staged-rows';
import type { Staging } from '../staging';
import type { LoadedState, StateStore } from '../state-store';

/** Prepare is not cut by the slice's time, only shortly before the function's own end (design §2). */
const MAX_PREPARE_MS = 540_000;
/** A snapshot that is not whole is waited for this long. */
const MAX_WAIT_FOR_SNAPSHOT_MS = 3_600_000;
const LOOK_AGAIN_MS = 60_000;
/** So long are rows handled before others have their turn. */
const MAX_TURN_MS = 5;
/** Bodies being compressed and stored while the next one is filled. */
const MAX_STAGING = 2;
/** People watch: how much has been read is written down this often. */
const SHOW_EVERY_MS = 2_000;
const CUSTOMER_ID = 'CustomerId';

/** People looked for at the end, unless all are asked for (design §2, verify). */
const SAMPLE_SIZE = 1_000;
/** Removals of this long count together against the guard, so that a list cannot bleed under it. */
const REMOVALS_COUNT_MS = 7 * 86_400_000;

const compress = promisify(gzip);

/** Numbers in [0, 1), the same for the same seed (mulberry32), so that a repeated prepare looks for the same people. */
const createRandom = (seed: number) => {
  let state = seed | 0;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};

const COMMA = 0x2c;
const QUOTE = 0x22;
const BRACE = 0x7d;

/** What must be the same for two runs to send the same thing. */
export const mappingDigestOf = (config: FrozenConfig, types: readonly string[]): string =>
  createHash('sha256')
    .update(JSON.stringify([config.mapping, types]))
    .digest('hex')
    .slice(0, 32);

export const servedDigestOf = (snapshotId: string, config: FrozenConfig): string =>
  createHash('sha256')
    .update(
      JSON.stringify([
        snapshotId,
        config.connectionId,
        config.accountId,
        config.listId,
        config.segments,
        config.mapping,
        config.membership,
      ]),
    )
    .digest('hex')
    .slice(0, 32);

/** Streams the source once: maps, checks, de-duplicates, compares with the last state, and stages what will be sent. */
export const createPrepare =
  ({
    source,
    staging,
    reports,
    states,
    activities,
    store,
    hashKey,
    useGzip,
  }: {
    source: SegmentSource;
    staging: Staging;
    reports: RowReports;
    states: StateStore;
    activities: ExportActivities;
    store: Pick<RunStore, 'find'>;
    hashKey: (options: { signal: AbortSignal }) => Promise<HashKey>;
    useGzip: boolean;
  }): Phase =>
  async (slice) => {
    const { document, signal } = slice;
    const { run, config } = document;

    const snapshot = await source.snapshot(config.segments, { signal });
    if (!snapshot.complete) return waitForSnapshot(slice, snapshot);
    delete document.waitingSince;
    run.snapshotId = snapshot.id;
    run.refreshedAt = snapshot.refreshedAt;

    const activity = await activities.get(run.exportId, { signal });
    const refusal = await checkFollowUp(slice, activity, { store });
    if (refusal) return refusal;
    const servedDigest = servedDigestOf(snapshot.id, config);
    const bySource = run.trigger.kind === 'schedule' || run.trigger.kind === 'event';
    if (bySource && !run.full && activity.servedDigest === servedDigest) {
      return {
        end: 'skipped',
        error: {
          code: 'snapshot_served',
          message: 'The segments have not been refreshed since the last run, so there was nothing to bring.',
        },
      };
    }

    // a new folder for each attempt: run.json names the one that counts
    document.attempt += 1;
    delete document.staged;
    document.stateGeneration = activity.stateGeneration;
    run.counts = noCounts();
    run.invalidByReason = {};
    run.segments = [];
    await slice.save();
    await staging.removeBefore(run.id, document.attempt, { signal });

    const key = await hashKey({ signal });
    const loaded = await states.load(run.exportId, activity.stateGeneration, { signal });
    const types = mappedFields(config.mapping).map(
      (field) => snapshot.segments[0]?.fields.find(({ name }) => name === field)?.dataType ?? 'string',
    );
    const header = newHeader(slice, key, mappingDigestOf(config, types));
    const oldEmails =
      config.membership === 'mirror' ? await states.openEmails(run.exportId, activity.stateGeneration, { signal }) : undefined;
    const begun = beginWith(slice, loaded, header, { fullNext: activity.fullNext ?? false, emailsThere: oldEmails !== undefined });
    header.openJobs = await stillOpen(slice, header.openJobs);
    const only = run.retryOf ? await rejectedKeys(run.retryOf, { reports, key, signal }) : undefined;

    const result = await stageRows({ slice, source, snapshot, staging, reports, key, header, useGzip, only, ...begun });
    oldEmails?.destroy();
    await stagePeople(slice, {
      staging,
      states,
      generation: activity.stateGeneration,
      fromOld: begun.keepsEmails,
      ...result,
      table: begun.table,
    });
    await staging.writeMembers(run.id, document.attempt, header, begun.table, { signal });
    document.proven = header.proven;
    document.remove = {
      leavers: run.plan!.leavers,
      members: result.oldMembers,
      lately: header.removals.reduce((sum, { count }) => sum + count, 0),
      held: false,
      attempted: 0,
      done: 0,
    };
    document.staged = { attempt: document.attempt, batches: result.batches, heldBack: run.counts.unsent, gzip: useGzip, servedDigest };
    recount(document);
    run.jobs = { total: result.batches.length, submitted: 0, ended: 0 };
    await slice.save();
    return { next: 'gate' };
  };

const waitForSnapshot = async (slice: Slice, snapshot: SourceSnapshot) => {
  const { document } = slice;
  document.waitingSince ??= slice.now().toISOString();
  const reason = snapshot.reason ?? 'The segments are being written.';
  if (slice.now().getTime() - Date.parse(document.waitingSince) > MAX_WAIT_FOR_SNAPSHOT_MS) {
    return {
      end: 'skipped',
      error: { code: 'snapshot_incomplete', message: `The segments were not complete within an hour: ${reason}` },
    } as const;
  }
  slice.warn('waiting_for_source', `Waiting until the segments are complete: ${reason}`);
  await slice.save();
  return { waitMs: LOOK_AGAIN_MS };
};

const newHeader = ({ document: { run, config, stateGeneration } }: Slice, key: HashKey, mappingDigest: string): StateHeader => ({
  version: 1,
  exportId: run.exportId,
  generation: stateGeneration + 1,
  count: 0,
  accountId: config.accountId,
  listId: config.listId,
  membership: config.membership,
  mappingDigest,
  hashKeyId: key.id,
  normaliser: NORMALISER_VERSION,
  runId: run.id,
  runNumber: run.number,
  proven: false,
  openJobs: [],
  removals: [],
});

interface Beginning {
  readonly table: MemberTable;
  readonly sendAll: boolean;
  /** whether the addresses of the old members go on with them */
  readonly keepsEmails: boolean;
}

/** With which members a run begins, and whether it sends everything. */
const beginWith = (
  slice: Slice,
  loaded: LoadedState,
  header: StateHeader,
  { fullNext, emailsThere }: { fullNext: boolean; emailsThere: boolean },
): Beginning => {
  const { run, config } = slice.document;
  const fromNothing = (): Beginning => {
    header.fullAt = slice.now().toISOString();
    return { table: new MemberTable(), sendAll: true, keepsEmails: false };
  };
  if (loaded.kind === 'none') return fromNothing();
  if (loaded.kind === 'unreadable') {
    slice.warn(
      'state_unreadable',
      `What earlier runs sent cannot be read (${loaded.reason}), so everything is sent and nobody is removed.`,
    );
    return fromNothing();
  }
  const old = loaded.header;
  if (old.accountId !== header.accountId || old.listId !== header.listId) {
    slice.warn(
      'list_changed',
      `${old.count.toLocaleString('en')} people sent to the former list stay on it; remove them in Klaviyo if they should not.`,
    );
    return fromNothing();
  }
  if (old.hashKeyId !== header.hashKeyId || old.normaliser !== header.normaliser) {
    slice.warn('state_key_changed', 'What earlier runs sent was written with another key, so everything is sent and nobody is removed.');
    return fromNothing();
  }
  if (header.membership === 'mirror' && (old.membership !== 'mirror' || !emailsThere)) {
    // a hash cannot be turned back into an address: whoever left before is not known by name
    if (old.membership === 'mirror')
      slice.warn('state_unreadable', 'The addresses of earlier runs are missing, so everything is sent and nobody is removed.');
    return { ...fromNothing(), sendAll: true };
  }
  header.openJobs = old.openJobs.filter(({ expiresAt }) => Date.parse(expiresAt) > slice.now().getTime());
  header.removals = old.removals.filter(({ at }) => slice.now().getTime() - Date.parse(at) < REMOVALS_COUNT_MS);
  header.proven = old.proven && old.mappingDigest === header.mappingDigest;
  header.fullAt = old.fullAt;
  const keepsEmails = header.membership === 'mirror';
  if (run.retryOf || run.approves) return { table: loaded.table, sendAll: false, keepsEmails };
  const due = old.fullAt === undefined || slice.now().getTime() - Date.parse(old.fullAt) > config.resyncDays * 86_400_000;
  const sendAll = run.full || due || fullNext || old.mappingDigest !== header.mappingDigest || old.membership !== header.membership;
  if (sendAll) header.fullAt = slice.now().toISOString();
  return { table: loaded.table, sendAll, keepsEmails };
};

/** So many jobs of earlier runs are asked for; more than these are left to the next run. */
const MAX_ASKED = 20;

/** Jobs of earlier runs that had not ended by their deadline: those that have meanwhile no longer keep their rows back. */
const stillOpen = async (slice: Slice, openJobs: StateHeader['openJobs']): Promise<StateHeader['openJobs']> => {
  if (openJobs.length === 0) return openJobs;
  const client = await slice.klaviyo();
  const left = openJobs.slice(MAX_ASKED);
  for (const open of openJobs.slice(0, MAX_ASKED)) {
    const job = await findJob(client, open.jobId, { signal: slice.signal });
    if (job !== undefined && job.status !== 'complete' && job.status !== 'cancelled') left.push(open);
  }
  return left;
};

/** Approved removals and retried rows belong to one run of one snapshot and list; anything newer makes them void. */
const checkFollowUp = async (
  { document, signal }: Slice,
  activity: ExportActivity,
  { store }: { store: Pick<RunStore, 'find'> },
): Promise<PhaseResult | undefined> => {
  const { run, config } = document;
  const earlier = run.approves?.runId ?? run.retryOf;
  if (!earlier) return undefined;
  const found = await store.find(earlier, { signal });
  const same =
    found !== undefined &&
    found.document.config.listId === config.listId &&
    found.document.config.accountId === config.accountId &&
    activity.lastRunId === earlier &&
    (run.retryOf !== undefined || found.document.run.snapshotId === run.snapshotId);
  if (same) return undefined;
  const message = run.retryOf
    ? 'The export has run or changed since, so these rows cannot be sent again by themselves; run the export.'
    : 'The segments, the list or the export have changed since the removals were held, so they were not carried out; run the export and look again.';
  return { end: 'failed', error: { code: 'changed_since', message } };
};

/** Keys of the rows that Klaviyo refused in a run. */
const rejectedKeys = async (
  runId: RunId,
  { reports, key, signal }: { reports: RowReports; key: HashKey; signal: AbortSignal },
): Promise<Map<string, ReportedRow>> => {
  const keys = new Map<string, ReportedRow>();
  for await (const row of reports.readAllRejected(runId, { signal })) {
    if (row.email === '') continue;
    const bytes = Buffer.from(row.email.trim().toLowerCase());
    hashMember(bytes, 0, bytes.length, key);
    keys.set(keyText(), row);
  }
  return keys;
};

const keyText = (): string => `${memberKey.a},${memberKey.b},${memberKey.c},${memberKey.d}`;

/**
 * Stages who may have to be named later: a mirror's addresses and leavers, and the people to look for at the end.
 * @param fromOld whether the old state's addresses come first
 */
const stagePeople = async (
  { document, signal }: Slice,
  {
    staging,
    states,
    generation,
    fromOld,
    table,
    oldMembers,
    openMarks,
    emails,
    sample,
  }: {
    staging: Staging;
    states: StateStore;
    generation: number;
    fromOld: boolean;
    table: MemberTable;
    oldMembers: number;
    openMarks: ReadonlySet<number>;
    emails: ReturnType<typeof createEmailLog> | undefined;
    sample: readonly string[];
  },
): Promise<void> => {
  const { run, attempt } = document;
  await staging.writeParts(run.id, attempt, 'sample', [await compress(sample.map((line) => `${line}\n`).join(''))], { signal });
  if (!emails) return;
  const old = fromOld ? await states.openEmails(run.exportId, generation, { signal }) : undefined;
  await staging.writeParts(
    run.id,
    attempt,
    'emails',
    (async function* () {
      if (old) yield* old as AsyncIterable<Uint8Array>;
      yield* emails.parts();
    })(),
    { signal },
  );
  const leavers = createEmailLog();
  let count = 0;
  if (fromOld && !run.retryOf) {
    let record = 0;
    for await (const batch of readEmailBatches((await states.openEmails(run.exportId, generation, { signal }))!)) {
      for (const email of batch) {
        if (record < oldMembers && (table.flags(record) & (SEEN | PRESENT)) === 0 && !openMarks.has(table.mark(record))) {
          leavers.addText(`${record}\t${email}`);
          count += 1;
        }
        record += 1;
      }
    }
  }
  await staging.writeParts(run.id, attempt, 'leavers', leavers.parts(), { signal });
  run.plan!.leavers = count;
};

/** One body being filled: bytes, rows, and the customers of its rows. */
interface Filling {
  readonly out: Uint8Array;
  at: number;
  rows: number;
  readonly customers: Uint8Array;
  customersAt: number;
}

const stageRows = async ({
  slice,
  source,
  snapshot,
  staging,
  reports,
  key,
  header,
  useGzip,
  table,
  sendAll,
  only,
}: {
  slice: Slice;
  source: SegmentSource;
  snapshot: SourceSnapshot;
  staging: Staging;
  reports: RowReports;
  key: HashKey;
  header: StateHeader;
  useGzip: boolean;
  table: MemberTable;
  sendAll: boolean;
  /** when set, only these rows are read and sent */
  only: Map<string, ReportedRow> | undefined;
}): Promise<{
  batches: StagedBatch[];
  oldMembers: number;
  openMarks: ReadonlySet<number>;
  emails: ReturnType<typeof createEmailLog> | undefined;
  sample: readonly string[];
}> => {
  const { document, signal } = slice;
  const { run, config, attempt } = document;
  const { counts } = run;
  const { head, tail } = bodyFrame(config.listId);
  const seedLow = parseInt(header.mappingDigest.slice(0, 8), 16) ^ key.words[4]!;
  const seedHigh = parseInt(header.mappingDigest.slice(8, 16), 16) ^ key.words[5]!;
  const mapped = mappedFields(config.mapping);
  const invalid = reports.invalidWriter(run.id, attempt, { signal });
  const batches: StagedBatch[] = [];
  const openMarks = new Set(header.openJobs.map(({ mark }) => mark));
  let distinct = 0;
  let shownAtMs = slice.ageMs();
  let joiners = 0;
  let changed = 0;
  let plannedBytes = 0;
  let oldMembers = 0;
  const emails = config.membership === 'mirror' ? createEmailLog() : undefined;
  // a reservoir: each of the people that should be there has the same chance to be looked for
  const sample: string[] = [];
  let sampled = 0;
  const random = createRandom(run.number);
  const mayBeLookedFor = (record: number, out: Uint8Array, at: number, length: number): void => {
    sampled += 1;
    const place = document.verifyAll || sample.length < SAMPLE_SIZE ? sample.length : Math.floor(random() * sampled);
    if (document.verifyAll || place < SAMPLE_SIZE)
      sample[place] = `${record}\t${Buffer.from(out.buffer, out.byteOffset + at, length).toString('latin1')}`;
  };
  const canaryRows = header.proven || run.dryRun || run.retryOf ? 0 : config.canaryRows;
  for (let record = 0; record < table.size; record += 1) {
    table.setFlags(record, table.flags(record) & SHARED);
    oldMembers += 1;
  }

  // bodies go round between the filler and the stager
  const room = attributesRoom(compileMapping(config.mapping, mapped, () => undefined)) + 1_000;
  const pool: Pick<Filling, 'out' | 'customers'>[] = [];
  const begin = (): Filling => {
    const { out, customers } = pool.pop() ?? {
      out: new Uint8Array(MAX_BODY_BYTES + room),
      customers: new Uint8Array(MAX_PROFILES_PER_JOB * STAGED_ROW_BYTES),
    };
    return { out, at: put(out, 0, head), rows: 0, customers, customersAt: 0 };
  };
  let filling = begin();
  const staged = new Set<Promise<void>>();
  let failure: unknown;
  const flush = (): void => {
    if (filling.rows === 0) return;
    const { out, rows, customers, customersAt } = filling;
    const end = put(out, filling.at, tail);
    const number = batches.length + 1;
    if (number > MAX_BATCH)
      throw new LimitError({ code: 'too_many_jobs', message: `More than ${MAX_BATCH} import jobs would be needed; map fewer fields.` });
    const batch: StagedBatch = { number, rows, bytes: 1, jobs: [], stripped: 0, posted: false };
    batches.push(batch);
    plannedBytes += end;
    const work = staging
      .writeBatch({ runId: run.id, attempt, number, useGzip }, out.subarray(0, end), customers.subarray(0, customersAt), { signal })
      .then(
        (bytes) => {
          batch.bytes = bytes;
          pool.push({ out, customers });
        },
        (error: unknown) => {
          failure ??= error;
        },
      )
      .finally(() => staged.delete(work));
    staged.add(work);
    filling = begin();
  };
  const stagingRoom = async (most: number): Promise<void> => {
    while (staged.size > most) await Promise.race(staged);
    if (failure) throw failure as Error;
  };

  for (const [segmentIndex, segment] of snapshot.segments.entries()) {
    const hasCustomerId = segment.fields.some(({ name }) => name === CUSTOMER_ID);
    const fields = hasCustomerId && !mapped.includes(CUSTOMER_ID) ? [...mapped, CUSTOMER_ID] : mapped;
    const customerColumn = fields.indexOf(CUSTOMER_ID);
    const plan = compileMapping(config.mapping, fields, (field) => segment.fields.find(({ name }) => name === field)?.dataType);
    const of = { name: segment.name, read: 0, invalid: 0, duplicates: 0, refreshedAt: segment.refreshedAt };
    run.segments.push(of);

    const refuse = (chunk: RowChunk, base: number, code: string): void => {
      of.invalid += 1;
      counts.invalid += 1;
      run.invalidByReason[code] = (run.invalidByReason[code] ?? 0) + 1;
      invalid.add({
        customerId: textOf(chunk, base, customerColumn),
        email: textOf(chunk, base, plan.emailColumn),
        segment: segment.name,
        code,
      });
    };

    /** The person of `memberKey` is in the source and so no leaver; another row of the address may be small enough. */
    const refuseTooLarge = (chunk: RowChunk, base: number): void => {
      const record = table.find();
      if (record >= 0) table.setFlags(record, table.flags(record) | PRESENT);
      refuse(chunk, base, 'profile_too_large');
    };

    const handle = (chunk: RowChunk, base: number): void => {
      const { bytes, starts, ends } = chunk;
      if (!only) {
        of.read += 1;
        counts.read += 1;
      }
      const { out } = filling;
      const start = filling.rows === 0 ? filling.at : filling.at + 1;
      const emailAt = start + PROFILE_HEAD.length;
      const length = writeEmail(bytes, starts[base + plan.emailColumn]!, ends[base + plan.emailColumn]!, out, emailAt);
      if (length < 0) {
        if (only) return;
        refuse(chunk, base, length === EMAIL_MISSING ? 'email_missing' : length === EMAIL_TOO_LONG ? 'email_too_long' : 'email_invalid');
        return;
      }
      hashMember(out, emailAt, length, key);
      if (only) {
        if (!only.has(keyText())) return;
        of.read += 1;
        counts.read += 1;
      }
      let fieldBytes = 0;
      for (let column = 0; column < mapped.length; column += 1) fieldBytes += ends[base + column]! - starts[base + column]!;
      if (fieldBytes > MAX_PROFILE_BYTES) return refuseTooLarge(chunk, base);
      const record = table.findOrAdd();
      const flags = table.flags(record);
      if (emails && (flags & (ADDED | KNOWN)) === ADDED) {
        emails.add(out, emailAt, length);
        table.setFlags(record, flags | KNOWN);
      }
      if ((flags & SEEN) !== 0) {
        of.duplicates += 1;
        counts.duplicates += 1;
        table.setFlags(record, table.flags(record) | SHARED);
        return;
      }
      const attributesAt = emailAt + length;
      out[attributesAt] = QUOTE;
      let o = putAttributes(plan, chunk, base, out, attributesAt + 1);
      if (o - start > MAX_PROFILE_BYTES) {
        refuseTooLarge(chunk, base);
        return;
      }
      if (lastRow.phoneDropped) counts.phonesDropped += 1;
      distinct += 1;
      table.setFlags(record, table.flags(record) | SEEN);
      if (distinct > config.maxProfiles) {
        // the gate will refuse the run: count on, but stage nothing more
        counts.unsent += 1;
        return;
      }
      hashPayload(out, attributesAt + 1, o, seedLow, seedHigh);
      const { low, high } = payloadHash;
      if (openMarks.size > 0 && openMarks.has(table.mark(record))) {
        // an older job that has not ended may still write this row: sending it now could lose against it
        counts.unsent += 1;
        return;
      }
      const same = table.hasPayload(record, low, high);
      if (same && !sendAll && !only) {
        mayBeLookedFor(record, out, emailAt, length);
        counts.unchanged += 1;
        return;
      }
      if (run.approves) {
        // approved removals send nothing
        counts.unsent += 1;
        return;
      }
      mayBeLookedFor(record, out, emailAt, length);
      out[o++] = BRACE;
      out[o++] = BRACE;
      if (o + tail.length > MAX_BODY_BYTES && filling.rows > 0) {
        const profile = out.slice(start, o);
        flush();
        o = put(filling.out, filling.at, profile);
        put(filling.out, filling.at, PROFILE_HEAD);
      } else {
        put(out, start, PROFILE_HEAD);
        if (filling.rows > 0) out[start - 1] = COMMA;
      }
      if ((flags & ADDED) !== 0) joiners += 1;
      else changed += 1;
      filling.at = o;
      filling.rows += 1;
      const { customers, customersAt } = filling;
      filling.customersAt = putStagedRow(customers, customersAt, { segment: segmentIndex, record }, chunk, base, customerColumn);
      only?.delete(keyText());
      table.setFlags(record, table.flags(record) | SENT);
      table.setPayload(record, low, high);
      table.setMark(record, markOf(run.number, batches.length + 1));
      if (filling.rows === MAX_PROFILES_PER_JOB || (batches.length === 0 && filling.rows === canaryRows)) flush();
    };

    let turnedAt = performance.now();
    for await (const chunk of source.readRows({ snapshot, segment: segment.name, fields, signal })) {
      const { rowCount, width } = chunk;
      if (performance.now() - turnedAt > MAX_TURN_MS) {
        // what has arrived is handed on without a turn of the event loop: heartbeats and answers would wait for megabytes of rows
        await nextTurn();
        turnedAt = performance.now();
      }
      for (let row = 0; row < rowCount; row += 1) handle(chunk, row * width);
      if (staged.size > MAX_STAGING) await stagingRoom(MAX_STAGING - 1);
      const flushed = invalid.room();
      if (flushed) await flushed;
      if (slice.ageMs() - shownAtMs > SHOW_EVERY_MS) {
        shownAtMs = slice.ageMs();
        await slice.save();
      }
      if (slice.ageMs() > MAX_PREPARE_MS) {
        throw new LimitError({
          code: 'source_too_slow',
          message: 'The source was too slow to be read within nine minutes; see whether it is throttled.',
        });
      }
      if (slice.stopRequested()) break;
    }
    await slice.save();
  }
  flush();
  await stagingRoom(0);
  await invalid.end();

  if (only && only.size > 0) {
    for (const row of only.values()) invalid.add({ ...row, row: undefined, code: 'row_gone', detail: undefined });
    await invalid.end();
    slice.warn('rows_gone', `${only.size.toLocaleString('en')} of the rejected rows are no longer in the source; the report names them.`);
  }
  run.plan = {
    members: distinct,
    new: joiners,
    changed,
    unchanged: counts.unchanged,
    leavers: 0,
    held: false,
    jobs: batches.length,
    bytes: plannedBytes,
    minSeconds: leastSeconds(batches.length, endpoints.importJobsCreate),
  };
  return { batches, oldMembers, openMarks, emails, sample };
};

/** Text of a field for the report; '' where the segment has no such column. */
const textOf = ({ bytes, starts, ends, escaped }: RowChunk, base: number, column: number): string => {
  if (column < 0) return '';
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + starts[base + column]!, ends[base + column]! - starts[base + column]!).toString(
    'utf8',
  );
  return escaped[base + column] === 1 ? text.replaceAll('""', '"') : text;
};
