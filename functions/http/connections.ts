import { z } from 'zod';
import { changesOf } from '../../shared/activity/changes';
import { Connection, ConnectionChange, NewConnection, SharedConnection } from '../../shared/connections/connection';
import type { Connections } from '../../shared/connections/connections';
import { defineRoute, listOf } from '../../shared/http/route';
import { ConnectionId } from '../../shared/ids';
import type { Router } from './register-route';

const params = z.object({ id: ConnectionId });
const ConnectionView = z.union([Connection, SharedConnection]).meta({ id: 'ConnectionView' });
const ConnectionCheck = z
  .object({ check: z.string(), ok: z.boolean().nullable(), detail: z.string() })
  .meta({ id: 'ConnectionCheck', description: 'ok is null where no harmless call can tell' });
const KlaviyoList = z.object({ id: z.string(), name: z.string(), optInProcess: z.string().optional() }).meta({ id: 'KlaviyoList' });

const listConnections = defineRoute({
  operation: 'listConnections',
  method: 'GET',
  path: 'api/connections',
  summary: 'Connections you may use; contributors see name and type of shared ones',
  who: 'Contributor',
  answers: { 200: { description: 'By display name', schema: listOf(ConnectionView, 'ConnectionList') } },
});
const createConnection = defineRoute({
  operation: 'createConnection',
  method: 'POST',
  records: 'connection_created',
  path: 'api/connections',
  summary: 'Connects a Klaviyo account; the key is checked first and kept in Key Vault only',
  who: 'Administrator',
  body: NewConnection,
  idempotent: true,
  answers: { 201: { description: 'Connected', schema: Connection, etag: true, location: true } },
});
const getConnection = defineRoute({
  operation: 'getConnection',
  method: 'GET',
  path: 'api/connections/{id}',
  summary: 'One connection, never its key',
  who: 'Contributor',
  params,
  answers: { 200: { description: 'The connection', schema: ConnectionView, etag: true } },
});
const updateConnection = defineRoute({
  operation: 'updateConnection',
  method: 'PATCH',
  records: 'connection_changed',
  path: 'api/connections/{id}',
  summary: 'Renames, shares or un-shares a connection, or gives it a new key of the same account',
  who: 'Administrator',
  params,
  body: ConnectionChange,
  ifMatch: 'required',
  answers: { 200: { description: 'Changed', schema: Connection, etag: true } },
});
const removeConnection = defineRoute({
  operation: 'removeConnection',
  method: 'DELETE',
  records: 'connection_removed',
  path: 'api/connections/{id}',
  summary: 'Removes a connection that no export uses, and the secret that was made for it',
  who: 'Administrator',
  params,
  ifMatch: 'orAny',
  answers: { 204: { description: 'Removed' } },
});
const testConnection = defineRoute({
  operation: 'testConnection',
  method: 'POST',
  records: false,
  path: 'api/connections/{id}/test',
  summary: 'Checks key, account and scopes by calls that change nothing',
  who: 'Administrator',
  params,
  answers: { 200: { description: 'One line per check', schema: listOf(ConnectionCheck, 'ConnectionCheckList') } },
});
const listKlaviyoLists = defineRoute({
  operation: 'listKlaviyoLists',
  method: 'GET',
  path: 'api/connections/{id}/lists',
  summary: 'All lists of the Klaviyo account',
  who: 'Contributor',
  params,
  answers: { 200: { description: 'By name', schema: listOf(KlaviyoList, 'KlaviyoListList') } },
});

export const registerConnections = ({ route }: Router, { connections }: { connections: Connections }): void => {
  route(listConnections).to(async ({ caller, signal }) => ({ status: 200, body: { value: await connections.list({ caller, signal }) } }));
  route(createConnection).to(async ({ body, caller, signal }) => {
    const { value, etag } = await connections.create(body, { caller, signal });
    const activity = { connectionId: value.id, name: value.displayName, ...changesOf(Connection, { after: value }) };
    return { status: 201, body: value, etag, location: `/api/connections/${value.id}`, activity };
  });
  route(getConnection).to(async ({ params: { id }, caller, signal }) => {
    const { value, etag } = await connections.get(id, { caller, signal });
    return { status: 200, body: value, etag };
  });
  route(updateConnection).to(async ({ params: { id }, body, ifMatch, signal }) => {
    const { value, etag, before } = await connections.update(id, body, { ifMatch, signal });
    const details = body.apiKey === undefined ? {} : { details: { keyReplaced: true } };
    return {
      status: 200,
      body: value,
      etag,
      activity: { name: value.displayName, ...details, ...changesOf(Connection, { before, after: value }) },
    };
  });
  route(removeConnection).to(async ({ params: { id }, ifMatch, signal }) => {
    const before = await connections.remove(id, { ifMatch, signal });
    return { status: 204, activity: { name: before.displayName, ...changesOf(Connection, { before }) } };
  });
  route(testConnection).to(async ({ params: { id }, signal }) => ({
    status: 200,
    body: { value: [...(await connections.test(id, { signal }))] },
  }));
  route(listKlaviyoLists).to(async ({ params: { id }, caller, signal }) => ({
    status: 200,
    body: { value: [...(await connections.lists(id, { caller, signal }))] },
  }));
};
