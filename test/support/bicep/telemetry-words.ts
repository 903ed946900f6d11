import { attributes, events, fields, metrics } from '../../../shared/platform/telemetry-words';

/** Names that telemetry may use: what alerts and workbook can ask for. */
export interface Words {
  readonly events: readonly string[];
  readonly metrics: readonly string[];
  /** fields of log lines and attributes of metrics */
  readonly properties: readonly string[];
}

export const readWords = (): Words => ({
  events: Object.keys(events),
  metrics: Object.keys(metrics),
  properties: [...Object.keys(fields), ...Object.keys(attributes)],
});
