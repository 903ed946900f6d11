export const steps = ['destination', 'segments', 'mapping', 'behaviour'] as const;
export type Step = (typeof steps)[number];

/** The step that holds the field of a JSON pointer into the export. */
export const stepOf = (pointer: string): Step => {
  if (/^\/(name|connectionId|listId|createList)(\/|$)/.test(pointer)) return 'destination';
  if (/^\/segments(\/|$)/.test(pointer)) return 'segments';
  if (/^\/mapping(\/|$)/.test(pointer)) return 'mapping';
  return 'behaviour';
};

/** What stands in a document at a JSON pointer, as comparable text. */
export const textAt = (document: unknown, pointer: string): string => {
  const found = pointer
    .split('/')
    .slice(1)
    .reduce<unknown>(
      (inner, part) =>
        typeof inner === 'object' && inner !== null
          ? (inner as Record<string, unknown>)[part.replaceAll('~1', '/').replaceAll('~0', '~')]
          : undefined,
      document,
    );
  return JSON.stringify(found) ?? '';
};
