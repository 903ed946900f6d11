/** One entry of `errors[]` before it gets its id (klaviyo.md section 4, head). */
export type ErrorItem = {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly source: { readonly pointer?: string; readonly parameter?: string };
  readonly meta?: Record<string, unknown>;
  readonly links?: Record<string, unknown>;
};

/** A request the sandbox turns down; the core writes it as Klaviyo's error document. */
export class Refusal extends Error {
  readonly items: readonly ErrorItem[];
  constructor(...items: ErrorItem[]) {
    super(items[0]!.detail);
    this.items = items;
  }
}

/** Something that Klaviyo has and the sandbox has not: answered with 501, so that nobody takes silence for Klaviyo's consent. */
export class Gap extends Error {
  constructor(readonly what: string) {
    super(`The Klaviyo sandbox does not know ${what}`);
  }
}

/** 400 `Invalid input.` at a JSON pointer. */
export const invalidAt = (pointer: string, detail: string): ErrorItem => ({
  status: 400,
  code: 'invalid',
  title: 'Invalid input.',
  detail,
  source: { pointer },
});

/** 400 `Invalid input.` that names a query parameter. */
export const invalidParameter = (parameter: string, detail: string): ErrorItem => ({
  status: 400,
  code: 'invalid',
  title: 'Invalid input.',
  detail,
  source: { parameter },
});

/** 404 `Not found.` with pointer `/data/` (observed). */
export const notFound = (detail: string): ErrorItem => ({
  status: 404,
  code: 'not_found',
  title: 'Not found.',
  detail,
  source: { pointer: '/data/' },
});
