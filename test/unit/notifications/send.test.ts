import { ConflictError } from '../../../shared/errors';
import { createNotifications } from '../../../shared/notifications/notifications';
import { createSend } from '../../../shared/notifications/send';
import type { Sent } from '../../../shared/notifications/send';
import { emptyState } from '../../../shared/notifications/state';
import type { State } from '../../../shared/notifications/state';
import { createWebhooks } from '../../../shared/platform/webhooks';
import { StoredNotifications } from '../../../shared/settings/notification-settings';
import { aChannel, channelId } from './world';

const now = () => new Date('2026-11-26T12:00:00.000Z');
const message = { version: 1 as const, type: 'test' as const, timestamp: now().toISOString(), items: [], more: 0 };
const channel = StoredNotifications.parse({ channels: [aChannel(1)] }).channels[0]!;

describe('a vault that does not answer', () => {
  const webhooks = createWebhooks({ allowPrivate: false });
  afterAll(() => webhooks.close());
  const hanging = ({ signal }: { signal: AbortSignal }): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  const send = (vaultTimeoutMs: number) =>
    createSend({ secrets: { get: (_, options) => hanging(options) }, webhooks, now, vaultTimeoutMs });

  it('is a failed attempt, after which the others go on', async () => {
    const sent = await send(5)(channel, { id: 'msg_1', message }, { signal: new AbortController().signal });
    expect(sent).toEqual({ ok: false, code: 'vault_unavailable', isGone: false });
  });

  it('ends with the caller', async () => {
    await expect(send(60_000)(channel, { id: 'msg_1', message }, { signal: AbortSignal.timeout(5) })).rejects.toThrow();
  });
});

it.each([1, 3])(
  'a test that gets through mends a broken channel, though the timer writes at the same moment (%i times)',
  async (conflicts) => {
    let left = conflicts;
    const broken = { at: now().toISOString(), secretName: channel.secretName, ok: false, code: 'gone', broken: true };
    let state: State = { ...emptyState, channels: { [channelId(1)]: { sentAt: [], digestOwed: false, delivery: broken } } };
    const value = StoredNotifications.parse({ channels: [channel] });
    const notifications = createNotifications({
      channels: { get: async () => ({ value, etag: '"0"' }) } as never,
      store: {
        read: async () => ({ state, isReadable: true, etag: '"0"', outbox: [] }),
        commit: async (next) => {
          left -= 1;
          if (left >= 0) throw new ConflictError({ code: 'changed_meanwhile', message: 'changed' });
          state = next;
          return '"1"';
        },
      },
      send: async (): Promise<Sent> => ({ ok: true, status: 204 }),
      app: undefined,
      now,
    });
    expect(await notifications.test(channelId(1), { signal: AbortSignal.timeout(10_000) })).toMatchObject({ delivered: true });
    expect(state.channels[channelId(1)]!.delivery).toMatchObject({ ok: true, broken: false });
  },
);
