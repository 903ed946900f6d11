import type { Saved } from './use-editor';

/** Whether there is anything to say beside that it was saved. */
export const hasMoreToSay = ({ value, error }: Saved): boolean =>
  value.warnings.length > 0 || value.listCreated === false || error !== undefined;
