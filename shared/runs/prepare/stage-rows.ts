import { setImmediate as nextTurn } from 'node:timers/promises';
import { mappedFields } from '../../exports/mapping';
import { endpoints } from '../../klaviyo/endpoints';
import { leastSeconds } from '../../klaviyo/budget';
import { MAX_PROFILE_BYTES, PROFILE_HEAD, attributesRoom, compileMapping, lastRow, put, putAttributes } from '../../klaviyo/payload';
import { fieldText } from '../../segments/row-chunks';
import type { RowChunk, SegmentSource, SourceSnapshot } from '../../segments/segment-source';
import { createEmailLog } from '../email-log';
import { EMAIL_MISSING, EMAIL_TOO_LONG, hashMember, hashPayload, keyText, payloadHash, writeEmail } from '../member-key';
import type { HashKey } from '../member-key';
import { ADDED, KNOWN, LASTING, PRESENT, SEEN, SENT, SHARED, markOf } from '../member-state';
import type { MemberTable, StateHeader } from '../member-state';
import type { ReportedRow, RowReports } from '../row-report';
import { SegmentCounts } from '../run';
import type { Slice } from '../slice';
import { putStagedRow } from '../staged-rows';
import type { Staging } from '../staging';
import { createBodies } from './bodies';
import type { Bodies } from './bodies';
import { createSample } from './sample';
import { createCustomers } from './customers';
import { createSharedAddresses } from './shared-addresses';
import { fieldsToRead, sourceTooSlow } from './spool';

/** Whether a source will be too slow is looked at after this part of the time it has. */
const LOOK_AFTER = 1 / 9;
/** So long are rows handled before others have their turn. */
const MAX_TURN_MS = 5;
/** People watch: how much has been read is written down this often. */
const SHOW_EVERY_MS = 2_000;
const CUSTOMER_ID = 'CustomerId';
/** Losers of shared addresses that are kept until the winner is known; of more the winner is not named. */
const MAX_LOSERS = 100_000;
const QUOTE = 0x22;
const BRACE = 0x7d;

export interface StagedRows {
  readonly bodies: Bodies;
  readonly oldMembers: number;
  /** rows that an unfinished older job carries; they are neither sent nor removed */
  readonly openMarks: ReadonlySet<number>;
  /** a mirror's addresses of people that the old state does not know, in the order of their records */
  readonly emails: ReturnType<typeof createEmailLog> | undefined;
  readonly sample: readonly string[];
  /** some address is shared now and was not, or the other way round */
  readonly sharingChanged: boolean;
}

/** A customer's id by itself, in the shape of a chunk. */
type LeftOutRow = Pick<ReportedRow, 'customerId' | 'email' | 'segment'>;
/** One of several rows of an address. @param winner the customer whose row was taken; '' where it is not known */
const duplicateOf = (row: LeftOutRow, winner: string): ReportedRow => {
  if (winner === '') return { ...row, code: 'duplicate' };
  return { ...row, code: 'duplicate', detail: winner === row.customerId ? 'another row of the same customer' : `customer ${winner}` };
};

const customerChunk = (customerId: string): RowChunk => {
  const bytes = Buffer.from(customerId);
  const [starts, ends] = [Int32Array.of(0), Int32Array.of(bytes.length)];
  return { bytes, rowCount: 1, width: 1, starts, ends, escaped: new Uint8Array(1) };
};

/**
 * Reads every row once: checks the address, drops doubles, compares with the old members, and stages what will be sent. Bodies may still be
 * under way when it returns.
 * @param mostMs age of the slice at which all rows must have been read
 * @param looksAhead gives up as soon as that seems out of reach: for whoever can do something else then
 * @throws LimitError source_too_slow
 * @param only when set, only these rows (by key of their address) are read and sent
 */
