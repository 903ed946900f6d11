import { createHash } from 'node:crypto';
import { z } from 'zod';
import { InvalidInputError, NotFoundError, UpstreamError } from '../../errors';
import { mapConcurrent } from '../../streams/map-concurrent';
import { fieldText } from '../row-chunks';
import type { RowChunk, SegmentField, SegmentSource, SlowPart, SourceSnapshot } from '../segment-source';
import { createChunkWriter, textOf } from './chunk-writer';
import { createIdSet } from './id-set';
import type { IdSet } from './id-set';
import { formattedName, literal, queryOf } from './web-api';
import type { DataverseWebApi, LinkedPage, Row } from './web-api';

/** Sets of tables that Customer Insights hydrates (customer-insights.md §3.2). */
const MEMBERSHIPS = 'msdynci_segmentmemberships';
const PROFILES = 'msdynci_customerprofiles';
const PROFILE = 'msdynci_customerprofile';
const ID = 'msdynci_customerid';
const SEGMENTS = 'msdynci_segments';
/** How the rest of the app calls the customer's id, as the files of Customer Insights do. */
const CUSTOMER_ID = 'CustomerId';

/** Ids named in one look-up, and look-ups at a time; Dataverse allows 52 calls at once to one user. */
const LOOKUP_IDS = 50;
const LOOKUPS_AT_ONCE = 8;
/** Below this share of all profiles their look-up takes fewer calls than reading everybody. */
const LOOKUP_SHARE = 0.05;
/** Where the number of profiles is not known. */
const LOOKUP_MEMBERS = 5_000;
/** How long names, fields and memberships that were read serve again: a run asks for the snapshot first, then for its rows. */
const KEPT_MS = 5 * 60_000;
const MEMBERSHIPS_KEPT_MS = 15 * 60_000;
const NAMES_IN_ERROR = 10;
/** Of one row, for an estimate of sizes. */
const USUAL_ROW_BYTES = 150;

/** Dataverse's types → those of the files of Customer Insights; all others are text. A choice is a number with a text beside it. */
const DATA_TYPES: Readonly<Record<string, string>> = {
  Integer: 'int64',
  BigInt: 'int64',
  Decimal: 'decimal',
  Money: 'decimal',
  Double: 'double',
  DateTime: 'dateTimeOffset',
  Boolean: 'boolean',
  Uniqueidentifier: 'guid',
  Picklist: 'choice',
  State: 'choice',
  Status: 'choice',
  MultiSelectPicklist: 'choice',
};
/** Types that are no values of a customer: what only describes other columns, and references to other tables. */
const NO_VALUES = new Set([
  ...['Virtual', 'EntityName', 'PartyList', 'ManagedProperty', 'CalendarRules'],
  ...['Lookup', 'Customer', 'Owner'],
]);

const Attributes = z.object({
  value: z.array(
    z.object({
      LogicalName: z.string(),
      AttributeType: z.string().nullish(),
      /** the attribute that this one only describes, e.g. the name of a look-up */
      AttributeOf: z.string().nullish(),
      IsValidForRead: z.boolean().nullish(),
    }),
  ),
});
const TotalCounts = z.object({
  EntityRecordCountCollection: z.object({ Keys: z.array(z.string()), Values: z.array(z.number()) }),
});

/** A snapshot's only "partition": everybody in the segment, as they were read. */
const Members = z.object({ name: z.literal('members'), etag: z.string(), bytes: z.number(), members: z.number() });

/**
 * Where a slow reading goes on: with the memberships of a segment or its profiles, at the page of the link (the first one without). Profiles
 * that are looked up, and those that are missing, go on with who has not been met.
 */
const Resume = z.object({
  stage: z.enum(['members', 'profiles', 'lookUp', 'missing']),
  segment: z.int().min(0),
  link: z.string().optional(),
});
type Resume = z.infer<typeof Resume>;

/** The segments that a membership names: a JSON array of names; a bare name is taken, too, as the shape is not documented. */
export const segmentsIn = (text: unknown): readonly string[] => {
  if (typeof text !== 'string' || text === '') return [];
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return value.filter((name): name is string => typeof name === 'string');
    return typeof value === 'string' ? [value] : [];
  } catch {
    return [text];
  }
};

