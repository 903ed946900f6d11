import { takeRows } from './import-rows';
import type { Rules } from './options';
import { hashText } from './random';
import { restore, type SnapshotOp } from './snapshot';
import { createAccount, createList, type JobFaults, type List, type State } from './state';
import { upsertProfile, type ProfileRow, type UpsertResult } from './upsert';
import type { Consent } from './profile-store';

/** Every change of the sandbox's state. The journal writes them down and replays them: applying the same ones in the same order gives the same state. */
export type Op =
  | { readonly op: 'account'; readonly account: string }
  | { readonly op: 'key'; readonly account: string; readonly key: string; readonly scopes: readonly string[] }
  | { readonly op: 'revoke'; readonly key: string }
  | {
      readonly op: 'list';
      readonly account: string;
      readonly id: string;
      readonly name: string;
      readonly at: number;
      readonly optIn?: List['optIn'];
    }
  | {
      readonly op: 'client';
      readonly account: string;
      readonly client: string;
      readonly secret: string;
      readonly redirects: readonly string[];
    }
  | {
      readonly op: 'grant';
      readonly client: string;
      readonly refresh: string;
      readonly access: string;
      readonly scopes: readonly string[];
      readonly at: number;
    }
  | { readonly op: 'renew'; readonly refresh: string; readonly access: string; readonly at: number }
  | { readonly op: 'ungrant'; readonly refresh: string }
  | { readonly op: 'rename'; readonly account: string; readonly id: string; readonly name: string; readonly at: number }
  | { readonly op: 'unlist'; readonly account: string; readonly id: string }
  | {
      readonly op: 'job';
      readonly account: string;
      readonly id: string;
      readonly at: number;
      readonly readyAt: number;
      readonly total: number;
      readonly lists: readonly string[];
      readonly faults: JobFaults;
      readonly encoding: 'identity' | 'gzip';
      readonly order?: number;
      readonly badPhone: Rules['badPhone'];
    }
  | { readonly op: 'start'; readonly account: string; readonly job: string; readonly at: number }
  | {
      readonly op: 'rows';
      readonly account: string;
      readonly job: string;
      readonly count: number;
      readonly at: number;
      readonly badPhone: Rules['badPhone'];
    }
  | { readonly op: 'end'; readonly account: string; readonly job: string; readonly at: number; readonly status: 'complete' | 'cancelled' }
  | {
      readonly op: 'join' | 'leave';
      readonly account: string;
      readonly list: string;
      readonly rows: readonly number[];
      readonly at: number;
    }
  | {
      readonly op: 'upsert';
      readonly account: string;
      readonly profile: ProfileRow;
      readonly at: number;
      readonly nulls: 'ignore' | 'clear';
      readonly badPhone: Rules['badPhone'];
    }
  | { readonly op: 'consent'; readonly account: string; readonly rows: readonly number[]; readonly consent: Consent }
  | SnapshotOp
  | { readonly op: 'remove'; readonly account: string; readonly row: number };

/** Applies one change; unknown accounts, jobs or lists are passed over, so that an old journal never stops a start. */
export const applyOp = (state: State, op: Op, body?: Buffer): UpsertResult | undefined => {
  if (op.op === 'account') {
    if (!state.accounts.has(op.account)) state.accounts.set(op.account, createAccount(op.account));
    return undefined;
  }
  if (op.op === 'revoke') {
    state.accountOfKey.get(op.key)?.keys.delete(op.key);
    state.accountOfKey.delete(op.key);
    return undefined;
  }
  if (op.op === 'snap') {
    restore(state, op, body);
    return undefined;
  }
  if (op.op === 'grant') {
    state.grants.set(op.refresh, { client: op.client, scopes: op.scopes, usedAt: op.at, access: new Map([[op.access, op.at]]) });
    state.grantOfAccess.set(op.access, op.refresh);
    return undefined;
  }
  if (op.op === 'renew') {
    const grant = state.grants.get(op.refresh);
    if (!grant) return undefined;
    grant.usedAt = op.at;
    grant.access.set(op.access, op.at);
    state.grantOfAccess.set(op.access, op.refresh);
    return undefined;
  }
  if (op.op === 'ungrant') {
    for (const access of state.grants.get(op.refresh)?.access.keys() ?? []) state.grantOfAccess.delete(access);
    state.grants.delete(op.refresh);
    return undefined;
  }
  const account = state.accounts.get(op.account);
  if (!account) return undefined;
  switch (op.op) {
    case 'key':
      account.keys.set(op.key, new Set(op.scopes));
      state.accountOfKey.set(op.key, account);
      return undefined;
    case 'client':
      state.clients.set(op.client, { id: op.client, account: op.account, secret: op.secret, redirects: op.redirects });
      return undefined;
    case 'list':
      account.lists.set(op.id, createList(op.id, op.name, op.at, op.optIn));
      return undefined;
    case 'rename': {
      const list = account.lists.get(op.id);
      if (list) Object.assign(list, { name: op.name, updatedAt: op.at });
      return undefined;
    }
    case 'unlist':
      account.lists.delete(op.id);
      return undefined;
    case 'job': {
      account.jobCount += 1;
      const { id, readyAt, total, lists, faults, encoding, order = hashText(id) } = op;
      const job = {
        ...{ id, number: account.jobCount, createdAt: op.at, readyAt, total, lists, faults, encoding, order },
        status: 'queued' as const,
        ...{
          taken: 0,
          completed: 0,
          startedAt: null,
          completedAt: null,
          body: body ?? Buffer.alloc(0),
          errors: [],
          profiles: new Int32Array(0),
        },
      };
      account.jobs.set(id, job);
      account.open.push(job);
      return undefined;
    }
    case 'start': {
      const job = account.jobs.get(op.job);
      if (job) Object.assign(job, { status: 'processing', startedAt: op.at });
      account.startedAt = op.at;
      account.clock = Math.max(account.clock, op.at);
      return undefined;
    }
    case 'rows': {
      const job = account.jobs.get(op.job);
      if (job) takeRows(account, job, op);
      account.clock = Math.max(account.clock, op.at);
      return undefined;
    }
    case 'end': {
      const job = account.jobs.get(op.job);
      if (!job) return undefined;
      Object.assign(job, { status: op.status, completedAt: op.at, body: null });
      account.open.splice(account.open.indexOf(job), 1);
      return undefined;
    }
    case 'join':
    case 'leave': {
      const members = account.lists.get(op.list)?.members;
      for (const row of op.rows)
        if (op.op === 'join') members?.join(row, op.at);
        else members?.leave(row);
      return undefined;
    }
    case 'upsert':
      return upsertProfile(account.profiles, op.profile, { atMs: op.at, nulls: op.nulls, badPhone: op.badPhone });
    case 'consent':
      for (const row of op.rows) account.profiles.setConsent(row, op.consent);
      return undefined;
    case 'remove':
      for (const list of account.lists.values()) list.members.leave(op.row);
      account.profiles.remove(op.row);
      return undefined;
  }
};
