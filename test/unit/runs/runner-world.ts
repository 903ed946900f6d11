import type { z } from 'zod';
import { ConflictError } from '../../../shared/errors';
import { ExportActivity } from '../../../shared/exports/export';
import { ExportId } from '../../../shared/ids';
import type { RunId } from '../../../shared/ids';
import type { KlaviyoClient } from '../../../shared/klaviyo/client';
import type { BlobLease, Blobs } from '../../../shared/platform/blobs';
import type { Queue } from '../../../shared/platform/queues';
import type { RowKey, Rows } from '../../../shared/platform/tables';
import { noTelemetry } from '../../../shared/platform/telemetry';
import { createAdvance } from '../../../shared/runs/advance';
import { createExportActivities } from '../../../shared/runs/export-activity';
import type { Hold } from '../../../shared/runs/hold';
import { type Run, RunMessage, hasEnded } from '../../../shared/runs/run';
import type { RunDocument, RunPhase } from '../../../shared/runs/run';
import { createRowReports } from '../../../shared/runs/row-report';
import { createRunHistory } from '../../../shared/runs/run-history';
import { createRunRows } from '../../../shared/runs/run-rows';
import { createRunStore } from '../../../shared/runs/run-store';
import { createRuns } from '../../../shared/runs/runs';
import type { Phase } from '../../../shared/runs/slice';
import { createStaging } from '../../../shared/runs/staging';
import { defaultLimits } from '../../../shared/settings/limits';
import { aDocument } from './a-document';

/**
 * A small world in one process: storage, a queue, and app instances that die, stall or have clocks of their own. Its storage knows what
 * Azure's does (leases, conditions, visibility, a message that comes back ten minutes after the host that had it died); time passes as the
 * test says, in steps, under jest's fake timers.
 */

const STEP_MS = 500;
/** The platform gives a message back whose host died. */
const MESSAGE_BACK_MS = 600_000;
const START = Date.parse('2026-11-23T00:00:00.000Z');
const LEASE_SECONDS = 30;
const GUARD_SECONDS = 45;

const notPartOf = (): never => {
  throw new Error('not part of this world');
};
/** What the runner asks of a part in these tests; whoever asks for more is told so. */
const partOf = <T extends object>(known: Partial<T>): T =>
  new Proxy(known, { get: (part, name) => part[name as keyof T] ?? notPartOf }) as T;
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

interface StoredBlob {
  body: Buffer;
  etag: string;
  modifiedMs: number;
  leaseId?: string;
  leaseUntilMs: number;
}
interface StoredMessage {
  readonly id: string;
  body: RunMessage;
  receipt: string;
  visibleAtMs: number;
}

/** When an instance dies: at the nth of its calls, before or after the call was carried out. */
export interface Death {
  readonly call: number;
  readonly when: 'before' | 'after';
}

export interface WorldOptions {
  /** what each phase does; by default it makes one call to Klaviyo, saves and goes on */
  readonly phases?: Partial<Record<RunPhase, Phase>>;
  /** one after the other: each kills the instance that is alive then */
  readonly deaths?: readonly Death[];
  /** by how much the clocks of the instances are wrong */
  readonly clocksAheadMs?: readonly [number, number];
}

const order: readonly RunPhase[] = ['prepare', 'gate', 'canary', 'submit', 'settle', 'remove', 'verify', 'finish'];

