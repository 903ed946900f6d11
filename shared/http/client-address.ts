import { z } from 'zod';

const Address = z.union([z.ipv4(), z.ipv6()]);

/**
 * Where a request came from. App Service's front end appends the address and port of its peer to X-Forwarded-For, so the last entry is
 * its word and all before it are the caller's own, who may write there what they like; the same goes for X-Azure-ClientIP, which only
 * Front Door sets. Behind a proxy this is the proxy's address.
 * @returns an IP address without port, or undefined when there is none
 */
export const clientAddressOf = (headers: { get(name: string): string | null }): string | undefined => {
  const last = headers.get('x-forwarded-for')?.split(',').at(-1)?.trim() ?? '';
  const address = /^\[([^\]]+)\](?::\d+)?$/.exec(last)?.[1] ?? /^([\d.]+)(?::\d+)?$/.exec(last)?.[1] ?? last;
  return Address.safeParse(address).data;
};
