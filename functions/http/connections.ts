import { z } from 'zod';
import { changesOf } from '../../shared/activity/changes';
import { ConnectionCheck } from '../../shared/connections/checklist';
import { ConnectionChange, ConnectionSettings, NewConnection } from '../../shared/connections/connection';
import { CheckedConnection, ConnectionQuery, ConnectionView, SharedConnection } from '../../shared/connections/connection-view';
import type { Connections } from '../../shared/connections/connections';
import { Consent, consent } from '../../shared/connections/consent';
import { defineRoute, listOf } from '../../shared/http/route';
import { ConnectionId } from '../../shared/ids';
import type { Router } from './register-route';

const params = z.object({ id: ConnectionId });
const ConnectionForCaller = z
  .union([ConnectionView, SharedConnection])
  .meta({ id: 'ConnectionForCaller', description: 'Contributors see no more than they need to choose one' });
const ChangedConnection = ConnectionView.extend({
  /** where the change brought a key */
  checks: z.array(ConnectionCheck).optional(),
}).meta({ id: 'ChangedConnection' });
/** What the activity log shows before and after; who changed it stands in the entry itself. */
const Recorded = ConnectionSettings.omit({ updatedByName: true });
const KlaviyoList = z.object({ id: z.string(), name: z.string(), optInProcess: z.string().optional() }).meta({ id: 'KlaviyoList' });
const KlaviyoListQuery = z.strictObject({
  /** part of the name, in any case; all pages are read */
  search: z.string().trim().min(1).max(200).optional(),
  /** exactly this name */
  name: z.string().trim().min(1).max(200).optional(),
});

const getConsent = defineRoute({
  operation: 'getConsent',
  method: 'GET',
  path: 'api/consent',
  summary: 'The statement that an administrator agrees to before a connection is made, with its version',
  who: 'Viewer',
  answers: { 200: { description: 'In every language of the portal', schema: Consent } },
});
const listConnections = defineRoute({
  operation: 'listConnections',
  method: 'GET',
  path: 'api/connections',
  summary: 'Connections you may use; contributors see name and type of shared ones',
  who: 'Contributor',
  query: ConnectionQuery,
  answers: {
    200: { description: 'One page, by display name if no other column is named', schema: listOf(ConnectionForCaller, 'ConnectionList') },
  },
});
const createConnection = defineRoute({
  operation: 'createConnection',
  records: 'connection_created',
  method: 'POST',
  path: 'api/connections',
  summary: 'Connects a Klaviyo account; the key is held against a checklist first, and kept in Key Vault only',
  who: 'Administrator',
  body: NewConnection,
  idempotent: true,
  answers: { 201: { description: 'Connected, with the checklist', schema: CheckedConnection, etag: true, location: true } },
});
const getConnection = defineRoute({
  operation: 'getConnection',
  method: 'GET',
  path: 'api/connections/{id}',
  summary: 'One connection, never its key; administrators see whether its secret is there now',
  who: 'Contributor',
  params,
  answers: { 200: { description: 'The connection', schema: ConnectionForCaller, etag: true } },
});
const updateConnection = defineRoute({
  operation: 'updateConnection',
  records: 'connection_changed',
  method: 'PATCH',
  path: 'api/connections/{id}',
  summary: 'Renames, shares or un-shares a connection, gives it another key of the same account, or agrees anew',
  who: 'Administrator',
  params,
  body: ConnectionChange,
  ifMatch: 'required',
  answers: { 200: { description: 'Changed', schema: ChangedConnection, etag: true } },
});
const removeConnection = defineRoute({
  operation: 'removeConnection',
  records: 'connection_removed',
  method: 'DELETE',
  path: 'api/connections/{id}',
  summary: 'Removes a connection that no export uses, and the secret that was made for it',
  who: 'Administrator',
  params,
  ifMatch: 'orAny',
  answers: { 204: { description: 'Removed' } },
});
const testConnection = defineRoute({
  operation: 'testConnection',
  records: false,
  method: 'POST',
  path: 'api/connections/{id}/test',
  summary: 'Checks secret, key, account and each scope by calls that change nothing',
  who: 'Administrator',
  params,
  answers: { 200: { description: 'One line per check', schema: listOf(ConnectionCheck, 'ConnectionCheckList') } },
});
const listKlaviyoLists = defineRoute({
  operation: 'listKlaviyoLists',
  method: 'GET',
  path: 'api/connections/{id}/lists',
  summary: 'Lists of the Klaviyo account, all of them or found by name over all pages',
  who: 'Contributor',
  params,
  query: KlaviyoListQuery,
  refusals: [409],
  answers: { 200: { description: 'By name', schema: listOf(KlaviyoList, 'KlaviyoListList') } },
});

const nextLink = ({ token: _shown, ...query }: ConnectionQuery, token: string | undefined): { nextLink?: string } => {
  if (token === undefined) return {};
  const named = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...query, token })) if (value !== undefined) named.set(name, String(value));
  return { nextLink: `/api/connections?${named.toString()}` };
};

export const registerConnections = ({ route }: Router, { connections }: { connections: Connections }): void => {
  route(getConsent).to(() => Promise.resolve({ status: 200, body: consent }));
  route(listConnections).to(async ({ query, caller, signal }) => {
    const { value, token } = await connections.list(query, { caller, signal });
    return { status: 200, body: { value: [...value], ...nextLink(query, token) } };
  });
  route(createConnection).to(async ({ body, caller, requestKey, signal }) => {
    const { value, etag } = await connections.create(body, { caller, requestKey, signal });
    const activity = { connectionId: value.id, name: value.displayName, ...changesOf(Recorded, { after: value }) };
    return { status: 201, body: value, etag, location: `/api/connections/${value.id}`, activity };
  });
  route(getConnection).to(async ({ params: { id }, caller, signal }) => {
    const { value, etag } = await connections.get(id, { caller, signal });
    return { status: 200, body: value, etag };
  });
  route(updateConnection).to(async ({ params: { id }, body, ifMatch, caller, signal }) => {
    const { value, etag, before } = await connections.update(id, body, { ifMatch, caller, signal });
    const details = body.apiKey === undefined ? {} : { details: { keyReplaced: true } };
    const activity = { name: value.displayName, ...details, ...changesOf(Recorded, { before, after: value }) };
    return { status: 200, body: value, etag, activity };
  });
  route(removeConnection).to(async ({ params: { id }, ifMatch, signal }) => {
    const before = await connections.remove(id, { ifMatch, signal });
    return { status: 204, activity: { name: before.displayName, ...changesOf(Recorded, { before }) } };
  });
  route(testConnection).to(async ({ params: { id }, signal }) => ({
    status: 200,
    body: { value: [...(await connections.test(id, { signal }))] },
  }));
  route(listKlaviyoLists).to(async ({ params: { id }, query, caller, signal }) => ({
    status: 200,
    body: { value: [...(await connections.lists(id, { ...query, caller, signal }))] },
  }));
};
