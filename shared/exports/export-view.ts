import { z } from 'zod';
import type { Caller } from '../caller';
import type { Connection } from '../connections/connection';
import type { ConnectionStatus } from '../connections/connection-status';
import { SharedConnection } from '../connections/connection-view';
import { mayUse } from '../connections/connections';
import { Export } from './export';
import type { ExportActivity } from './export';
import { ExportStatus, exportStatus } from './export-status';

export const ExportPermission = z.enum(['edit', 'view']).meta({ id: 'ExportPermission' });
export type ExportPermission = z.infer<typeof ExportPermission>;

/** The connection that an export uses, as far as the caller may see it: {} says no more than that there is one. */
export const ConnectionOfExport = SharedConnection.partial().meta({ id: 'ConnectionOfExport' });
export type ConnectionOfExport = z.infer<typeof ConnectionOfExport>;

/** What a caller sees of an export's own row: with "Your permissions" (R1) and the connection in use; without one it is detached (D2). */
export const ExportSettings = Export.extend({ permission: ExportPermission, connection: ConnectionOfExport.optional() });
export type ExportSettings = z.infer<typeof ExportSettings>;

/** An export as its caller sees it: also how it fares and what it does now. */
export const ExportView = ExportSettings.extend(ExportStatus.shape).meta({ id: 'ExportView' });
export type ExportView = z.infer<typeof ExportView>;

/** Contributor rights come from the connection: without one only an administrator edits (customer-insights.md R2, R3). */
export const permissionFor = (caller: Caller, connection: Connection | undefined): ExportPermission => {
  if (caller.role === 'Administrator') return 'edit';
  return connection !== undefined && mayUse(caller, connection) ? 'edit' : 'view';
};

/** What a caller learns of the connection: all of its name, or nothing. */
export const connectionFor = (
  caller: Caller,
  { connectionId }: Pick<Export, 'connectionId'>,
  connection: Connection | undefined,
): ConnectionOfExport | undefined => {
  if (connectionId === undefined) return undefined;
  if (connection === undefined || !mayUse(caller, connection)) return {};
  return { id: connection.id, displayName: connection.displayName, type: connection.type };
};

/** An export with what others know of it. */
export interface ExportEntry {
  readonly segmentExport: Export;
  readonly connection: Connection | undefined;
  /** as it was last found; undefined: nobody has noted any */
  readonly connectionStatus: ConnectionStatus | undefined;
  readonly activity: ExportActivity;
}

export const statusOf = ({ segmentExport, activity, connectionStatus }: ExportEntry): ExportStatus =>
  exportStatus({ activity, paused: segmentExport.paused, detached: segmentExport.connectionId === undefined, connectionStatus });

export const settingsFor = (
  caller: Caller,
  { segmentExport, connection }: { segmentExport: Export; connection: Connection | undefined },
): ExportSettings => {
  const { connectionId, ...rest } = segmentExport;
  const seen = connectionFor(caller, segmentExport, connection);
  return {
    ...rest,
    // an id that the caller may not see is not told either
    ...(connectionId !== undefined && (seen?.id !== undefined || caller.role === 'Administrator') ? { connectionId } : {}),
    ...(seen === undefined ? {} : { connection: seen }),
    permission: permissionFor(caller, connection),
  };
};

export const viewFor = (caller: Caller, entry: ExportEntry): ExportView => ({ ...settingsFor(caller, entry), ...statusOf(entry) });
