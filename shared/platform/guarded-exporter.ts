import { ExportResultCode } from '@opentelemetry/core';
import type { ExportResult } from '@opentelemetry/core';

/** What the three kinds of exporter have in common. */
export interface AnyExporter<Item> {
  export(items: Item, done: (result: ExportResult) => void): unknown;
  shutdown(): Promise<void>;
}

/** Exports under way at a time; while these do not come back, what is more is dropped, so that memory stays bounded. */
const MAX_UNDER_WAY = 3;
/** One that has not come back this long after it was given up never does; without its place nothing would be sent again. */
const FORGET_MS = 300_000;

/** Tells of exports that worked or did not; never throws. */
export interface ExportWatch<Item = unknown> {
  sent(): void;
  /** @param items what did not get there, as far as we know */
  failed(error: unknown, items: Item): void;
}

/**
 * Stands before an exporter, so that nothing it does can harm the app: it is made when it is first needed, what it throws or rejects is
 * a failed export, one that hangs is given up after a while, and only a few may hang.
 * @param load makes the exporter; asked again after it has failed
 */
export const guardExporter = <Item>({
  load,
  timeoutMs,
  watch,
}: {
  load: () => Promise<AnyExporter<Item>>;
  timeoutMs: number;
  watch: ExportWatch<Item>;
}) => {
  let loading: Promise<AnyExporter<Item>> | undefined;
  let underWay = 0;

  const exporter = (): Promise<AnyExporter<Item>> =>
    (loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    }));

  const carryOut = async (items: Item): Promise<ExportResult> => {
    const loaded = await exporter();
    return new Promise((resolve, reject) => {
      // some return a promise beside calling back, and reject it where they should call back
      void Promise.resolve(loaded.export(items, resolve)).catch(reject);
    });
  };

  return {
    export: (items: Item, done: (result: ExportResult) => void): void => {
      let isDone = false;
      const finish = (result: ExportResult): void => {
        if (isDone) return;
        isDone = true;
        clearTimeout(timer);
        if (result.code === ExportResultCode.SUCCESS) watch.sent();
        else watch.failed(result.error, items);
        done(result);
      };
      const fail = (error: unknown): void =>
        finish({ code: ExportResultCode.FAILED, error: error instanceof Error ? error : new Error(String(error)) });
      const timer = setTimeout(() => fail(new Error('Telemetry was not taken in time.')), timeoutMs);
      timer.unref();
      if (underWay >= MAX_UNDER_WAY) return fail(new Error('Telemetry is not taken.'));
      underWay += 1;
      let hasPlace = true;
      const leave = (): void => {
        if (!hasPlace) return;
        hasPlace = false;
        clearTimeout(forgetting);
        underWay -= 1;
      };
      const forgetting = setTimeout(leave, timeoutMs + FORGET_MS);
      forgetting.unref();
      carryOut(items)
        .then(finish, fail)
        .finally(leave)
        .catch(() => undefined); // whoever is told has thrown
    },
    forceFlush: (): Promise<void> => Promise.resolve(),
    shutdown: async (): Promise<void> => {
      await (await loading?.catch(() => undefined))?.shutdown();
    },
  };
};
