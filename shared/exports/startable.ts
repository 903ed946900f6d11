import { ConflictError } from '../errors';
import type { Export } from './export';

/**
 * Whether a run of the export may begin, whoever asks for it (customer-insights.md D3).
 * @throws ConflictError export_detached, export_paused
 */
export const requireStartable = ({ connectionId, paused }: Pick<Export, 'connectionId' | 'paused'>): void => {
  if (connectionId === undefined) {
    throw new ConflictError({
      code: 'export_detached',
      message: 'This export has no connection, so it cannot run; choose a connection for it first.',
    });
  }
  if (paused) {
    throw new ConflictError({ code: 'export_paused', message: 'This export is paused, so nothing starts it; resume it first.' });
  }
};
