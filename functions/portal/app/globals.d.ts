/** Codes of the languages, one per file in messages/; set by infra/portal/build.mjs. */
declare const LANGUAGES: readonly string[];
/** In early.ts alone: the files that a language, or a page by the pattern of its address, is made of. */
declare const EARLY: {
  readonly languages: Readonly<Record<string, readonly string[]>>;
  readonly pages: readonly (readonly [pattern: string, files: readonly string[]])[];
};
