import { ENDPOINTS } from '../../infra/local/klaviyo/endpoints';
import { startKlaviyoSandbox, type RunningSandbox } from '../../infra/local/klaviyo/server';
import { endpoints } from '../../shared/klaviyo/endpoints';
import { createExchangeCheck } from '../contract/check-exchange';
import { EXCEPTIONS, OUTSIDE_THE_SLICE } from '../contract/departures';
import { WITHOUT_DOCUMENT, nameOf, operationsOf, pinnedDocumentFile, readDocument } from '../contract/document';
import { describeWhere } from '../support/skip';

/** Answers of the sandbox to calls that no run makes; what runs make is held against the document in klaviyo-traffic.test.ts. */
const file = pinnedDocumentFile();
if (file === undefined) process.stderr.write(`Contract tests skipped: ${WITHOUT_DOCUMENT}\n`);

type Sample = { readonly method: string; readonly template: string; readonly url: string; readonly status: number; readonly json?: object };
const sample = (method: string, template: string, url: string, status: number, json?: object): Sample => ({
  method,
  template,
  url,
  status,
  json,
});
const SAMPLES: readonly Sample[] = [
  sample('GET', '/api/accounts', '/api/accounts', 200),
  sample('GET', '/api/lists', '/api/lists?page[size]=2', 200),
  sample('GET', '/api/lists', '/api/lists?fields[list]=name', 200),
  sample('GET', '/api/lists', '/api/lists?sort=nope', 400),
  sample('GET', '/api/lists/{id}', '/api/lists/LIST5K', 200),
  sample('GET', '/api/lists/{id}', '/api/lists/LIST5K?additional-fields[list]=profile_count', 200),
  sample('GET', '/api/lists/{id}', '/api/lists/NOPE', 404),
  sample('GET', '/api/lists/{id}/profiles', '/api/lists/LIST5K/profiles?page[size]=2', 200),
  sample('GET', '/api/lists/{id}/profiles', '/api/lists/LIST5K/profiles?additional-fields[profile]=subscriptions', 200),
  sample('GET', '/api/lists/{id}/profiles', '/api/lists/LIST5K/profiles?fields[profile]=email', 200),
  sample('GET', '/api/lists/{id}/relationships/profiles', '/api/lists/LIST5K/relationships/profiles?page[size]=2', 200),
  sample('POST', '/api/lists/{id}/relationships/profiles', '/api/lists/LIST5K/relationships/profiles', 400, { data: [] }),
  sample('DELETE', '/api/lists/{id}/relationships/profiles', '/api/lists/LIST5K/relationships/profiles', 204, {
    data: [{ type: 'profile', id: '<member>' }],
  }),
  sample('POST', '/api/lists/{id}/relationships/profiles', '/api/lists/LIST5K/relationships/profiles', 204, {
    data: [{ type: 'profile', id: '<member>' }],
  }),
  sample('GET', '/api/profiles', '/api/profiles?page[size]=2', 200),
  sample('GET', '/api/profiles', '/api/profiles?filter=any(email,["a@example.com"])&fields[profile]=email', 200),
  sample('GET', '/api/profile-bulk-import-jobs', '/api/profile-bulk-import-jobs', 200),
  sample('GET', '/api/profile-bulk-import-jobs', '/api/profile-bulk-import-jobs?page[size]=0', 400),
  sample('GET', '/api/profile-bulk-import-jobs/{job_id}', '/api/profile-bulk-import-jobs/<job>?include=lists', 200),
  sample('GET', '/api/profile-bulk-import-jobs/{job_id}', '/api/profile-bulk-import-jobs/nope', 404),
  sample('GET', '/api/profile-bulk-import-jobs/{id}/import-errors', '/api/profile-bulk-import-jobs/<job>/import-errors', 200),
  sample('POST', '/api/profile-bulk-import-jobs', '/api/profile-bulk-import-jobs', 400, { data: { type: 'profile' } }),
  sample('POST', '/api/profile-bulk-import-jobs', '/api/profile-bulk-import-jobs', 202, { data: '<import>' }),
  sample('POST', '/api/profile-subscription-bulk-create-jobs', '/api/profile-subscription-bulk-create-jobs', 202, {
    data: '<subscription>',
  }),
];

