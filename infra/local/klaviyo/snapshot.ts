import { createAccount, createList, JOB_LIFE_MS, type Account, type Client, type Grant, type Job, type List, type State } from './state';

type JobMeta = Omit<Job, 'body' | 'profiles'>;
/** One part of a snapshot; bulk lies in the body of its frame. Parts come in the order of this list, account by account. */
export type SnapshotOp = { readonly op: 'snap' } & (
  | {
      readonly kind: 'account';
      readonly id: string;
      readonly keys: readonly (readonly [string, readonly string[]])[];
      readonly clock: number;
      readonly startedAt: number;
      readonly jobCount: number;
      readonly turn: number;
    }
  | { readonly kind: 'profiles'; readonly account: string; readonly count: number }
  | {
      readonly kind: 'keys';
      readonly account: string;
      readonly name: 'phone_number' | 'external_id';
      readonly entries: readonly (readonly [string, number])[];
    }
  | { readonly kind: 'list'; readonly account: string; readonly list: Omit<List, 'members'> }
  | { readonly kind: 'members'; readonly account: string; readonly list: string; readonly count: number }
  | { readonly kind: 'job'; readonly account: string; readonly job: JobMeta; readonly bodyBytes: number }
  | {
      readonly kind: 'oauth';
      readonly clients: readonly Client[];
      readonly grants: readonly (readonly [string, Omit<Grant, 'access'> & { readonly access: readonly (readonly [string, number])[] }])[];
    }
);
export type Frame = { readonly op: SnapshotOp; readonly body?: Buffer };

const ROWS_A_FRAME = 20_000;
const MEMBERS_A_FRAME = 250_000;

function* framesOf(account: Account, nowMs: number): Generator<Frame> {
  const { id, profiles, clock, startedAt, jobCount, turn } = account;
  const keys = [...account.keys].map(([key, scopes]) => [key, [...scopes]] as const);
  yield { op: { op: 'snap', kind: 'account', id, keys, clock, startedAt, jobCount, turn } };
  for (let from = 0; from < profiles.length(); from += ROWS_A_FRAME) {
    const count = Math.min(ROWS_A_FRAME, profiles.length() - from);
    yield { op: { op: 'snap', kind: 'profiles', account: id, count }, body: profiles.dump(from, count) };
  }
  for (const name of ['phone_number', 'external_id'] as const) {
    let entries: [string, number][] = [];
    for (const entry of profiles.keys(name)) {
      entries.push(entry);
      if (entries.length < ROWS_A_FRAME) continue;
      yield { op: { op: 'snap', kind: 'keys', account: id, name, entries } };
      entries = [];
    }
    if (entries.length > 0) yield { op: { op: 'snap', kind: 'keys', account: id, name, entries } };
  }
  for (const { members, ...list } of account.lists.values()) {
    yield { op: { op: 'snap', kind: 'list', account: id, list } };
    for (let from = 0; from < members.length(); from += MEMBERS_A_FRAME) {
      const count = Math.min(MEMBERS_A_FRAME, members.length() - from);
      yield { op: { op: 'snap', kind: 'members', account: id, list: list.id, count }, body: members.dump(from, count) };
    }
  }
  for (const { body, profiles: rows, ...job } of account.jobs.values()) {
    if (job.createdAt + JOB_LIFE_MS <= nowMs && !account.open.some(({ id: open }) => open === job.id)) continue; // nobody can read it any more
    const own = body ?? Buffer.alloc(0);
    yield {
      op: { op: 'snap', kind: 'job', account: id, job, bodyBytes: own.length },
      body: Buffer.concat([own, Buffer.from(rows.buffer, rows.byteOffset, job.completed * 4)]),
    };
  }
}

/** Everything the sandbox holds, part by part; jobs that have expired are left out. The state must not change while it is read. */
export function* snapshotOf(state: State, nowMs: number): Generator<Frame> {
  for (const account of state.accounts.values()) yield* framesOf(account, nowMs);
  const grants = [...state.grants].map(([refresh, grant]) => [refresh, { ...grant, access: [...grant.access] }] as const);
  yield { op: { op: 'snap', kind: 'oauth', clients: [...state.clients.values()], grants } };
}

/** Puts one part back where it was; parts must come in the order in which they were read. */
export const restore = (state: State, op: SnapshotOp, body: Buffer = Buffer.alloc(0)): void => {
  if (op.kind === 'oauth') {
    for (const client of op.clients) state.clients.set(client.id, client);
    for (const [refresh, grant] of op.grants) {
      state.grants.set(refresh, { ...grant, access: new Map(grant.access) });
      for (const [access] of grant.access) state.grantOfAccess.set(access, refresh);
    }
    return;
  }
  if (op.kind === 'account') {
    const { id, keys, clock, startedAt, jobCount, turn } = op;
    const account = Object.assign(createAccount(id), { clock, startedAt, jobCount, turn });
    state.accounts.set(id, account);
    for (const [key, scopes] of keys) {
      account.keys.set(key, new Set(scopes));
      state.accountOfKey.set(key, account);
    }
    return;
  }
  const account = state.accounts.get(op.account)!;
  if (op.kind === 'profiles') account.profiles.load(body, op.count);
  else if (op.kind === 'keys') for (const [key, row] of op.entries) account.profiles.setKey(op.name, row, undefined, key);
  else if (op.kind === 'list')
    account.lists.set(op.list.id, { ...createList(op.list.id, op.list.name, op.list.createdAt, op.list.optIn), ...op.list });
  else if (op.kind === 'members') account.lists.get(op.list)!.members.load(body, op.count);
  else {
    const hasEnded = op.job.status === 'complete' || op.job.status === 'cancelled';
    const profiles = Int32Array.from({ length: (body.length - op.bodyBytes) / 4 }, (_, at) => body.readInt32LE(op.bodyBytes + at * 4));
    const job: Job = { ...op.job, body: hasEnded ? null : Buffer.from(body.subarray(0, op.bodyBytes)), profiles };
    account.jobs.set(job.id, job);
    if (!hasEnded) account.open.push(job);
  }
};
