import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { chooseEncoding } from '../../shared/http/encoding';
import type { Encoding } from '../../shared/http/encoding';
import { pagePolicy } from '../../shared/http/page-policy';

/**
 * What `infra/portal/build.mjs` writes beside the files: nothing is served that is not named here. A file whose compressed size is told
 * has compressed twins.
 */
const Manifest = z.object({
  index: z.string(),
  files: z.record(z.string(), z.object({ type: z.string(), brotliBytes: z.number().optional() })),
});
type Manifest = z.infer<typeof Manifest>;

export interface PortalAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

const ENDINGS: Readonly<Record<Encoding, string>> = { br: '.br', gzip: '.gz' };
const YEAR_S = 31_536_000;
/** Addresses of pages are ids and words: whatever has a dot or stranger signs is a file, or a trick. */
const PAGE = /^[\w~:@!/-]{0,500}$/;

const NOTHING_ELSE = { 'x-content-type-options': 'nosniff', 'cross-origin-resource-policy': 'same-origin' };

const pageHeaders = (nonce: string): Record<string, string> => ({
  ...NOTHING_ELSE,
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  // the nonce is for the styles that Fluent UI makes at run time and for the small scripts in the page
  'content-security-policy': pagePolicy(nonce),
  'referrer-policy': 'no-referrer',
  'permissions-policy': 'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), clipboard-write=(self)',
  // the window in which somebody signs in again is opened by the page and goes to another site
  'cross-origin-opener-policy': 'same-origin-allow-popups',
  'x-frame-options': 'DENY',
});

const refusal = (status: number, body: string): PortalAnswer => ({
  status,
  headers: { ...NOTHING_ELSE, 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
  body,
});

/** Read when first asked for, then kept. A failure is not kept. */
const createReader = (folder: string) => {
  const kept = new Map<string, Promise<Buffer>>();
  return (name: string): Promise<Buffer> => {
    const reading = kept.get(name) ?? readFile(path.join(folder, name));
    kept.set(name, reading);
    reading.catch(() => kept.delete(name));
    return reading;
  };
};

/**
 * The built pages of the portal, answered from memory. The manifest is the list of all that there is, so an address never becomes a path.
 * @param folder where `infra/portal/build.mjs` has written to
 */
export const createPortalAssets = (folder: string) => {
  const read = createReader(folder);
  let manifest: Promise<Manifest> | undefined;
  const readManifest = (): Promise<Manifest> => {
    manifest ??= read('manifest.json').then((bytes) => Manifest.parse(JSON.parse(bytes.toString('utf8'))));
    manifest.catch(() => (manifest = undefined));
    return manifest;
  };

  const page = async ({ index }: Manifest): Promise<PortalAnswer> => {
    const nonce = randomBytes(18).toString('base64url');
    const template = (await read(index)).toString('utf8');
    return { status: 200, headers: pageHeaders(nonce), body: template.replaceAll('__NONCE__', nonce) };
  };

  const file = async (
    name: string,
    { type, brotliBytes }: Manifest['files'][string],
    acceptEncoding: string | null,
  ): Promise<PortalAnswer> => {
    const encoding = brotliBytes === undefined ? undefined : chooseEncoding(acceptEncoding);
    return {
      status: 200,
      headers: {
        ...NOTHING_ELSE,
        'content-type': type,
        'cache-control': `public, max-age=${YEAR_S}, immutable`, // its name holds a hash of what is in it
        vary: 'accept-encoding',
        ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
      },
      body: await read(encoding === undefined ? name : name + ENDINGS[encoding]),
    };
  };

  return {
    /**
     * @param address what follows /portal/, decoded
     * @returns a file, the page for every address that may be one of its own, else a 404; 503 where the pages have not been built
     */
    answer: async (address: string, acceptEncoding: string | null): Promise<PortalAnswer> => {
      let built: Manifest;
      try {
        built = await readManifest();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        return refusal(503, 'The pages of the portal have not been built: npm run build');
      }
      const named = Object.hasOwn(built.files, address) ? built.files[address] : undefined;
      if (named !== undefined) return file(address, named, acceptEncoding);
      if (PAGE.test(address) && !address.startsWith('assets/')) return page(built);
      return refusal(404, 'There is no such page.');
    },
  };
};
