import { createHash } from 'node:crypto';
import { LimitError } from '../../errors';
import { mappedFields } from '../../exports/mapping';
import { endpoints } from '../../klaviyo/endpoints';
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
import type { ExportActivities } from '../export-activity';
import { EMAIL_MISSING, EMAIL_TOO_LONG, NORMALISER_VERSION, hashMember, hashPayload, payloadHash, writeEmail } from '../member-key';
import type { HashKey } from '../member-key';
import { ADDED, MAX_BATCH, MemberTable, SEEN, SENT, SHARED, markOf } from '../member-state';
import type { StateHeader } from '../member-state';
import type { RowReports } from '../row-report';
import { noCounts } from '../run';
import type { FrozenConfig, StagedBatch } from '../run';
import type { Phase, Slice } from '../slice';
import type { Staging } from '../staging';
import type { LoadedState, StateStore } from '../state-store';

/** Prepare is not cut by the slice's time, only shortly before the function's own end (design §2). */
const MAX_PREPARE_MS = 540_000;
/** A snapshot that is not whole is waited for this long. */
const MAX_WAIT_FOR_SNAPSHOT_MS = 3_600_000;
const LOOK_AGAIN_MS = 60_000;
/** Bodies being compressed and stored while the next one is filled. */
const MAX_STAGING = 2;
const CUSTOMER_ID = 'CustomerId';
const MAX_CUSTOMER_ID = 200;

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
    hashKey,
    useGzip,
    resyncDays,
  }: {
    source: SegmentSource;
    staging: Staging;
    reports: RowReports;
    states: StateStore;
    activities: ExportActivities;
    hashKey: (options: { signal: AbortSignal }) => Promise<HashKey>;
    useGzip: boolean;
    /** days after which everything is sent again, changed or not */
    resyncDays: number;
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
    const begun = beginWith(slice, loaded, header, resyncDays);

    const result = await stageRows({ slice, source, snapshot, staging, reports, key, header, useGzip, ...begun });
    await staging.writeMembers(run.id, document.attempt, header, begun.table, { signal });
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

/** With which members a run begins, and whether it sends everything. */
const beginWith = (
  slice: Slice,
  loaded: LoadedState,
  header: StateHeader,
  resyncDays: number,
): { table: MemberTable; sendAll: boolean } => {
  const { run } = slice.document;
  const fromNothing = (): { table: MemberTable; sendAll: boolean } => {
    header.fullAt = slice.now().toISOString();
    return { table: new MemberTable(), sendAll: true };
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
  header.openJobs = old.openJobs.filter(({ expiresAt }) => Date.parse(expiresAt) > slice.now().getTime());
  header.removals = old.removals;
  header.proven = old.proven && old.mappingDigest === header.mappingDigest;
  header.fullAt = old.fullAt;
  const due = old.fullAt === undefined || slice.now().getTime() - Date.parse(old.fullAt) > resyncDays * 86_400_000;
  const sendAll = run.full || due || old.mappingDigest !== header.mappingDigest || old.membership !== header.membership;
  if (sendAll) header.fullAt = slice.now().toISOString();
  return { table: loaded.table, sendAll };
};

/** One body being filled: bytes, rows, and the customers of its rows. */
interface Filling {
  out: Uint8Array;
  at: number;
  rows: number;
  customers: string;
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
}): Promise<{ batches: StagedBatch[] }> => {
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
  let joiners = 0;
  let changed = 0;
  let plannedBytes = 0;
  let oldMembers = 0;
  for (let record = 0; record < table.size; record += 1) {
    table.setFlags(record, table.flags(record) & SHARED);
    oldMembers += 1;
  }

  // bodies go round between the filler and the stager
  const room = attributesRoom(compileMapping(config.mapping, mapped, () => undefined)) + 1_000;
  const pool: Uint8Array[] = [];
  const begin = (): Filling => {
    const out = pool.pop() ?? new Uint8Array(MAX_BODY_BYTES + room);
    return { out, at: put(out, 0, head), rows: 0, customers: '' };
  };
  let filling = begin();
  const staged = new Set<Promise<void>>();
  let failure: unknown;
  const flush = (): void => {
    if (filling.rows === 0) return;
    const { out, rows, customers } = filling;
    const end = put(out, filling.at, tail);
    const number = batches.length + 1;
    if (number > MAX_BATCH)
      throw new LimitError({ code: 'too_many_jobs', message: `More than ${MAX_BATCH} import jobs would be needed; map fewer fields.` });
    const batch: StagedBatch = { number, rows, bytes: 1 };
    batches.push(batch);
    plannedBytes += end;
    const work = staging
      .writeBatch({ runId: run.id, attempt, number, useGzip }, out.subarray(0, end), customers, { signal })
      .then(
        (bytes) => {
          batch.bytes = bytes;
          pool.push(out);
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

    const handle = (chunk: RowChunk, base: number): void => {
      const { bytes, starts, ends } = chunk;
      of.read += 1;
      counts.read += 1;
      const { out } = filling;
      const start = filling.rows === 0 ? filling.at : filling.at + 1;
      const emailAt = start + PROFILE_HEAD.length;
      const length = writeEmail(bytes, starts[base + plan.emailColumn]!, ends[base + plan.emailColumn]!, out, emailAt);
      if (length < 0) {
        refuse(chunk, base, length === EMAIL_MISSING ? 'email_missing' : length === EMAIL_TOO_LONG ? 'email_too_long' : 'email_invalid');
        return;
      }
      let fieldBytes = 0;
      for (let column = 0; column < mapped.length; column += 1) fieldBytes += ends[base + column]! - starts[base + column]!;
      if (fieldBytes > MAX_PROFILE_BYTES) return refuse(chunk, base, 'profile_too_large');
      hashMember(out, emailAt, length, key);
      const record = table.findOrAdd();
      const flags = table.flags(record);
      if ((flags & SEEN) !== 0) {
        of.duplicates += 1;
        counts.duplicates += 1;
        table.setFlags(record, flags | SHARED);
        return;
      }
      const attributesAt = emailAt + length;
      out[attributesAt] = QUOTE;
      let o = putAttributes(plan, chunk, base, out, attributesAt + 1);
      if (o - start > MAX_PROFILE_BYTES) {
        // the address stays known: another row of it may be smaller
        refuse(chunk, base, 'profile_too_large');
        return;
      }
      if (lastRow.phoneDropped) counts.phonesDropped += 1;
      distinct += 1;
      if (distinct > config.maxProfiles) {
        // the gate will refuse the run: count on, but stage nothing more
        table.setFlags(record, flags | SEEN);
        counts.unsent += 1;
        return;
      }
      hashPayload(out, attributesAt + 1, o, seedLow, seedHigh);
      const { low, high } = payloadHash;
      if (openMarks.size > 0 && openMarks.has(table.mark(record))) {
        // an older job that has not ended may still write this row: sending it now could lose against it
        table.setFlags(record, flags | SEEN);
        counts.unsent += 1;
        return;
      }
      if (!sendAll && table.hasPayload(record, low, high)) {
        table.setFlags(record, flags | SEEN);
        counts.unchanged += 1;
        return;
      }
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
      filling.customers += `${segmentIndex},${record},${textOf(chunk, base, customerColumn).slice(0, MAX_CUSTOMER_ID).replaceAll('\n', ' ')}\n`;
      table.setFlags(record, flags | SEEN | SENT);
      table.setPayload(record, low, high);
      table.setMark(record, markOf(run.number, batches.length + 1));
      if (filling.rows === MAX_PROFILES_PER_JOB) flush();
    };

    for await (const chunk of source.readRows({ snapshot, segment: segment.name, fields, signal })) {
      const { rowCount, width } = chunk;
      for (let row = 0; row < rowCount; row += 1) handle(chunk, row * width);
      if (staged.size > MAX_STAGING) await stagingRoom(MAX_STAGING - 1);
      const flushed = invalid.room();
      if (flushed) await flushed;
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

  let leavers = 0;
  for (let record = 0; record < oldMembers; record += 1) if ((table.flags(record) & SEEN) === 0) leavers += 1;
  run.plan = {
    members: distinct,
    new: joiners,
    changed,
    unchanged: counts.unchanged,
    leavers,
    jobs: batches.length,
    bytes: plannedBytes,
    minSeconds: leastSeconds(batches.length, endpoints.importJobsCreate),
  };
  return { batches };
};

/** Text of a field for the report; '' where the segment has no such column. */
const textOf = ({ bytes, starts, ends, escaped }: RowChunk, base: number, column: number): string => {
  if (column < 0) return '';
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + starts[base + column]!, ends[base + column]! - starts[base + column]!).toString(
    'utf8',
  );
  return escaped[base + column] === 1 ? text.replaceAll('""', '"') : text;
};
