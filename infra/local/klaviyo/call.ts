import type { Endpoint } from './endpoints';
import type { FiredFaults } from './faults';
import type { Op } from './ops';
import type { Processing, Rules } from './options';
import type { Query } from './query';
import type { Random } from './random';
import type { Account } from './state';
import type { UpsertResult } from './upsert';

/** One authenticated, counted and parsed request, as the handlers see it. */
export type Call = {
  readonly account: Account;
  readonly endpoint: Endpoint;
  /** `{id}` of the path, or ''. */
  readonly id: string;
  readonly query: Query;
  readonly json: unknown;
  /** The body as it came and how it was encoded: kept for import jobs. */
  readonly raw: Buffer;
  readonly encoding: 'identity' | 'gzip';
  readonly nowMs: number;
  /** Scheme and host the caller used, for absolute links. */
  readonly origin: string;
  /** The path and query as they came. */
  readonly url: string;
  /** Writes an instant; every other request gets microseconds (4.29, observed). */
  readonly stamp: (atMs: number) => string;
  readonly rules: Rules;
  readonly processing: Processing;
  readonly random: Random;
  readonly faults: FiredFaults;
  readonly commit: (op: Op, body?: Buffer) => UpsertResult | undefined;
  /** Commits later, although no answer is given now (late admission). */
  readonly commitLater: (afterMs: number, commit: () => void) => void;
};
export type Reply = { readonly status: number; readonly body?: object };