export const stageRows = async ({
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
  mostMs,
  looksAhead,
}: {
  slice: Slice;
  source: Pick<SegmentSource, 'readRows'>;
  snapshot: SourceSnapshot;
  staging: Staging;
  reports: RowReports;
  key: HashKey;
  header: StateHeader;
  useGzip: boolean;
  table: MemberTable;
  sendAll: boolean;
  only: Map<string, ReportedRow> | undefined;
  mostMs: number;
  looksAhead: boolean;
}): Promise<StagedRows> => {
  const { document, signal } = slice;
  const { run, config, attempt } = document;
  const { counts } = run;
  const seedLow = parseInt(header.mappingDigest.slice(0, 8), 16) ^ key.words[4]!;
  const seedHigh = parseInt(header.mappingDigest.slice(8, 16), 16) ^ key.words[5]!;
  const mapped = mappedFields(config.mapping);
  const invalid = reports.leftOutWriter(run.id, 'invalid', attempt, { signal });
  const duplicates = reports.leftOutWriter(run.id, 'duplicates', attempt, { signal });
  const customers = createCustomers();
  /** rows that lost against another one which may lose itself; told once all are read */
  const losers: { row: LeftOutRow; record: number }[] = [];
  const openMarks = new Set(header.openJobs.map(({ mark }) => mark));
  const emails = config.membership === 'mirror' ? createEmailLog() : undefined;
  const sample = createSample({ seed: run.number, all: document.verifyAll });
  const shared = createSharedAddresses();
  const bodies = createBodies(document, {
    staging,
    useGzip,
    room: attributesRoom(compileMapping(config.mapping, mapped, () => undefined)) + 1_000,
    firstRows: header.proven || run.dryRun || run.retryOf ? 0 : config.canaryRows,
    signal,
  });
  const oldMembers = table.size;
  for (let record = 0; record < oldMembers; record += 1) table.setFlags(record, table.flags(record) & LASTING);
  let distinct = 0;
  let joiners = 0;
  let changed = 0;
  let shownAtMs = slice.ageMs();
  let sharingChanged = false;
  let turnedAt = performance.now();
  const beganMs = slice.ageMs();
  let rowsRead = 0;
  const sizes = snapshot.segments.map(({ rows }) => rows);
  const rowsToRead = sizes.some((rows) => rows === undefined) ? 0 : sizes.reduce<number>((sum, rows) => sum + rows!, 0);
  const isTooSlow = (): boolean => {
    const ageMs = slice.ageMs();
    if (ageMs > mostMs) return true;
    return looksAhead && ageMs > mostMs * LOOK_AFTER && (ageMs - beganMs) * rowsToRead > rowsRead * (mostMs - beganMs);
  };
  /** of `only`: rows that the source still holds, whatever becomes of them */
  const met = new Set<string>();

  /**
   * Decides about the one row of an address that counts; its profile lies in the body being filled, from `start` to `end`.
   * @returns whether it was kept there; whoever asked then notes its customer
   */
  const place = (segment: number, record: number, start: number, emailAt: number, length: number, end: number): boolean => {
    const of = run.segments[segment]!;
    const { out } = bodies.filling;
    const flags = table.flags(record) | SEEN;
    table.setFlags(record, flags);
    distinct += 1;
    const leave = (what: 'unsent' | 'unchanged'): boolean => {
      counts[what] += 1;
      of[what] += 1;
      return false;
    };
    // the gate will refuse the run: count on, but stage nothing more
    if (distinct > config.maxProfiles) return leave('unsent');
    hashPayload(out, emailAt + length + 1, end, seedLow, seedHigh);
    const { low, high } = payloadHash;
    // an older job that has not ended may still write this row: sending it now could lose against it
    if (openMarks.size > 0 && openMarks.has(table.mark(record))) return leave('unsent');
    if (!sendAll && !only && table.hasPayload(record, low, high)) {
      sample.mayTake(record, out, emailAt, length);
      return leave('unchanged');
    }
    // approved removals send nothing
    if (run.approves) return leave('unsent');
    sample.mayTake(record, out, emailAt, length);
    out[end] = BRACE;
    out[end + 1] = BRACE;
    bodies.keep(start, end + 2, segment);
    if ((flags & ADDED) !== 0) joiners += 1;
    else changed += 1;
    table.setFlags(record, flags | SENT);
    table.setPayload(record, low, high);
    table.setMark(record, markOf(run.number, bodies.number));
    return true;
  };

  for (const [segmentIndex, segment] of snapshot.segments.entries()) {
    const fields = fieldsToRead(config.mapping, segment.fields);
    const customerColumn = fields.indexOf(CUSTOMER_ID);
    const plan = compileMapping(config.mapping, fields, (field) => segment.fields.find(({ name }) => name === field)?.dataType);
    const of = SegmentCounts.parse({ name: segment.name, refreshedAt: segment.refreshedAt });
    run.segments.push(of);
    const customerOf = (chunk: RowChunk, base: number): string =>
      customerColumn < 0 ? '' : fieldText(chunk, base / chunk.width, customerColumn);

    const refuse = (chunk: RowChunk, base: number, code: string): void => {
      of.invalid += 1;
      counts.invalid += 1;
      of.invalidByReason[code] = (of.invalidByReason[code] ?? 0) + 1;
      run.invalidByReason[code] = (run.invalidByReason[code] ?? 0) + 1;
      const email = fieldText(chunk, base / chunk.width, plan.emailColumn);
      invalid.add({ customerId: customerOf(chunk, base), email, segment: segment.name, code });
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
      const { filling } = bodies;
      const { out } = filling;
      const start = bodies.rowStart();
      const emailAt = start + PROFILE_HEAD.length;
      if (chunk.withoutProfile) {
        if (!only) refuse(chunk, base, 'missing_profile');
        return;
      }
      const length = writeEmail(bytes, starts[base + plan.emailColumn]!, ends[base + plan.emailColumn]!, out, emailAt);
      if (length < 0) {
        if (only) return;
        refuse(chunk, base, length === EMAIL_MISSING ? 'email_missing' : length === EMAIL_TOO_LONG ? 'email_too_long' : 'email_invalid');
        return;
      }
      hashMember(out, emailAt, length, key);
      if (only) {
        const rejected = only.get(keyText());
        // of an address that several customers share, the very customer that was rejected
        if (!rejected || (rejected.customerId !== '' && rejected.customerId !== customerOf(chunk, base))) return;
        of.read += 1;
        counts.read += 1;
        met.add(keyText());
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
        const email = fieldText(chunk, base / chunk.width, plan.emailColumn);
        duplicates.add(duplicateOf({ customerId: customerOf(chunk, base), email, segment: segment.name }, customers.of(record)));
        if ((flags & SHARED) === 0) {
          table.setFlags(record, flags | SHARED);
          sharingChanged = true;
        }
        return;
      }
      const attributesAt = emailAt + length;
      out[attributesAt] = QUOTE;
      const end = putAttributes(plan, chunk, base, out, attributesAt + 1);
      if (end - start > MAX_PROFILE_BYTES) return refuseTooLarge(chunk, base);
      if ((flags & SHARED) !== 0 && !only && shared.hasRoom(record)) {
        put(out, start, PROFILE_HEAD); // two rows are compared whole
        hashPayload(out, attributesAt + 1, end, seedLow, seedHigh);
        const loser = shared.add(record, {
          known: table.hasPayload(record, payloadHash.low, payloadHash.high),
          segment: segmentIndex,
          customerId: customerOf(chunk, base),
          profile: out.slice(start, end),
          emailLength: length,
          phoneDropped: lastRow.phoneDropped,
        });
        if (loser) {
          run.segments[loser.segment]!.duplicates += 1;
          counts.duplicates += 1;
          const email = Buffer.from(loser.profile.subarray(PROFILE_HEAD.length, PROFILE_HEAD.length + loser.emailLength)).toString();
          const row = { customerId: loser.customerId, email, segment: run.segments[loser.segment]!.name };
          if (losers.length < MAX_LOSERS) losers.push({ row, record });
          else duplicates.add(duplicateOf(row, ''));
        }
        return;
      }
      if (lastRow.phoneDropped) counts.phonesDropped += 1;
      if (customerColumn >= 0) customers.set(record, chunk, base + customerColumn);
      if (!place(segmentIndex, record, start, emailAt, length, end)) return;
      const { filling: keptIn } = bodies;
      keptIn.customersAt = putStagedRow(
        keptIn.customers,
        keptIn.customersAt,
        { segment: segmentIndex, record },
        chunk,
        base,
        customerColumn,
      );
      only?.delete(keyText());
      bodies.flushIfFull();
    };

    turnedAt = performance.now();
    for await (const chunk of source.readRows({ snapshot, segment: segment.name, fields, signal })) {
      const { rowCount, width } = chunk;
      if (performance.now() - turnedAt > MAX_TURN_MS) {
        // what has arrived is handed on without a turn of the event loop: heartbeats and answers would wait for megabytes of rows
        await nextTurn();
        turnedAt = performance.now();
      }
      for (let row = 0; row < rowCount; row += 1) handle(chunk, row * width);
      // only where there is something to wait for: a step of the event loop's queue for each chunk would add up
      const busy = bodies.pressure();
      if (busy) await busy;
      const full = invalid.room() ?? duplicates.room();
      if (full) await full;
      if (slice.ageMs() - shownAtMs > SHOW_EVERY_MS) {
        shownAtMs = slice.ageMs();
        await slice.save();
      }
      rowsRead += rowCount;
      if (isTooSlow()) throw sourceTooSlow();
      if (slice.stopRequested()) break;
    }
    await slice.save();
  }

  const winners = new Map<number, string>();
  for (const { record, segment, customerId, profile, emailLength, phoneDropped, shared: isShared } of shared.winners()) {
    winners.set(record, customerId);
    if (!isShared) {
      table.setFlags(record, table.flags(record) & ~SHARED);
      sharingChanged = true;
    }
    if (phoneDropped) counts.phonesDropped += 1;
    const start = bodies.rowStart();
    bodies.filling.out.set(profile, start);
    if (!place(segment, record, start, start + PROFILE_HEAD.length, emailLength, start + profile.length)) continue;
    const { filling } = bodies;
    filling.customersAt = putStagedRow(filling.customers, filling.customersAt, { segment, record }, customerChunk(customerId), 0, 0);
    bodies.flushIfFull();
    await bodies.pressure();
    if (performance.now() - turnedAt > MAX_TURN_MS) {
      await nextTurn();
      turnedAt = performance.now();
    }
  }
  for (const { row, record } of losers) {
    duplicates.add(duplicateOf(row, winners.get(record) ?? ''));
    await duplicates.room();
  }
  bodies.flush();
  await invalid.end();
  await duplicates.end();

  const gone = only && !slice.stopRequested() ? [...only].filter(([person]) => !met.has(person)) : [];
  if (gone.length > 0) {
    for (const [, row] of gone) invalid.add({ ...row, row: undefined, code: 'row_gone', detail: undefined });
    await invalid.end();
    slice.warn('rows_gone', `${gone.length.toLocaleString('en')} of the rejected rows are no longer in the source; the report names them.`);
  }
  const jobs = bodies.batches.length;
  run.plan = {
    members: distinct,
    new: joiners,
    changed,
    unchanged: counts.unchanged,
    leavers: 0,
    held: false,
    jobs,
    bytes: bodies.plannedBytes,
    minSeconds: leastSeconds(jobs, endpoints.importJobsCreate),
  };
  return { bodies, oldMembers, openMarks, emails, sample: sample.lines, sharingChanged };
};
