import { BlockList, isIP } from 'node:net';

/**
 * Addresses that nobody outside a network, or a machine, is meant to reach.
 * @see IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890); 168.63.129.16 is public in form, and Azure's own host agent
 */
const special = new BlockList();
const v4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8],
  ['100.64.0.0', 10], // carrier-grade NAT
  ['127.0.0.0', 8],
  ['169.254.0.0', 16], // link-local, instance metadata among them
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16],
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast among them
  ['168.63.129.16', 32],
];
/** Within global unicast: what leads to an IPv4 address in disguise, or nowhere. */
const v6: readonly (readonly [string, number])[] = [
  ['2001::', 23], // protocol assignments: Teredo, ORCHID, benchmarks
  ['2001:db8::', 32],
  ['2002::', 16], // 6to4
  ['3fff::', 20], // documentation
];
for (const [network, prefix] of v4) special.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of v6) special.addSubnet(network, prefix, 'ipv6');

/** Global unicast; all else (loopback, mapped IPv4, NAT64, unique local, link-local, multicast) is not public. */
const unicast = new BlockList();
unicast.addSubnet('2000::', 3, 'ipv6');

/** Whether an IP address is one of the public internet. Anything that is no IP address is not. Pure. */
export const isPublicAddress = (address: string): boolean => {
  const family = isIP(address);
  if (family === 4) return !special.check(address, 'ipv4');
  // a zone (fe80::1%eth0) belongs to link-local addresses
  return family === 6 && !address.includes('%') && unicast.check(address, 'ipv6') && !special.check(address, 'ipv6');
};

/** The host of a URL as an IP address; undefined for a name. URL has turned other spellings of IPv4 into the usual one. */
export const literalAddress = (hostname: string): string | undefined => {
  const bare = hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname;
  return isIP(bare) === 0 ? undefined : bare;
};
