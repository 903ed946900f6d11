import type { ErrorItem } from './errors';
import { createUuid } from './ids';
import type { Random } from './random';

/** What goes over the wire. `transport` asks the server to misbehave (fault plan). */
export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
  readonly transport?: { readonly kind: 'reset' | 'truncate' } | { readonly kind: 'slow'; readonly ms: number };
};

/** Media type of every JSON answer (observed). */
export const JSON_API = 'application/vnd.api+json';

/** Klaviyo's error document; 401 and 404 leave out `links` and `meta` (4.29, observed). */
export const errorBody = (items: readonly ErrorItem[], random: Random): string =>
  JSON.stringify({
    errors: items.map(({ status, code, title, detail, source, links, meta }) => ({
      ...{ id: createUuid(random), status, code, title, detail, source },
      ...(status === 401 || status === 404 ? {} : { links: links ?? {}, meta: meta ?? {} }),
    })),
  });

/** A page of the edge in front of Klaviyo (observed: klaviyo-api-python#84, #28). */
export const edgePage = (status: number, title: string, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { 'Content-Type': 'text/html; charset=UTF-8', Server: 'cloudflare', 'CF-RAY': '8f00000000000000-AMS', ...headers },
  body: `<!DOCTYPE html><html><head><title>${title}</title></head><body><h1>${title}</h1><p>cloudflare</p></body></html>`,
});
