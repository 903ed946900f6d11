import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { ChannelTest, OpenCondition } from '../../../../shared/notifications/notifications';
import type { Channel, NotificationSettings, SavedNotificationSettings } from '../../../../shared/settings/notification-settings';
import { ApiError, get, request } from './client';
import type { Answer } from './client';
import { pollWhile } from './polling';
import { settingsKey } from './settings';

export type { Channel, ChannelTest, OpenCondition };
export type ChannelInput = NotificationSettings['channels'][number];

/** Conditions open and close with the app's timer, once a minute. */
const OPEN_EVERY_MS = 30_000;

/** What is not as it should be at the moment, the newest first. */
export const useOpenConditions = ({ enabled = true }: { readonly enabled?: boolean } = {}) =>
  useQuery({
    queryKey: ['notifications', 'open'],
    enabled,
    queryFn: async ({ signal }) => (await get<{ value: readonly OpenCondition[] }>('/notifications', { signal })).value,
    refetchInterval: pollWhile<readonly OpenCondition[]>(() => OPEN_EVERY_MS),
  });

/** A channel as it is sent back unchanged: what the app tells of it, and no more than this version knows, is left out. */
const inputOf = ({ id, name, form, scope, kinds }: Channel): ChannelInput => ({
  id,
  name,
  form,
  scope,
  ...(kinds === undefined ? {} : { kinds }),
});

/** The settings as they are sent. @param change what becomes of the channels */
export const sentOf = (
  { channels, digest, rejectedShare, lateMinutes }: SavedNotificationSettings,
  change: (channels: readonly ChannelInput[]) => readonly ChannelInput[] = (same) => same,
): NotificationSettings => ({ channels: [...change(channels.map(inputOf))], digest, rejectedShare, lateMinutes });

/** A signing secret that was made by a call and is told this once. */
export interface MadeSecret {
  readonly name: string;
  readonly secret: string;
}

const key = settingsKey('notifications');

/**
 * What is done to single channels. Signing secrets that the API shows are handed on and never kept.
 * @throws ApiError, OfflineError by each of them; after a 412 what others have saved has been read
 */
export const useChannelActions = () => {
  const client = useQueryClient();
  const put = async (value: NotificationSettings, etag: string): Promise<readonly MadeSecret[]> => {
    let answer: Answer<SavedNotificationSettings>;
    try {
      answer = await request<SavedNotificationSettings>('PUT', '/settings/notifications', { body: value, ifMatch: etag });
    } catch (error) {
      if (error instanceof ApiError && error.status === 412) await client.refetchQueries({ queryKey: key });
      throw error;
    }
    const made = answer.body.channels.flatMap(({ name, signingSecret }) =>
      signingSecret === undefined ? [] : [{ name, secret: signingSecret }],
    );
    const channels = answer.body.channels.map(({ signingSecret: _, ...channel }) => channel);
    client.setQueryData(key, { ...answer, body: { ...answer.body, channels } });
    return made;
  };
  return {
    put,
    /** Changes one channel as it is by now, whatever else others have saved. @returns undefined where it is no longer there */
    change: async (
      id: Channel['id'],
      what: (channel: ChannelInput) => ChannelInput | undefined,
    ): Promise<readonly MadeSecret[] | undefined> => {
      const newest = await request<SavedNotificationSettings>('GET', '/settings/notifications');
      if (newest.body.channels.every((channel) => channel.id !== id)) {
        client.setQueryData(key, newest);
        return undefined;
      }
      const changed = (channels: readonly ChannelInput[]) =>
        channels.flatMap((channel) => (channel.id === id ? (what(channel) ?? []) : [channel]));
      return put(sentOf(newest.body, changed), newest.etag ?? '');
    },
  };
};

/** Sends a test message to a channel; how it fared is then read anew. */
export const useTestChannel = (channelId: Channel['id']) => {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async () => (await request<ChannelTest>('POST', '/settings/notifications/test', { body: { channelId } })).body,
    onSettled: () => void client.invalidateQueries({ queryKey: key }),
  });
};
