import { createHash } from 'node:crypto';
import { z } from 'zod';
import { InvalidInputError, NotFoundError, UpstreamError } from '../../errors';
import { mapConcurrent } from '../../streams/map-concurrent';
import type { RowChunk, SegmentField, SegmentSource, SourceSnapshot } from '../segment-source';
import { createChunkWriter, textOf } from './chunk-writer';
import { createIdSet } from './id-set';
import type { IdSet } from './id-set';
import { formattedName, literal, queryOf } from './web-api';
import type { DataverseWebApi, Row } from './web-api';

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

  /** Everybody in a segment. The filter finds texts that contain the name; only those that name it exactly count. */
  const readMembers = async (segment: string, { signal }: { signal: AbortSignal }): Promise<KeptMembers> => {
    const ids = createIdSet();
    for await (const rows of api.readPages(membershipsOf(segment, `${ID},${SEGMENTS}`), { signal })) {
      for (const row of rows) {
        const id = row[ID];
        if (typeof id === 'string' && id !== '' && segmentsIn(row[SEGMENTS]).includes(segment)) ids.add(id);
      }
    }
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

  /** Pages of profiles that hold at least those of `ids`: looked up where they are few, else of everybody. */
  const profilesOf = async function* (
    ids: IdSet,
    { select, formatted, signal }: { select: string; formatted: boolean; signal: AbortSignal },
  ): AsyncGenerator<readonly Row[]> {
    const all = ids.size <= LOOKUP_IDS ? undefined : await profileCount({ signal });
    const looksUp = ids.size <= (all === undefined ? LOOKUP_MEMBERS : all * LOOKUP_SHARE) || ids.size <= LOOKUP_IDS;
    if (!looksUp) {
      yield* api.readPages(`${PROFILES}?${queryOf({ $select: select })}`, { signal, formatted });
      return;
    }
    const chunks = function* (): Generator<readonly string[]> {
      let chunk: string[] = [];
      for (const id of ids.all()) {
        chunk.push(id);
        if (chunk.length < LOOKUP_IDS) continue;
        yield chunk;
        chunk = [];
      }
      if (chunk.length > 0) yield chunk;
    };
    const lookUp = async (chunk: readonly string[], options: { signal: AbortSignal }): Promise<readonly Row[]> => {
      const filter = chunk.map((id) => `${ID} eq ${literal(id)}`).join(' or ');
      const found: Row[] = [];
      for await (const rows of api.readPages(`${PROFILES}?${queryOf({ $select: select, $filter: filter })}`, { ...options, formatted }))
        found.push(...rows);
      return found;
    };
    yield* mapConcurrent(chunks(), lookUp, { concurrency: LOOKUPS_AT_ONCE, signal });
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
      const segments: SourceSnapshot['segments'][number][] = [];
      for (const name of new Set(names)) {
        const { ids, digest } = await readMembers(name, { signal });
        const bytes = ids.size * USUAL_ROW_BYTES;
        segments.push({ name, bytes, fields, partitions: [{ name: 'members', etag: digest, bytes, members: ids.size }] });
      }
      const content = segments.map(({ name, partitions }) => [name, partitions[0]!.etag]).sort();
      return {
        id: createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 32),
        identifies: 'members',
        complete: true,
        segments,
      };
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
      const columns = fields.map((field) => {
        const column = field === CUSTOMER_ID ? ID : field;
        return { column, shown: types.get(field) === 'choice' ? formattedName(column) : undefined };
      });
      const select = [...new Set([ID, ...columns.map(({ column }) => column)])].join(',');
      const writer = createChunkWriter(fields.length);
      const values = new Array<string>(fields.length);
      const formatted = columns.some(({ shown }) => shown !== undefined);
      for await (const rows of profilesOf(ids, { select, formatted, signal })) {
        for (const row of rows) {
          const id = row[ID];
          if (typeof id !== 'string' || !ids.meet(id)) continue;
          for (const [index, { column, shown }] of columns.entries())
            values[index] = textOf((shown === undefined ? undefined : row[shown]) ?? row[column]);
          writer.add(values);
          if (writer.isFull()) yield writer.take()!;
        }
      }
      const rest = writer.take();
      if (rest) yield rest;
      // members whose profile is not there (yet): normal while a refresh is under way (customer-insights.md §3.2)
      const customer = fields.indexOf(CUSTOMER_ID);
      for (const id of ids.unmet()) {
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
