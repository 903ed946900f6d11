import { z } from 'zod';
import type { Activity, ActivityFilter } from '../../shared/activity/activity';
import { activityCsv } from '../../shared/activity/activity-csv';
import { LoggedActivity } from '../../shared/activity/entry';
import { ENTRY_ID } from '../../shared/activity/keys';
import { ActivityKind } from '../../shared/activity/kinds';
import { defineRoute, listOf } from '../../shared/http/route';
import { ConnectionId, ExportId } from '../../shared/ids';
import type { Router } from './register-route';

const Instant = z.iso.datetime({ offset: true, error: 'expected an instant, e.g. 2026-11-26T00:00:00Z' });
const filters = {
  kind: ActivityKind.optional(),
  /** object id of a person or application, or the name of a part of the app */
  by: z.string().min(1).max(200).optional(),
  exportId: ExportId.optional(),
  connectionId: ConnectionId.optional(),
  /** at or after it … */
  from: Instant.optional(),
  /** … and before it */
  to: Instant.optional(),
};
type Filters = { [Name in keyof typeof filters]?: z.output<(typeof filters)[Name]> };
const inOrder = ({ from, to }: Filters): boolean => from === undefined || to === undefined || Date.parse(from) < Date.parse(to);
const outOfOrder = { path: ['to'], message: 'expected an instant after from' };

const listActivity = defineRoute({
  operation: 'listActivity',
  method: 'GET',
  path: 'api/activity',
  summary:
    'Who did what, when and from where, newest first. A page may hold fewer entries than asked for, also none, while nextLink leads on: at most 600 entries are looked at for it',
  who: 'Administrator',
  query: z
    .strictObject({
      ...filters,
      size: z.coerce.number().int().min(1).max(200).default(50),
      /** from nextLink */
      token: z.string().regex(ENTRY_ID, 'expected the token of a nextLink').optional(),
    })
    .refine(inOrder, outOfOrder),
  answers: { 200: { description: 'One page', schema: listOf(LoggedActivity, 'ActivityList') } },
});
const downloadActivity = defineRoute({
  operation: 'downloadActivity',
  method: 'GET',
  path: 'api/activity.csv',
  records: 'activity_downloaded',
  summary: 'The activity log as CSV, all that fits at once; the download is recorded',
  who: 'Administrator',
  query: z.strictObject(filters).refine(inOrder, outOfOrder),
  answers: { 200: { description: 'CSV with a header (RFC 4180), newest first', stream: 'text/csv; charset=utf-8' } },
});

const filterOf = ({ from, to, ...rest }: Filters): ActivityFilter => ({
  ...rest,
  ...(from === undefined ? {} : { from: new Date(from) }),
  ...(to === undefined ? {} : { to: new Date(to) }),
});

const said = (query: Filters): Record<string, string> =>
  Object.fromEntries(Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));

export const registerActivity = ({ route }: Router, { activity, now }: { activity: Activity; now: () => Date }): void => {
  route(listActivity).to(async ({ query: { size, token, ...query }, signal }) => {
    const { entries, next } = await activity.page(filterOf(query), { size, after: token, signal });
    const nextLink = next && `/api/activity?${new URLSearchParams({ ...said(query), size: String(size), token: next }).toString()}`;
    return { status: 200, body: { value: entries, ...(nextLink ? { nextLink } : {}) } };
  });
  route(downloadActivity).to(({ query, signal }) => {
    const day = now().toISOString().slice(0, 10);
    const entries = activity.readAll(filterOf(query), { signal });
    return Promise.resolve({
      status: 200,
      stream: activityCsv(entries),
      fileName: `activity-${day}.csv`,
      activity: { details: said(query) },
    });
  });
};
