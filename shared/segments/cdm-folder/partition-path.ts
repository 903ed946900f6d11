import { UpstreamError } from '../../errors';

const AZURE_HOST = /^[a-z0-9-]+\.(blob|dfs)\.core\.windows\.net$/;
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * Turns a partition's `location` into the name of a blob in our container. The address itself is never asked: data may name any host,
 * and what is read must come through the configured container client with its own credentials (failures 46 and 47).
 * @param containerUrl address of the configured container, path-style too (`http://127.0.0.1:10000/devstoreaccount1/ci`)
 * @throws UpstreamError location_refused, not retryable, naming the place in model.json
 */
export const partitionPath = (
  location: string,
  { containerUrl, pointer, file }: { containerUrl: string; pointer: string; file: string },
): string => {
  const refuse = (reason: string) =>
    new UpstreamError('source', {
      code: 'location_refused',
      message: `${file} names a file that is not read, at ${pointer}/location: ${reason}.`,
      pointer: `${pointer}/location`,
      retryable: false,
    });
  // Not through URL: it would resolve "..", encoded or not, before we see it. What follows ? (`snapshot=`) or # is not part of the path.
  const [, host, rawPath] = /^https?:\/\/([^/?#]+)(\/[^?#]*)/i.exec(location) ?? [];
  if (host === undefined || rawPath === undefined) throw refuse('expected an absolute address beginning with https://');
  let path: string;
  try {
    path = decodeURIComponent(rawPath);
  } catch {
    throw refuse('its percent-encoding is broken');
  }
  const ours = new URL(containerUrl);
  const hostname = host.toLowerCase().replace(/:\d+$/, '');
  const isOwn = hostname === ours.hostname || (LOOPBACK.has(hostname) && LOOPBACK.has(ours.hostname));
  const isTwin = hostname === ours.hostname.replace('.blob.', '.dfs.') || hostname === ours.hostname.replace('.dfs.', '.blob.');
  if (!isOwn && !isTwin && !AZURE_HOST.test(hostname)) throw refuse('its host is no Azure Storage account');

  const ownPrefix = decodeURIComponent(ours.pathname).replace(/\/+$/, '');
  // An own host may carry the account in its path; the public ones never do.
  const prefix = isOwn ? `${ownPrefix}/` : `/${ownPrefix.split('/').at(-1)}/`;
  if (!path.startsWith(prefix)) throw refuse('it lies in another container');
  const name = path.slice(prefix.length);
  if (name.split('/').some((part) => part === '' || part === '.' || part === '..') || hasOddCharacter(name))
    throw refuse('its path is not a plain one');
  return name;
};

const hasOddCharacter = (name: string) => [...name].some((character) => character === '\\' || character < ' ' || character === '\x7f');