describeWhere(file !== undefined, WITHOUT_DOCUMENT)('the Klaviyo sandbox and the client against the published document', () => {
  const document = file === undefined ? undefined : readDocument(file);
  const published = document && createExchangeCheck(document);
  let klaviyo: RunningSandbox;
  const values: Record<string, string> = {};

  const importData = (emails: string[]) => ({
    type: 'profile-bulk-import-job',
    attributes: {
      profiles: {
        data: emails.map((email) => ({ type: 'profile', attributes: { email, location: { city: 'Paris' }, properties: { a: 1 } } })),
      },
    },
    relationships: { lists: { data: [{ type: 'list', id: 'LIST5K' }] } },
  });
  const send = (method: string, url: string, json?: object) => {
    const subscription = {
      type: 'profile-subscription-bulk-create-job',
      attributes: {
        profiles: {
          data: [
            { type: 'profile', attributes: { email: 'a@example.com', subscriptions: { email: { marketing: { consent: 'SUBSCRIBED' } } } } },
          ],
        },
      },
      relationships: { list: { data: { type: 'list', id: 'LIST5K' } } },
    };
    const body =
      json &&
      JSON.stringify(json)
        .replace('"<import>"', JSON.stringify(importData(['x@example.com'])))
        .replace('"<subscription>"', JSON.stringify(subscription))
        .replace('<member>', values['member']!);
    return fetch(klaviyo.url + encodeURI(url.replace('<job>', values['job'] ?? '')), {
      ...{ method, body },
      headers: {
        Authorization: 'Klaviyo-API-Key pk_sandbox_full',
        revision: '2026-07-15',
        ...(body && { 'Content-Type': 'application/vnd.api+json' }),
      },
    });
  };

  beforeAll(async () => {
    klaviyo = await startKlaviyoSandbox({ processing: 'instant', limits: false });
    const rule = { endpoint: 'POST /api/profile-bulk-import-jobs', fault: { kind: 'row_errors', emails: ['c@example.com'] } } as const;
    klaviyo.sandbox.faults.add(rule);
    const answer = await send('POST', '/api/profile-bulk-import-jobs', {
      data: importData(['a@example.com', 'b@example.com', 'c@example.com', 'd@example.com']),
    });
    values['job'] = ((await answer.json()) as { data: { id: string } }).data.id;
    const { profiles } = klaviyo.sandbox.state.accounts.get('SANDBX')!;
    values['member'] = profiles.idOf(profiles.byEmail('a@example.com'));
  });
  afterAll(() => klaviyo.close());

  it.each(SAMPLES)('$method $url answers $status as the document says', async ({ method, url, status, json }) => {
    const answer = await send(method, url, json);
    const body = await answer.text();
    expect([answer.status, body.slice(0, status === answer.status ? 0 : 400)]).toEqual([status, '']);
    const exchange = { method, url, requestHeaders: {}, requestBody: '', status, headers: Object.fromEntries(answer.headers), body };
    const found = published!.check(exchange).departures.filter(({ side }) => side === 'answer');
    expect(found.filter(({ at, says }) => !EXCEPTIONS.some((one) => one.at.test(at) && one.says.test(says)))).toEqual([]);
  });

  it('covers every operation of the slice', () => {
    const covered = new Set(SAMPLES.map(({ method, template }) => nameOf(method, template)));
    expect(published!.operations.filter((operation) => !covered.has(operation))).toEqual([]);
    expect(published!.operations).toHaveLength(13);
  });

  const client = Object.values(endpoints).map((one) => ({ ...one, name: nameOf(one.method, one.path), daily: undefined }));
  const sandbox = ENDPOINTS.map((one) => ({ ...one, ...one.limits, name: nameOf(one.method, one.path) }));
  it.each([
    ['client', client, OUTSIDE_THE_SLICE.client],
    ['sandbox', sandbox, OUTSIDE_THE_SLICE.sandbox],
  ] as const)('lists by name what the %s knows and the slice does not', (_, known, outside) => {
    const names = known.map(({ name }) => name).filter((name) => !published!.operations.includes(name));
    expect(names.sort()).toEqual([...outside].sort());
  });

  it.each([
    ['client', client],
    ['sandbox', sandbox],
  ] as const)('gives the %s the published rates', (_, known) => {
    for (const [name, { operation }] of operationsOf(document!)) {
      const found = known.find((one) => one.name === name);
      if (found === undefined) continue; // what the client does not call
      expect([name, operation['x-klaviyo-ratelimit']]).toEqual([name, { burst: `${found.burst}/s`, steady: `${found.steady}/m` }]);
    }
  });

  it('gives the sandbox the published scopes', () => {
    for (const [name, { operation }] of operationsOf(document!)) {
      const { scopes } = sandbox.find((one) => one.name === name)!;
      expect([name, [...scopes].sort()]).toEqual([name, [...operation['x-klaviyo-scopes']!].sort()]);
    }
  });
});
