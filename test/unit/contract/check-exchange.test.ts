import { createExchangeCheck } from '../../contract/check-exchange';
import type { Exchange } from '../../contract/check-exchange';
import { aDocument } from './a-document';

/** The check itself, against a small document: it must see what is wrong, or the contract tests tell nothing. */
const published = createExchangeCheck(aDocument());
const good: Exchange = {
  ...{ method: 'POST', url: '/api/things/T1/parts/?fields[part]=name' },
  requestHeaders: { authorization: 'Klaviyo-API-Key pk_1', revision: '2026-07-15', 'content-type': 'application/vnd.api+json' },
  requestBody: '{"data":{"name":"a","tags":["x"]}}',
  ...{ status: 200, headers: { 'content-type': 'application/vnd.api+json; charset=utf-8' }, body: '{"data":{"id":"1","attributes":{}}}' },
};
const read: Exchange = {
  ...good,
  method: 'GET',
  url: '/api/things?page[size]=10&sort=-name&filter=any(name,["a"])',
  requestBody: '',
  body: '{"data":{"id":"1","attributes":{"name":"a"}}}',
};
const found = (exchange: Exchange): string[] => published.check(exchange).departures.map(({ side, at, says }) => `${side} ${at}: ${says}`);
const headers = (more: Record<string, string | undefined>) => ({ requestHeaders: { ...good.requestHeaders, ...more } });

it('finds nothing wrong with what is as published', () => {
  expect([found(good), found(read)]).toEqual([[], []]);
  expect([published.check(good).operation, published.check(read).operation]).toEqual(['POST /api/things/{id}/parts', 'GET /api/things']);
});

it.each<[string, Exchange, string]>([
  [
    'a field beside the data',
    { ...good, requestBody: '{"data":{"name":"a"},"relationships":{}}' },
    'request : must NOT have additional properties: relationships',
  ],
  [
    'a field that is not described',
    { ...good, requestBody: '{"data":{"name":"a","x":1}}' },
    'request /data: must NOT have additional properties: x',
  ],
  ['a missing field', { ...good, requestBody: '{"data":{}}' }, "request /data: must have required property 'name'"],
  ['a value of another type', { ...good, requestBody: '{"data":{"name":"a","tags":"x"}}' }, 'request /data/tags: must be array'],
  ['no body', { ...good, requestBody: '' }, 'request : the body is missing'],
  ['a body that is no JSON', { ...good, requestBody: '{' }, 'request : the body is no JSON'],
  ['a body where none belongs', { ...read, requestBody: '{}' }, 'request : no body is described'],
  [
    'another type of body',
    { ...good, ...headers({ 'content-type': 'text/plain' }) },
    'request header content-type: text/plain is not described',
  ],
  ['no revision', { ...good, ...headers({ revision: undefined }) }, 'request header revision: it is missing'],
  ['another revision', { ...good, ...headers({ revision: '2025-01-15' }) }, 'request header revision: 2025-01-15 is not 2026-07-15'],
  [
    'a key without its scheme',
    { ...good, ...headers({ authorization: 'pk_1' }) },
    'request header authorization: it is not written as described',
  ],
  ['an unknown parameter', { ...read, url: '/api/things?size=1' }, 'request query size: it is not described'],
  ['a page that is too large', { ...read, url: '/api/things?page[size]=11' }, 'request query page[size]: 11 is above 10'],
  ['a page of nothing', { ...read, url: '/api/things?page[size]=0' }, 'request query page[size]: 0 is below 1'],
  ['a page that is no number', { ...read, url: '/api/things?page[size]=ten' }, 'request query page[size]: ten is no integer'],
  ['an order that is not offered', { ...read, url: '/api/things?sort=size' }, 'request query sort: size is not one of its values'],
  [
    'a sparse field that is not there',
    { ...good, url: '/api/things/T1/parts?fields[part]=name,size' },
    'request query fields[part]: size is not one of its values',
  ],
  ['a filter by another field', { ...read, url: '/api/things?filter=any(size,["a"])' }, 'request query filter: size cannot be filtered by'],
  [
    'a filter of another kind',
    { ...read, url: '/api/things?filter=any(name,"a")' },
    'request query filter: any takes no single value for name',
  ],
  ['a filter that is none', { ...read, url: '/api/things?filter=name' }, 'request query filter: it is not one term of the grammar'],
  ['a status that is not described', { ...good, status: 201 }, 'answer status: 201 is not described'],
  [
    'an answer of another type',
    { ...good, headers: { 'content-type': 'text/html' } },
    'answer header content-type: text/html is not described',
  ],
  ['an answer that is cut', { ...good, body: '{"data":' }, 'answer : the body is no JSON'],
  ['an answer without its data', { ...good, body: '{}' }, "answer : must have required property 'data'"],
  ['an error without its id', { ...good, status: 404, body: '{"errors":[{}]}' }, "answer /errors/0: must have required property 'id'"],
  [
    'a full answer without attributes',
    { ...good, url: '/api/things/T1/parts' },
    "answer /data/attributes: must have required property 'name'",
  ],
])('sees %s', (_, exchange, expected) => {
  expect(found(exchange)).toEqual([expected]);
});

it('says so when the document holds no such operation', () => {
  expect(published.check({ ...good, method: 'DELETE' })).toEqual({
    operation: undefined,
    called: 'DELETE /api/things/{id}/parts',
    departures: [],
  });
});
