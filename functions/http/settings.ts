import { changesOf } from '../../shared/activity/changes';
import { defineRoute } from '../../shared/http/route';
import { SavedSystemSchedule, SystemSchedule } from '../../shared/schedules/schedule';
import { Limits } from '../../shared/settings/limits';
import type { Settings } from '../../shared/settings/settings';
import type { Router } from './register-route';

const getSystemSchedule = defineRoute({
  operation: 'getSystemSchedule',
  method: 'GET',
  path: 'api/settings/schedule',
  summary: 'The system refresh; off until an administrator turns it on',
  who: 'Viewer',
  answers: { 200: { description: 'The schedule', schema: SavedSystemSchedule, etag: true } },
});
const setSystemSchedule = defineRoute({
  operation: 'setSystemSchedule',
  method: 'PUT',
  records: 'system_schedule_changed',
  path: 'api/settings/schedule',
  summary: 'Replaces the system refresh',
  who: 'Administrator',
  body: SystemSchedule,
  ifMatch: 'required',
  answers: { 200: { description: 'Changed', schema: SavedSystemSchedule, etag: true } },
});
const getLimits = defineRoute({
  operation: 'getLimits',
  method: 'GET',
  path: 'api/settings/limits',
  summary: 'What exports are held to that have no limits of their own, and how long things are kept',
  who: 'Viewer',
  answers: { 200: { description: 'The limits', schema: Limits, etag: true } },
});
const setLimits = defineRoute({
  operation: 'setLimits',
  method: 'PUT',
  records: 'limits_changed',
  path: 'api/settings/limits',
  summary: 'Replaces the limits; a field left out takes its default',
  who: 'Administrator',
  body: Limits,
  ifMatch: 'required',
  answers: { 200: { description: 'Changed', schema: Limits, etag: true } },
});

export const registerSettings = ({ route }: Router, { settings }: { settings: Settings }): void => {
  route(getSystemSchedule).to(async ({ signal }) => {
    const { value, etag } = await settings.getSchedule({ signal });
    return { status: 200, body: value, etag };
  });
  route(setSystemSchedule).to(async ({ body, ifMatch, signal }) => {
    const { value, etag, before } = await settings.setSchedule(body, { ifMatch, signal });
    return { status: 200, body: value, etag, activity: changesOf(SystemSchedule, { before, after: value }) };
  });
  route(getLimits).to(async ({ signal }) => {
    const { value, etag } = await settings.getLimits({ signal });
    return { status: 200, body: value, etag };
  });
  route(setLimits).to(async ({ body, ifMatch, signal }) => {
    const { value, etag, before } = await settings.setLimits(body, { ifMatch, signal });
    return { status: 200, body: value, etag, activity: changesOf(Limits, { before, after: value }) };
  });
};
