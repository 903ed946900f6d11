import type { ExportId } from '../ids';
import type { Export, ExportActivity } from './export';

/** All exports as one look found them, for several that need them at the same moment. */
export interface SeenExports {
  readonly exports: readonly Export[];
  /** what the runner keeps for each; one that has never run may have none */
  readonly activities: readonly { readonly exportId: ExportId; readonly activity: ExportActivity }[];
  /** those of which something cannot be read, as a newer version of the app wrote it */
  readonly unreadable: ReadonlySet<string>;
}
