import { z } from 'zod';
import { changesOf } from '../../shared/activity/changes';
import { defineRoute, listOf } from '../../shared/http/route';
import { ChannelId } from '../../shared/ids';
import { ChannelTest, OpenCondition } from '../../shared/notifications/notifications';
import type { Notifications } from '../../shared/notifications/notifications';
import { Channel, NotificationSettings, SavedNotificationSettings } from '../../shared/settings/notification-settings';
import type { Router } from './register-route';

const getNotificationSettings = defineRoute({
  operation: 'getNotificationSettings',
  method: 'GET',
  path: 'api/settings/notifications',
  summary:
    'Channels that notifications go to, how each fared lately, and what is told when; administrators see the hosts of their addresses',
  who: 'Viewer',
  answers: { 200: { description: 'The settings', schema: SavedNotificationSettings, etag: true } },
});
const setNotificationSettings = defineRoute({
  operation: 'setNotificationSettings',
  method: 'PUT',
  records: 'notifications_changed',
  path: 'api/settings/notifications',
  summary: 'Replaces the settings; a channel that is left out goes, one without an id is made; signing secrets are shown this once',
  who: 'Administrator',
  body: NotificationSettings,
  ifMatch: 'required',
  answers: { 200: { description: 'Changed', schema: SavedNotificationSettings, etag: true } },
});
const testNotificationChannel = defineRoute({
  operation: 'testNotificationChannel',
  method: 'POST',
  records: 'notification_tested',
  path: 'api/settings/notifications/test',
  summary: 'Sends a test message to a channel now, and says what its receiver answered',
  who: 'Administrator',
  body: z.strictObject({ channelId: ChannelId }).meta({ id: 'ChannelTestRequest' }),
  answers: { 200: { description: 'What became of it', schema: ChannelTest } },
});
const listNotifications = defineRoute({
  operation: 'listNotifications',
  method: 'GET',
  path: 'api/notifications',
  summary: 'What is not as it should be at the moment, the newest first; conditions of connections are shown to administrators',
  who: 'Viewer',
  answers: { 200: { description: 'All that is open', schema: listOf(OpenCondition, 'OpenConditionList') } },
});

/** What the activity log shows of a change; how a channel fared is nothing that somebody changed. */
const LoggedChannel = Channel.omit({ delivery: true, signingSecret: true });
const Logged = SavedNotificationSettings.extend({ channels: z.array(LoggedChannel) });

export const registerNotifications = ({ route }: Router, { notifications }: { notifications: Notifications }): void => {
  route(getNotificationSettings).to(async ({ caller, signal }) => {
    const { value, etag } = await notifications.getSettings({ caller, signal });
    return { status: 200, body: value, etag };
  });
  route(setNotificationSettings).to(async ({ body, ifMatch, signal }) => {
    const { value, etag, before, after } = await notifications.setSettings(body, { ifMatch, signal });
    return { status: 200, body: value, etag, activity: changesOf(Logged, { before: Logged.parse(before), after: Logged.parse(after) }) };
  });
  route(testNotificationChannel).to(async ({ body, signal }) => {
    const { name, ...result } = await notifications.test(body.channelId, { signal });
    const { delivered, status } = result;
    return {
      status: 200,
      body: result,
      activity: { details: { channel: name, delivered, ...(status === undefined ? {} : { status }) } },
    };
  });
  route(listNotifications).to(async ({ caller, signal }) => ({
    status: 200,
    body: { value: [...(await notifications.listOpen({ caller, signal }))] },
  }));
};
