/** How every GET of the API is asked; the requests that are sent early must be the same ones. */
export const PLAIN_GET = {
  headers: { accept: 'application/json' },
  // an expired session is told by 401; a redirect to a sign-in page could not be read here
  redirect: 'manual',
} as const satisfies RequestInit;

/** Older answers than this are not used: who comes to the home page later wants to see it as it is then. */
const FRESH_MS = 10_000;

declare global {
  var portalEarly: Map<string, Promise<Response | undefined>> | undefined;
}

/** Read to its end, so that nothing stays open where nobody asks for it after all. */
const readWhole = async (response: Response): Promise<Response | undefined> =>
  response.ok ? new Response(await response.arrayBuffer(), { status: response.status, headers: response.headers }) : undefined;

/** Sends a request before there is anybody to ask for it. @param address with its query, as it will be asked for */
export const askEarly = (address: string): void => {
  globalThis.portalEarly ??= new Map();
  const asked = fetch(address, PLAIN_GET).then(readWhole);
  globalThis.portalEarly.set(
    address,
    asked.catch(() => undefined),
  );
};

/** The answer to a request that was sent early, once. @returns undefined when there is none that can be used: ask anew */
export const takeEarly = async ({ pathname, search }: URL): Promise<Response | undefined> => {
  const early = globalThis.portalEarly?.get(pathname + search);
  if (early === undefined) return undefined;
  globalThis.portalEarly?.delete(pathname + search);
  if (performance.now() > FRESH_MS) return undefined;
  return early;
};