export const createWorld = ({ phases = {}, deaths = [], clocksAheadMs = [0, 0] }: WorldOptions = {}) => {
  let ms = 0;
  let counter = 0;
  const blobs = new Map<string, StoredBlob>();
  const tables = new Map<string, { value: unknown; etag: string }>();
  let messages: StoredMessage[] = [];
  const dying = [...deaths];
  const world = {
    /** calls to Klaviyo by an instance whose lease did not outlast them */
    zombieCalls: 0,
    klaviyoCalls: 0,
    /** deliveries, and those that began a slice */
    deliveries: 0,
    events: [] as { event: string; ms: number }[],
    diedAtMs: [] as number[],
  };
  const isLeased = (blob: StoredBlob | undefined): boolean => blob?.leaseId !== undefined && blob.leaseUntilMs > ms;

  const newInstance = (aheadMs: number) => {
    const instance = { dead: false, busy: false, calls: 0, stalledUntilMs: 0 };
    /** Every call to storage passes here, and dies with its instance. */
    const call = async <T>(effect: () => T): Promise<T> => {
      while (instance.stalledUntilMs > ms && !instance.dead) await new Promise((resolve) => setTimeout(resolve, STEP_MS));
      if (instance.dead) return never();
      instance.calls += 1;
      const death = dying[0]?.call === instance.calls ? dying[0] : undefined;
      const die = <R>(): Promise<R> => {
        dying.shift();
        instance.dead = true;
        world.diedAtMs.push(ms);
        return never();
      };
      if (death?.when === 'before') return die();
      const result = effect();
      if (death) return die();
      return result;
    };

    const propertiesOf = (blob: StoredBlob) => ({
      etag: blob.etag,
      bytes: blob.body.length,
      modifiedAt: new Date(START + blob.modifiedMs).toISOString(),
      leaseState: isLeased(blob) ? 'leased' : 'available',
    });
    const conflict = () => new ConflictError({ code: 'changed_meanwhile', message: 'The blob was changed by somebody else meanwhile.' });
    const container = partOf<Blobs>({
      findProperties: (name) => call(() => (blobs.has(name) ? propertiesOf(blobs.get(name)!) : undefined)),
      find: (name) =>
        call(() => {
          const blob = blobs.get(name);
          return blob && { ...propertiesOf(blob), body: blob.body };
        }),
      write: (name, body, { ifMatch, ifNoneMatch, leaseId }) =>
        call(() => {
          const blob = blobs.get(name);
          if (ifNoneMatch && blob) throw conflict();
          if (ifMatch !== undefined && blob?.etag !== ifMatch) throw conflict();
          if (isLeased(blob) ? blob!.leaseId !== leaseId : leaseId !== undefined) throw conflict();
          const etag = `e${(counter += 1)}`;
          blobs.set(name, { leaseUntilMs: 0, ...blob, body: Buffer.from(body), etag, modifiedMs: ms });
          return { etag };
        }),
      remove: (name) => call(() => void blobs.delete(name)),
      list: async function* () {
        await call(() => undefined);
        yield* [];
      },
      removeAll: () => call(() => 0),
      tryLease: (name, { seconds, ifMatch }) =>
        call(() => {
          const blob = blobs.get(name);
          if (!blob || isLeased(blob) || (ifMatch !== undefined && blob.etag !== ifMatch)) return undefined;
          const id = `l${(counter += 1)}`;
          Object.assign(blob, { leaseId: id, leaseUntilMs: ms + seconds * 1_000 });
          const mine = () => {
            const current = blobs.get(name);
            if (current?.leaseId !== id) throw conflict();
            return current;
          };
          return {
            id,
            renew: () =>
              call(() => {
                mine().leaseUntilMs = ms + seconds * 1_000;
                return {};
              }),
            release: () =>
              call(() => {
                mine().leaseUntilMs = 0;
                return {} as Awaited<ReturnType<BlobLease['release']>>;
              }),
          };
        }),
    });
    const queue = partOf<Queue<RunMessage>>({
      send: (body, { delaySeconds = 0 }) =>
        call(() => {
          const message = { id: `m${(counter += 1)}`, body, receipt: `r${counter}`, visibleAtMs: ms + delaySeconds * 1_000 };
          messages.push(message);
          return { id: message.id, receipt: message.receipt };
        }),
      move: ({ id, receipt }, body, { delaySeconds }) =>
        call(() => {
          const message = messages.find((one) => one.id === id && one.receipt === receipt);
          if (!message) return undefined;
          Object.assign(message, { body, receipt: `r${(counter += 1)}`, visibleAtMs: ms + delaySeconds * 1_000 });
          return { id, receipt: message.receipt };
        }),
      remove: ({ id, receipt }) => call(() => void (messages = messages.filter((one) => one.id !== id || one.receipt !== receipt))),
    });
    const rowsOf = <S extends z.ZodType>(kind: string): Rows<S> => {
      type Value = z.output<S>;
      const keyOf = ({ partition, row }: RowKey) => `${kind} ${partition} ${row}`;
      const put = (key: RowKey, value: Value) => {
        const stored = { value, etag: `e${(counter += 1)}` };
        tables.set(keyOf(key), stored);
        return stored;
      };
      return partOf<Rows<S>>({
        find: (key) => call(() => tables.get(keyOf(key)) as { value: Value; etag: string } | undefined),
        insert: (key, value) =>
          call(() => {
            if (tables.has(keyOf(key))) throw conflict();
            return put(key, value);
          }),
        replace: (key, value, { ifMatch }) =>
          call(() => {
            if (tables.get(keyOf(key))?.etag !== ifMatch) throw conflict();
            return put(key, value);
          }),
        put: (key, value) => call(() => put(key, value).etag),
        remove: (key) => call(() => void tables.delete(keyOf(key))),
        list: async function* (partition) {
          const found = await call(() => [...tables].filter(([key]) => key.startsWith(`${kind} ${partition} `)));
          for (const [key, stored] of found) yield { ...(stored as { value: Value; etag: string }), row: key.split(' ')[2]! };
        },
      });
    };

    const now = () => new Date(START + ms + aheadMs);
    const monotonicMs = () => ms;
    const log = (event: string) => void world.events.push({ event, ms });
    const rows = rowsOf<typeof Run>('runs');
    const store = createRunStore({ blobs: container, rows });
    const staging = createStaging({ blobs: container });
    const activities = createExportActivities({ rows: rowsOf('activity') });
    const runs = createRuns({
      store,
      runRows: createRunRows({ store, rows }),
      history: createRunHistory({ store }),
      activities,
      occurrences: rowsOf('occurrences'),
      exportStore: { find: () => Promise.resolve(undefined), readMirror: () => Promise.resolve(new Map()) },
      connectionStore: { find: () => Promise.resolve(undefined) },
      queue,
      reports: createRowReports({ blobs: container }),
      staging,
      source: { snapshot: notPartOf },
      settings: { getLimits: async () => ({ value: defaultLimits }) },
      maxProfiles: 1_000_000,
      now,
      telemetry: noTelemetry,
      log,
    });
    const finish: Phase = async (slice) => {
      const { document, signal } = slice;
      const state = document.ending?.state ?? 'successful';
      document.run.state = state;
      document.run.endedAt = now().toISOString();
      await slice.save();
      await runs.release(document, { signal });
      return { end: state };
    };
    const simple = (phase: RunPhase): Phase =>
      phase === 'finish'
        ? finish
        : async (slice) => {
            await (await slice.klaviyo()).send('accounts', { signal: slice.signal });
            await slice.save();
            return { next: order[order.indexOf(phase) + 1]! };
          };
    const advance = createAdvance({
      store,
      queue,
      phases: Object.fromEntries(order.map((phase) => [phase, phases[phase] ?? simple(phase)])) as Record<RunPhase, Phase>,
      giveUp: finish,
      afterRemoval: notPartOf,
      showActivity: activities.show,
      openKlaviyo: (document: RunDocument, hold: Hold, { timeoutMs }: { timeoutMs: number }): Promise<KlaviyoClient> =>
        Promise.resolve({
          send: async () => {
            await call(() => undefined); // an instance may stall right before a call
            await hold.fence(timeoutMs);
            world.klaviyoCalls += 1;
            const blob = blobs.get(`${document.run.id}/run.json`);
            if (blob?.leaseId !== hold.leaseId || blob.leaseUntilMs < ms + timeoutMs) world.zombieCalls += 1;
            return { status: 200, body: {} };
          },
        }),
      times: { sliceSeconds: 240, leaseSeconds: LEASE_SECONDS, guardSeconds: GUARD_SECONDS },
      now,
      monotonicMs,
      telemetry: noTelemetry,
      log,
    });
    return { instance, advance, runs };
  };

  const instances = [newInstance(clocksAheadMs[0]), newInstance(clocksAheadMs[1])];
  const document = aDocument();
  Object.assign(document, { turn: 0, starts: 0, attempt: 0 });
  Object.assign(document.run, { state: 'queued', phase: 'prepare', submittedAt: new Date(START).toISOString() });
  const { id: runId, exportId } = document.run;
  const name = (id: RunId) => `${id}/run.json`;
  blobs.set(name(runId), { body: Buffer.from(JSON.stringify(document)), etag: 'e0', modifiedMs: 0, leaseUntilMs: 0 });
  tables.set(`activity runner ${exportId}`, {
    value: ExportActivity.parse({ activeRunId: runId, activeState: 'queued', lastRunNumber: 7 }),
    etag: 'e0',
  });
  const { signal } = new AbortController();

  /** As the host does: one message at a time an instance; deleted when its handler ended well, given back at once when it threw. */
  const deliver = (): void => {
    for (const [index, one] of instances.entries()) {
      if (one.instance.dead) {
        instances[index] = newInstance(clocksAheadMs[index]!);
        continue;
      }
      if (one.instance.busy || one.instance.stalledUntilMs > ms) continue;
      const message = messages.find(({ visibleAtMs }) => visibleAtMs <= ms);
      if (!message) return;
      const receipt = `r${(counter += 1)}`;
      Object.assign(message, { receipt, visibleAtMs: ms + MESSAGE_BACK_MS });
      one.instance.busy = true;
      world.deliveries += 1;
      void one
        .advance(RunMessage.parse(message.body), { signal })
        .then(
          () => void (messages = messages.filter((kept) => kept !== message || kept.receipt !== receipt)),
          () => void (message.receipt === receipt && (message.visibleAtMs = ms)),
        )
        .finally(() => (one.instance.busy = false));
    }
  };

  return {
    world,
    instances,
    nowMs: () => ms,
    documentOf: (): RunDocument => JSON.parse(blobs.get(name(runId))!.body.toString()) as RunDocument,
    activity: () => tables.get(`activity runner ${exportId}`)!.value as ExportActivity,
    /** Changes the export's row behind everybody's back. */
    tell: (more: Partial<ExportActivity>): void => {
      const key = `activity runner ${exportId}`;
      tables.set(key, { value: { ...(tables.get(key)!.value as ExportActivity), ...more }, etag: `e${(counter += 1)}` });
    },
    row: () => tables.get(`runs ${exportId} ${runId}`)?.value as Run | undefined,
    messages: () => messages,
    exportId: ExportId.parse(exportId),
    runId,
    ended: (): boolean => hasEnded((JSON.parse(blobs.get(name(runId))!.body.toString()) as RunDocument).run.state),
    send: (body: RunMessage, { inMs = 0 }: { inMs?: number } = {}): void =>
      void messages.push({ id: `m${(counter += 1)}`, body, receipt: `r${counter}`, visibleAtMs: ms + inMs }),
    count: (event: string): number => world.events.filter((one) => one.event === event).length,
    /** Lets time pass: messages are delivered, and each minute the timer looks for runs that stand still. */
    pass: async (seconds: number, until: () => boolean = () => false): Promise<void> => {
      for (const end = ms + seconds * 1_000; ms < end && !until();) {
        ms += STEP_MS;
        await jest.advanceTimersByTimeAsync(STEP_MS);
        deliver();
        await jest.advanceTimersByTimeAsync(0);
        if (ms % 60_000 === 0) {
          const awake = instances.find(({ instance }) => !instance.dead && instance.stalledUntilMs <= ms);
          void awake?.runs.sweep({ signal });
          await jest.advanceTimersByTimeAsync(0);
        }
      }
    },
  };
};
