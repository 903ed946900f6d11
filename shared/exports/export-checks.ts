import { z } from 'zod';
import type { Connection } from '../connections/connection';
import type { Connections } from '../connections/connections';
import { InvalidInputError, LimitError, NotFoundError, UpstreamError } from '../errors';
import { ListId } from '../ids';
import { findList, findOrCreateList } from '../klaviyo/lists';
import type { SegmentSource } from '../segments/segment-source';
import type { Export, ListToCreate } from './export';
import { mappingPointers } from './mapping';

type Options = { signal: AbortSignal };

/** Something to think about in what was saved; it was saved nevertheless. */
export const ExportWarning = z.object({ code: z.enum(['over_cap']), message: z.string() }).meta({ id: 'ExportWarning' });
export type ExportWarning = z.infer<typeof ExportWarning>;

/** What is known of segments without reading them. */
export interface KnownFigures {
  /** Distinct people with a usable address over all these segments; undefined while nobody has counted the present snapshot. */
  knownMembers(segments: readonly string[], email: string, options: Options): Promise<number | undefined>;
}

/** A warning may speak of limits this old; the run itself looks again. */
const LIMITS_MS = 60_000;

const number = (value: number): string => value.toLocaleString('en');

/**
 * What an export is held against before it is saved: Klaviyo, the source, and the app's own bounds.
 * @param maxProfiles upper bound of every export's cap
 * @param settings administrators' limits, of which the cap bounds every export's own
 */
export const createExportChecks = ({
  connections,
  source,
  figures,
  settings,
  maxProfiles,
  now,
}: {
  connections: Pick<Connections, 'clientOf'>;
  source: Pick<SegmentSource, 'describeSegment'>;
  figures: KnownFigures;
  settings: {
    getLimits: (options: Options) => Promise<{ readonly value: { readonly maxProfiles?: number | undefined } }>;
    getNotifications: (options: Options) => Promise<{ readonly value: { readonly channels: readonly { readonly id: string }[] } }>;
  };
  maxProfiles: number;
  now: () => Date;
}) => {
  let limits: { readonly maxProfiles?: number | undefined; readonly readAt: number } | undefined;
  const capOf = async (own: number | undefined, { signal }: Options): Promise<number> => {
    const at = now().getTime();
    if (limits === undefined || Math.abs(at - limits.readAt) > LIMITS_MS) {
      limits = { maxProfiles: (await settings.getLimits({ signal })).value.maxProfiles, readAt: at };
    }
    return Math.min(...[own, limits.maxProfiles, maxProfiles].filter((cap) => cap !== undefined));
  };

  return {
    /** @throws InvalidInputError segment_unknown, field_unknown (customer-insights.md E1, E2) */
    fields: async ({ segments, mapping }: Pick<Export, 'segments' | 'mapping'>, { signal }: Options): Promise<void> => {
      const problems: { pointer: string; detail: string }[] = [];
      for (const [index, segment] of segments.entries()) {
        try {
          const { fields } = await source.describeSegment(segment, { samples: false, signal });
          const names = new Set(fields.map(({ name }) => name));
          for (const { pointer, field } of mappingPointers(mapping)) {
            if (names.has(field) || problems.some((problem) => problem.pointer === pointer)) continue;
            problems.push({ pointer, detail: `The segment ${segment} has no field ${field}.` });
          }
        } catch (error) {
          if (!(error instanceof NotFoundError)) throw error;
          problems.push({ pointer: `/segments/${index}`, detail: `The source has no segment ${segment}.` });
        }
      }
      const [first] = problems;
      if (!first) return;
      throw new InvalidInputError({
        code: problems.some(({ pointer }) => pointer.startsWith('/segments')) ? 'segment_unknown' : 'field_unknown',
        message: problems.length === 1 ? first.detail : `${problems.length} fields do not fit the source; see errors.`,
        problems,
      });
    },

    /** @throws LimitError cap_too_high */
    cap: (wanted: number | null | undefined): void => {
      if (wanted === undefined || wanted === null || wanted <= maxProfiles) return;
      throw new LimitError({
        code: 'cap_too_high',
        message: `This app exports at most ${number(maxProfiles)} profiles at a time; choose a maxProfiles up to that.`,
        pointer: '/maxProfiles',
      });
    },

    /** The channels that an export names; costs a call where it names any. @throws InvalidInputError channel_unknown */
    channels: async ({ notify }: Pick<Export, 'notify'>, { signal }: Options): Promise<void> => {
      if (notify === undefined || notify.channelIds.length === 0) return;
      const { value } = await settings.getNotifications({ signal });
      const known = new Set<string>(value.channels.map(({ id }) => id));
      const problems = notify.channelIds.flatMap((id, index) =>
        known.has(id) ? [] : [{ pointer: `/notify/channelIds/${index}`, detail: 'There is no such channel; it may have been removed.' }],
      );
      const [first] = problems;
      if (!first) return;
      throw new InvalidInputError({ code: 'channel_unknown', message: first.detail, problems });
    },

    /** The list of this id. @throws InvalidInputError list_unknown; UpstreamError */
    list: async (connection: Connection, listId: ListId, { signal }: Options): Promise<{ listId: ListId; listName: string }> => {
      const client = await connections.clientOf(connection, { signal });
      const list = await findList(client, listId, { signal });
      if (list) return { listId, listName: list.name };
      throw new InvalidInputError({
        code: 'list_unknown',
        message: `Klaviyo’s account ${connection.accountName} has no list with the id ${listId}; copy the id from the list’s settings in Klaviyo.`,
        pointer: '/listId',
      });
    },

    /**
     * The list of this name, made where there is none: to be asked when everything else has been checked, as it cannot be taken back.
     * @throws InvalidInputError scope_missing; UpstreamError list_quota_used, …
     */
    createdList: async (
      connection: Connection,
      { name }: ListToCreate,
      { signal }: Options,
    ): Promise<{ listId: ListId; listName: string; created: boolean }> => {
      const client = await connections.clientOf(connection, { signal });
      try {
        const list = await findOrCreateList(client, name, { signal });
        return { listId: ListId.parse(list.id), listName: list.name, created: list.created };
      } catch (error) {
        if (!(error instanceof UpstreamError) || error.code !== 'scope_missing') throw error;
        throw new InvalidInputError({
          code: 'scope_missing',
          message: `The API key of this connection may not make lists (scope lists:write); make the list in Klaviyo and give its id. ${error.message}`,
          pointer: '/createList',
          cause: error,
        });
      }
    },

    /** What is saved all the same (customer-insights.md E4, L4): by what is known already, nothing is counted for it. */
    warnings: async (
      { segments, mapping, maxProfiles: own }: Pick<Export, 'segments' | 'mapping' | 'maxProfiles'>,
      { signal }: Options,
    ): Promise<ExportWarning[]> => {
      const members = await figures.knownMembers(segments, mapping.email, { signal });
      if (members === undefined) return [];
      const cap = await capOf(own, { signal });
      if (members <= cap) return [];
      const what = segments.length === 1 ? `The segment ${segments[0]!} holds` : 'The segments hold together';
      const message = `${what} ${number(members)} people with a usable e-mail address, more than this export’s cap of ${number(cap)}; while that is so, its runs send nothing. Choose smaller segments or raise maxProfiles.`;
      return [{ code: 'over_cap', message }];
    },
  };
};

export type ExportChecks = ReturnType<typeof createExportChecks>;
