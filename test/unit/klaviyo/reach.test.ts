import { endpoints } from '../../../shared/klaviyo/endpoints';

/** Everything this product may ask of Klaviyo. A new line here is a decision: what could it do to a person? */
const reach = [
  'GET /api/accounts',
  'GET /api/lists',
  'POST /api/lists',
  'GET /api/lists/{id}',
  'GET /api/lists/{id}/profiles',
  'GET /api/lists/{id}/relationships/profiles',
  'DELETE /api/lists/{id}/relationships/profiles',
  'GET /api/profile-bulk-import-jobs',
  'POST /api/profile-bulk-import-jobs',
  'GET /api/profile-bulk-import-jobs/{id}',
  'GET /api/profile-bulk-import-jobs/{id}/import-errors',
  'GET /api/profiles',
];

describe('the reach of the Klaviyo client', () => {
  const calls = Object.values(endpoints).map(({ method, path }) => `${method} ${path}`);

  it('is these calls and no others', () => {
    expect([...calls].sort()).toEqual([...reach].sort());
  });

  it('subscribes, unsubscribes, suppresses, merges and deletes nobody', () => {
    // the one DELETE takes people off a list: it has the list's path, and leaves profile and consent as they are (klaviyo.md §1 row 12)
    const writing = calls.filter((call) => !call.startsWith('GET '));
    // a new list is empty and mails nobody
    expect(writing.sort()).toEqual([
      'DELETE /api/lists/{id}/relationships/profiles',
      'POST /api/lists',
      'POST /api/profile-bulk-import-jobs',
    ]);
    expect(calls.filter((call) => /subscri|suppress|privacy|merge|profile-import\b/.test(call))).toEqual([]);
  });
});
