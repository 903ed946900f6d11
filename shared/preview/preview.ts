import { z } from 'zod';
import type { Caller } from '../caller';
import { mayUse } from '../connections/connections';
import type { Connections } from '../connections/connections';
import { InvalidInputError } from '../errors';
import { Export } from '../exports/export';
import type { ExportStore } from '../exports/export-store';
import { Mapping, mappingPointers } from '../exports/mapping';
import { ConnectionId, ExportId } from '../ids';
import { requestedSnapshot } from '../segments/requested-snapshot';
import type { SegmentSnapshot, SegmentSource } from '../segments/segment-source';
import { hideText, maskAttributes, maskEmail, maskText } from './mask';
import { PreviewRow } from './preview-row';
import { sampleRows } from './sample-rows';

/** What an export would be, as far as it decides about rows: saved or not. */
export const PreviewRequest = z
  .strictObject({
    /** a saved export: what is not named beside it is as it says */
    exportId: ExportId.optional(),
    connectionId: ConnectionId.optional(),
    segments: Export.shape.segments.optional(),
    mapping: Mapping.optional(),
    /** hides the values from those, too, who may see them; then nothing is put on record */
    masked: z.boolean().optional(),
  })
  .superRefine(({ exportId, ...named }, context) => {
    if (exportId !== undefined) return;
    for (const field of ['segments', 'mapping'] as const) {
      if (named[field] === undefined) context.addIssue({ code: 'custom', path: [field], message: 'expected this or an exportId' });
    }
  })
  .meta({ id: 'PreviewRequest' });
export type PreviewRequest = z.infer<typeof PreviewRequest>;

export const Preview = z
  .object({
    /** whether values are hidden, as was asked or as the caller may not see personal data of this export */
    masked: z.boolean(),
    snapshotId: z.string(),
    refreshedAt: z.string().optional(),
    /** false: the segments are being written, and a run would wait */
    complete: z.boolean(),
    incompleteBecause: z.string().optional(),
    /** the first ones, at most ten, and among them one that is not sent where there is one near */
    rows: z.array(PreviewRow),
  })
  .meta({ id: 'Preview' });
export type Preview = z.infer<typeof Preview>;

/** What the activity log says of a preview that showed personal data. */
export interface Previewed {
  readonly exportId?: ExportId;
  readonly connectionId?: ConnectionId;
  readonly name?: string;
  readonly details: { readonly segments: string; readonly rows: number };
}

type Options = { signal: AbortSignal };

/** An address that is none is hidden, as anything may stand there. */
const masked = (row: PreviewRow, emailField: string): PreviewRow => {
  const email = row.profile || row.reason?.code === 'duplicate' ? maskEmail(row.email.trim()) : hideText(row.email);
  return {
    ...row,
    customerId: maskText(row.customerId),
    email,
    source: Object.fromEntries(Object.entries(row.source).map(([field, text]) => [field, field === emailField ? email : hideText(text)])),
    ...(row.profile ? { profile: { ...row.profile, attributes: maskAttributes(row.profile.attributes) } } : {}),
  };
};

const checkFields = (segments: readonly SegmentSnapshot[], mapping: Mapping): void => {
  const problems = mappingPointers(mapping).flatMap(({ pointer, field }) => {
    const lacking = segments.find(({ fields }) => !fields.some(({ name }) => name === field));
    return lacking ? [{ pointer, detail: `The segment ${lacking.name} has no field ${field}.` }] : [];
  });
  const [first] = problems;
  if (!first) return;
  const message = problems.length === 1 ? first.detail : `${problems.length} fields do not fit the source; see errors.`;
  throw new InvalidInputError({ code: 'field_unknown', message, problems });
};

/** Sample rows as an export would post them, for whoever is about to save or run it. Reads only the beginning of each segment. */
export const createPreview = ({
  source,
  exportStore,
  connections,
}: {
  source: Pick<SegmentSource, 'listSegments' | 'snapshot' | 'readRows'>;
  exportStore: Pick<ExportStore, 'find'>;
  connections: Pick<Connections, 'find'>;
}) => {
  const savedExport = async (id: ExportId, { signal }: Options): Promise<Export> => {
    const stored = await exportStore.find(id, { signal });
    if (stored) return stored.value;
    throw new InvalidInputError({ code: 'export_unknown', message: 'There is no such export.', pointer: '/exportId' });
  };

  /**
   * Whether the caller could read the row reports of such an export, which hold the same: administrators, and contributors where a
   * connection is shared with them.
   * @param named whether the request itself names the connection, which then must be there
   */
  const mayRead = async (
    connectionId: ConnectionId | undefined,
    { named, caller, signal }: { named: boolean; caller: Caller } & Options,
  ): Promise<boolean> => {
    if (!named && caller.role === 'Administrator') return true;
    const connection = connectionId === undefined ? undefined : await connections.find(connectionId, { signal });
    if (connection !== undefined && mayUse(caller, connection)) return true;
    if (!named) return false;
    throw new InvalidInputError({
      code: 'connection_unknown',
      message: 'There is no such connection that you may use; choose another one.',
      pointer: '/connectionId',
    });
  };

  return {
    /**
     * @throws InvalidInputError export_unknown, connection_unknown, segment_unknown, field_unknown; UpstreamError when the source cannot
     * be read
     */
    preview: async (
      { exportId, ...asked }: PreviewRequest,
      { caller, signal }: { caller: Caller } & Options,
    ): Promise<{ preview: Preview; previewed: Previewed }> => {
      const saved = exportId === undefined ? undefined : await savedExport(exportId, { signal });
      const connectionId = asked.connectionId ?? saved?.connectionId;
      // one of both is there: the schema sees to it
      const segments = asked.segments ?? saved!.segments;
      const mapping = asked.mapping ?? saved!.mapping;
      const allowed = await mayRead(connectionId, { named: asked.connectionId !== undefined, caller, signal });
      const shown = allowed && asked.masked !== true;
      const snapshot = await requestedSnapshot(source, segments, { signal });
      checkFields(snapshot.segments, mapping);
      const rows = await sampleRows(source, { snapshot, mapping, signal });
      const { id, refreshedAt, complete, reason } = snapshot;
      return {
        preview: {
          masked: !shown,
          snapshotId: id,
          ...(refreshedAt === undefined ? {} : { refreshedAt }),
          complete,
          ...(reason === undefined ? {} : { incompleteBecause: reason }),
          rows: shown ? [...rows] : rows.map((row) => masked(row, mapping.email)),
        },
        previewed: {
          ...(exportId === undefined ? {} : { exportId }),
          ...(connectionId === undefined ? {} : { connectionId }),
          ...(saved === undefined ? {} : { name: saved.name }),
          details: { segments: segments.join(', ').slice(0, 1_000), rows: rows.length },
        },
      };
    },
  };
};

export type Previews = ReturnType<typeof createPreview>;
