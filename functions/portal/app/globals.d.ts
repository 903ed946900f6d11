/** Codes of the languages, one per file in messages/; set by infra/portal/build.mjs. */
declare const LANGUAGES: readonly string[];
