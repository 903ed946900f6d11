import type { LookupAddress, LookupOptions } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import { USER_AGENT } from '../version';
import { isPublicAddress, literalAddress } from './public-address';
import { retryAfterOf } from './retry-after';

/** All of one attempt: name, connection, answer. */
const TIMEOUT_MS = 10_000;
/** A receiver has nothing to say but its status; what else it sends is read so far, and dropped. */
const MAX_ANSWER_BYTES = 4_096;
/** A receiver that asks for more waits as long as one that does not answer. */
const MAX_RETRY_AFTER_MS = 6 * 3_600_000;

/** Why an address is not posted to. */
export type AddressProblem = 'not_a_url' | 'not_https' | 'has_user' | 'address_refused';

/** What came of one attempt: the receiver's status, or why there is none. Nothing else of an answer leaves this file. */
export type WebhookAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterMs?: number }
  | { readonly kind: 'unanswered'; readonly code: AddressProblem | 'timeout' | 'no_answer' };

class AddressRefused extends Error {}

/** As node:dns looks up all addresses of a name. */
export type Resolve = (
  hostname: string,
  options: LookupOptions & { all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;
type Lookup = (
  hostname: string,
  options: LookupOptions,
  done: (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void,
) => void;

/** A name server that does not answer is asked twice. */
const NAME_SERVER = { timeout: 2_000, tries: 2 };

/**
 * Asks the name servers themselves: the system's own look-up runs in one of four threads that files and compression share, and cannot be
 * ended, so that a few names that hang would hold up all of them. Only the public internet is posted to, for which nothing else is needed.
 */
export const askNameServers: Resolve = (hostname, _options, done) => {
  const resolver = new Resolver(NAME_SERVER);
  const of = async (family: 4 | 6): Promise<LookupAddress[]> => {
    const addresses = await (family === 4 ? resolver.resolve4(hostname) : resolver.resolve6(hostname));
    return addresses.map((address) => ({ address, family }));
  };
  void Promise.allSettled([of(4), of(6)]).then(([four, six]) => {
    const found = [four, six].flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    if (found.length > 0 || four.status === 'fulfilled') return done(null, found);
    return done(four.reason as NodeJS.ErrnoException, []);
  });
};

/** Names are resolved once, for the connection itself: what was checked is what is connected to, whatever a name server says next. */
const publicOnly =
  (lookup: Resolve): Lookup =>
  (hostname, options, done) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, []);
      // one that is not public is reason enough: nobody publishes such beside a public one by accident
      if (addresses.length === 0 || !addresses.every(({ address }) => isPublicAddress(address))) {
        return done(new AddressRefused('the name leads to an address that is not public'), []);
      }
      if (options.all) return done(null, addresses);
      return done(null, addresses[0]!.address, addresses[0]!.family);
    });
  };

const causes = (error: unknown): unknown[] => {
  const found: unknown[] = [];
  for (let one = error; one !== undefined && one !== null && found.length < 5; one = (one as { cause?: unknown }).cause) {
    found.push(one, ...((one as { errors?: unknown[] }).errors ?? []));
  }
  return found;
};

const codeOf = (error: unknown): string => {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
};

/** Lets the rest of an answer go: a little is read, so that the connection can be used again; then it is closed. */
const drain = async (body: Dispatcher.ResponseData['body']): Promise<void> => {
  try {
    await body.dump({ limit: MAX_ANSWER_BYTES });
  } catch {
    // its status has been read
  }
};

/**
 * Posts to addresses that people have typed. Only https, to public addresses, without user names; redirects are not followed, so that
 * none leads elsewhere.
 * @param allowPrivate lifts the rules of address and https; for the local cloud, whose receivers lie on this machine
 * @param timeoutMs of one attempt
 */
export const createWebhooks = ({
  allowPrivate,
  timeoutMs = TIMEOUT_MS,
  lookup = askNameServers,
}: {
  allowPrivate: boolean;
  timeoutMs?: number;
  lookup?: Resolve;
}) => {
  const dispatcher = new Agent({
    connections: 2,
    pipelining: 1,
    keepAliveTimeout: 1_000,
    connect: { timeout: timeoutMs, ...(allowPrivate ? {} : { lookup: publicOnly(lookup) }) },
  });

  /** What keeps an address from being used, as far as it can be told without asking a name server; undefined = nothing. */
  const problemOf = (text: string): AddressProblem | undefined => {
    if (!URL.canParse(text)) return 'not_a_url';
    const { protocol, username, password, hostname } = new URL(text);
    if (protocol !== 'https:' && !(allowPrivate && protocol === 'http:')) return 'not_https';
    if (username !== '' || password !== '') return 'has_user';
    const literal = literalAddress(hostname);
    // the last label of a name that is no public one: localhost, and names that only a machine's own network knows
    if (
      !allowPrivate &&
      (literal === undefined ? !hostname.includes('.') || /\.(?:localhost|local|internal)\.?$/i.test(hostname) : !isPublicAddress(literal))
    )
      return 'address_refused';
    return undefined;
  };

  return {
    problemOf,

    /** Never throws but for the signal of the caller. */
    post: async (
      address: string,
      { headers, body, signal }: { headers: Readonly<Record<string, string>>; body: string; signal: AbortSignal },
    ): Promise<WebhookAnswer> => {
      const problem = problemOf(address);
      if (problem !== undefined) return { kind: 'unanswered', code: problem };
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        const answer = await request(address, {
          method: 'POST',
          dispatcher,
          signal: AbortSignal.any([signal, timeout]),
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
          headers: { 'content-type': 'application/json', 'user-agent': USER_AGENT, ...headers },
          body,
        });
        const retryAfterMs = retryAfterOf(answer.headers['retry-after'], MAX_RETRY_AFTER_MS);
        await drain(answer.body);
        return { kind: 'answered', status: answer.statusCode, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
      } catch (error) {
        signal.throwIfAborted();
        const all = causes(error);
        if (all.some((one) => one instanceof AddressRefused)) return { kind: 'unanswered', code: 'address_refused' };
        const isLate = timeout.aborted || all.some((one) => /TIMEOUT|TIMEDOUT/.test(codeOf(one)));
        return { kind: 'unanswered', code: isLate ? 'timeout' : 'no_answer' };
      }
    },

    close: () => dispatcher.close(),
  };
};

export type Webhooks = ReturnType<typeof createWebhooks>;