const nobody: RowChunk = {
  bytes: new Uint8Array(0),
  rowCount: 0,
  width: 0,
  starts: new Int32Array(0),
  ends: new Int32Array(0),
  escaped: new Uint8Array(0),
};

const snapshotOf = (
  read: readonly { readonly name: string; readonly size: number; readonly digest: string }[],
  fields: readonly SegmentField[],
): SourceSnapshot => {
  const content = read.map(({ name, digest }) => [name, digest]).sort();
  return {
    id: createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 32),
    identifies: 'members',
    complete: true,
    segments: read.map(({ name, size, digest }) => {
      const bytes = size * USUAL_ROW_BYTES;
      return { name, bytes, rows: size, fields, partitions: [{ name: 'members', etag: digest, bytes, members: size }] };
    }),
  };
};

/** What is asked of each profile. */
interface ProfileQuery {
  readonly select: string;
  readonly formatted: boolean;
}

interface KeptMembers {
  readonly ids: IdSet;
  readonly digest: string;
  readonly at: number;
}

/**
 * Segments as Customer Insights keeps them in Dataverse: memberships in one table, profiles in another, joined here. Only reads.
 * A snapshot's id says who is in the segments, not what their profiles hold: Dataverse tells no time of a refresh.
 */
export const createDataverseSource = ({ api, now }: { api: DataverseWebApi; now: () => Date }): SegmentSource => {
  const kept = new Map<string, { at: number; value: Promise<unknown> }>();
  const members = new Map<string, KeptMembers>();

  /** What was read lately, or is being read; a failure is not kept. */
  const keeping = <T>(name: string, read: () => Promise<T>): Promise<T> => {
    const found = kept.get(name);
    if (found && now().getTime() - found.at < KEPT_MS) return found.value as Promise<T>;
    const value = read();
    kept.set(name, { at: now().getTime(), value });
    value.catch(() => {
      if (kept.get(name)?.value === value) kept.delete(name);
    });
    return value;
  };

  const fieldsOf = ({ signal }: { signal: AbortSignal }): Promise<readonly SegmentField[]> =>
    keeping('fields', async () => {
      const query = queryOf({ $select: 'LogicalName,AttributeType,AttributeOf,IsValidForRead' });
      const attributes = Attributes.safeParse(
        await api.read(`EntityDefinitions(LogicalName=${literal(PROFILE)})/Attributes?${query}`, { signal }),
      );
      if (!attributes.success) {
        throw new UpstreamError('source', {
          code: 'source_malformed',
          message: 'Dataverse describes the customer profile in a way that cannot be read.',
          retryable: false,
        });
      }
      const own = attributes.data.value.filter(
        ({ AttributeOf, AttributeType, IsValidForRead }) => !AttributeOf && IsValidForRead !== false && !NO_VALUES.has(AttributeType ?? ''),
      );
      return [
        { name: CUSTOMER_ID, dataType: 'string' },
        ...own.map(({ LogicalName, AttributeType }) => ({ name: LogicalName, dataType: DATA_TYPES[AttributeType ?? ''] ?? 'string' })),
      ];
    });

  const membershipsOf = (segment: string, select: string): string =>
    `${MEMBERSHIPS}?${queryOf({ $filter: `contains(${SEGMENTS},${literal(JSON.stringify(segment))})`, $select: select })}`;

  /** Customers of a page whose memberships name a segment. The filter finds texts that contain the name; only those that name it exactly count. */
  const membersIn = function* (rows: readonly Row[], segment: string): Generator<string> {
    for (const row of rows) {
      const id = row[ID];
      if (typeof id === 'string' && id !== '' && segmentsIn(row[SEGMENTS]).includes(segment)) yield id;
    }
  };
  /** Everybody in a segment. */
  const readMembers = async (segment: string, { signal }: { signal: AbortSignal }): Promise<KeptMembers> => {
    const ids = createIdSet();
    for await (const rows of api.readPages(membershipsOf(segment, `${ID},${SEGMENTS}`), { signal }))
      for (const id of membersIn(rows, segment)) ids.add(id);
    const found = { ids, digest: ids.digest(), at: now().getTime() };
    for (const [name, { at }] of members) if (now().getTime() - at > MEMBERSHIPS_KEPT_MS) members.delete(name);
    members.set(segment, found);
    return found;
  };

  const segmentNames = ({ signal }: { signal: AbortSignal }): Promise<readonly string[]> =>
    keeping('segments', async () => {
      const names = new Set<string>();
      for await (const rows of api.readPages(`${MEMBERSHIPS}?${queryOf({ $select: SEGMENTS })}`, { signal }))
        for (const row of rows) for (const name of segmentsIn(row[SEGMENTS])) names.add(name);
      return [...names].sort();
    });

  const unknown = async (segment: string, { signal }: { signal: AbortSignal }): Promise<NotFoundError> => {
    const names = await segmentNames({ signal });
    const some =
      names.slice(0, NAMES_IN_ERROR).join(', ') + (names.length > NAMES_IN_ERROR ? ` and ${names.length - NAMES_IN_ERROR} more` : '');
    return new NotFoundError({
      code: 'segment_unknown',
      message: `Nobody in Dataverse is in a segment ${segment}; ${names.length === 0 ? 'no segment has members there' : `there are ${some}`}. Use its output table name.`,
    });
  };

  const hasMembers = async (segment: string, { signal }: { signal: AbortSignal }): Promise<boolean> => {
    for await (const rows of api.readPages(membershipsOf(segment, SEGMENTS), { signal, pageRows: 100 }))
      if (rows.some((row) => segmentsIn(row[SEGMENTS]).includes(segment))) return true;
    return false;
  };

  /** About how many profiles there are; undefined where this table is not counted. */
  const profileCount = async ({ signal }: { signal: AbortSignal }): Promise<number | undefined> => {
    try {
      const query = `RetrieveTotalRecordCount(EntityNames=@names)?@names=${encodeURIComponent(JSON.stringify([PROFILE]))}`;
      const counts = TotalCounts.safeParse(await api.read(query, { signal }));
      return counts.data?.EntityRecordCountCollection.Values[0];
    } catch (error) {
      if (error instanceof UpstreamError && !error.retryable) return undefined;
      throw error;
    }
  };

  /** Whether the profiles of so many are looked up; else everybody is read. */
  const looksUp = async (members: number, { signal }: { signal: AbortSignal }): Promise<boolean> => {
    if (members <= LOOKUP_IDS) return true;
    const all = await profileCount({ signal });
    return members <= (all === undefined ? LOOKUP_MEMBERS : all * LOOKUP_SHARE);
  };

  /** Profiles of those who have not been met, look-up by look-up. */
  const lookedUp = async function* (
    ids: IdSet,
    { select, formatted, signal }: { select: string; formatted: boolean; signal: AbortSignal },
  ): AsyncGenerator<{ asked: readonly string[]; rows: readonly Row[] }> {
    const wanted = [...ids.unmet()];
    const chunks = function* (): Generator<readonly string[]> {
      let chunk: string[] = [];
      for (const id of wanted) {
        chunk.push(id);
        if (chunk.length < LOOKUP_IDS) continue;
        yield chunk;
        chunk = [];
      }
      if (chunk.length > 0) yield chunk;
    };
    const lookUp = async (asked: readonly string[], options: { signal: AbortSignal }) => {
      const filter = asked.map((id) => `${ID} eq ${literal(id)}`).join(' or ');
      const found: Row[] = [];
      for await (const rows of api.readPages(`${PROFILES}?${queryOf({ $select: select, $filter: filter })}`, { ...options, formatted }))
        found.push(...rows);
      return { asked, rows: found };
    };
    yield* mapConcurrent(chunks(), lookUp, { concurrency: LOOKUPS_AT_ONCE, signal });
  };

  /** Pages of profiles that hold at least those of `ids`. */
  const profilesOf = async function* (
    ids: IdSet,
    { select, formatted, signal }: ProfileQuery & { signal: AbortSignal },
  ): AsyncGenerator<readonly Row[]> {
    if (await looksUp(ids.size, { signal })) for await (const { rows } of lookedUp(ids, { select, formatted, signal })) yield rows;
    else yield* api.readPages(`${PROFILES}?${queryOf({ $select: select })}`, { signal, formatted });
  };

  /** What is asked of a profile for some fields, and its rows as chunks. */
  const rowsOf = (fields: readonly string[], types: ReadonlyMap<string, string>) => {
    const columns = fields.map((field) => {
      const column = field === CUSTOMER_ID ? ID : field;
      return { column, shown: types.get(field) === 'choice' ? formattedName(column) : undefined };
    });
    const query: ProfileQuery = {
      select: [...new Set([ID, ...columns.map(({ column }) => column)])].join(','),
      formatted: columns.some(({ shown }) => shown !== undefined),
    };
    const writer = createChunkWriter(fields.length);
    const values = new Array<string>(fields.length);
    const customer = fields.indexOf(CUSTOMER_ID);
    return {
      query,
      /** Chunks that became full, of the rows whose customers are among `ids` and had not been met. */
      add: function* (rows: readonly Row[], ids: IdSet): Generator<RowChunk> {
        for (const row of rows) {
          const id = row[ID];
          if (typeof id !== 'string' || !ids.meet(id)) continue;
          for (const [index, { column, shown }] of columns.entries())
            values[index] = textOf((shown === undefined ? undefined : row[shown]) ?? row[column]);
          writer.add(values);
          if (writer.isFull()) yield writer.take()!;
        }
      },
      rest: (): RowChunk | undefined => writer.take(),
      /** Members whose profile is not there (yet): normal while a refresh is under way (customer-insights.md §3.2). */
      missing: function* (customers: Iterable<string>): Generator<RowChunk> {
        for (const id of customers) {
          values.fill('');
          if (customer >= 0) values[customer] = id;
          writer.add(values);
          if (writer.isFull()) yield { ...writer.take()!, withoutProfile: true };
        }
        const missing = writer.take();
        if (missing) yield { ...missing, withoutProfile: true };
      },
    };
  };

  return {
    kind: 'dataverse',
    location: api.origin,

    listSegments: async ({ signal }) => (await segmentNames({ signal })).map((name) => ({ name, partitions: 1 })),

    describeSegment: async (name, { signal }) => {
      const [fields, has] = await Promise.all([fieldsOf({ signal }), hasMembers(name, { signal })]);
      if (!has) throw await unknown(name, { signal });
      return { name, partitions: 1, fields };
    },

    snapshot: async (names, { signal }): Promise<SourceSnapshot> => {
      const fields = await fieldsOf({ signal });
      const read: { name: string; size: number; digest: string }[] = [];
      for (const name of new Set(names)) {
        const { ids, digest } = await readMembers(name, { signal });
        read.push({ name, size: ids.size, digest });
      }
      return snapshotOf(read, fields);
    },

    readRows: async function* ({ snapshot, segment: name, fields, signal }): AsyncGenerator<RowChunk> {
      const segment = snapshot.segments.find((candidate) => candidate.name === name);
      if (!segment) throw new NotFoundError({ code: 'segment_unknown', message: `The snapshot does not hold the segment ${name}.` });
      const types = new Map(segment.fields.map((field) => [field.name, field.dataType]));
      const absent = fields.find((field) => !types.has(field));
      if (absent !== undefined) {
        throw new InvalidInputError({ code: 'field_unknown', message: `The customer profile in Dataverse has no field ${absent}.` });
      }
      const { etag } = Members.parse(segment.partitions[0]);
      const lately = members.get(name);
      const { ids, digest } =
        lately && lately.digest === etag && now().getTime() - lately.at < MEMBERSHIPS_KEPT_MS
          ? lately
          : await readMembers(name, { signal });
      if (digest !== etag) {
        throw new UpstreamError('source', {
          code: 'source_changed',
          message: `The members of ${name} changed in Dataverse while they were read; the run begins again.`,
          retryable: true,
        });
      }
      ids.restart();
      const reading = rowsOf(fields, types);
      for await (const rows of profilesOf(ids, { ...reading.query, signal })) yield* reading.add(rows, ids);
      const rest = reading.rest();
      if (rest) yield rest;
      yield* reading.missing(ids.unmet());
    },

    /** Page by page, so that each can be kept: who is in the segments, then their profiles. The ids that were kept tell who is still to come. */
    readSlowly: async function* ({ names, fieldsOf: wanted, from, signal }): AsyncGenerator<SlowPart, SourceSnapshot> {
      const fields = await fieldsOf({ signal });
      const types = new Map(fields.map((field) => [field.name, field.dataType]));
      const chosen = wanted(fields);
      const customer = chosen.indexOf(CUSTOMER_ID);
      if (customer < 0) throw new TypeError(`a slow reading needs the field ${CUSTOMER_ID}`);
      const segments = [...new Set(names)].map((name) => ({ name, ids: createIdSet() }));
      let at: Resume = { stage: 'members', segment: 0 };
      if (from) {
        at = Resume.parse(from.resume);
        for await (const { kind, segment, chunk } of from.kept()) {
          const ids = segments.find(({ name }) => name === segment)?.ids;
          for (let row = 0; row < chunk.rowCount; row += 1) {
            if (kind === 'members') ids?.add(fieldText(chunk, row, 0));
            else ids?.meet(fieldText(chunk, row, customer));
          }
        }
      }

      const pagesOf = (query: string, formatted: boolean): AsyncGenerator<LinkedPage> => {
        const link = at.link ?? query;
        at = { ...at, link: undefined };
        return api.readLinked(link, { signal, formatted });
      };
      if (at.stage === 'members') {
        const writer = createChunkWriter(1);
        for (const [index, { name, ids }] of segments.entries()) {
          if (index < at.segment) continue;
          const part = (chunk: RowChunk, resume: Resume): SlowPart => ({ kind: 'members', segment: name, chunk, resume });
          let here: Resume = { stage: 'members', segment: index, link: at.link };
          for await (const { rows, next } of pagesOf(membershipsOf(name, `${ID},${SEGMENTS}`), false)) {
            for (const id of membersIn(rows, name)) {
              if (ids.add(id)) writer.add([id]);
              if (writer.isFull()) yield part(writer.take()!, here);
            }
            here = next === undefined ? { stage: 'members', segment: index + 1 } : { stage: 'members', segment: index, link: next };
            yield part(writer.take() ?? nobody, here);
          }
        }
        at = { stage: 'profiles', segment: 0 };
      }
      const reading = rowsOf(chosen, types);
      for (const [index, { name, ids }] of segments.entries()) {
        if (index < at.segment) continue;
        const part = (chunk: RowChunk, resume: Resume): SlowPart => ({ kind: 'rows', segment: name, chunk, resume });
        const { query } = reading;
        if (at.stage === 'missing') {
          // all pages have been read
        } else if (at.stage === 'lookUp' || (at.link === undefined && (await looksUp(ids.size, { signal })))) {
          const again: Resume = { stage: 'lookUp', segment: index };
          for await (const { asked, rows } of lookedUp(ids, { ...query, signal })) {
            for (const chunk of reading.add(rows, ids)) yield part(chunk, again);
            const rest = reading.rest();
            if (rest) yield part(rest, again);
            // told at once, or whoever goes on would look them up for ever
            for (const chunk of reading.missing(asked.filter((id) => ids.meet(id)))) yield part(chunk, again);
          }
        } else {
          let here: Resume = { stage: 'profiles', segment: index, link: at.link };
          for await (const { rows, next } of pagesOf(`${PROFILES}?${queryOf({ $select: query.select })}`, query.formatted)) {
            // who dies within a page reads it again; whoever was kept of it is known and not met twice
            for (const chunk of reading.add(rows, ids)) yield part(chunk, here);
            here = next === undefined ? { stage: 'missing', segment: index } : { stage: 'profiles', segment: index, link: next };
            yield part(reading.rest() ?? nobody, here);
          }
        }
        for (const chunk of reading.missing(ids.unmet())) yield part(chunk, { stage: 'missing', segment: index });
        at = { stage: 'profiles', segment: index + 1 };
      }
      return snapshotOf(
        segments.map(({ name, ids }) => ({ name, size: ids.size, digest: ids.digest() })),
        fields,
      );
    },
  };
};
