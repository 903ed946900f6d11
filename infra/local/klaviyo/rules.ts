import type { Rules } from './options';

/**
 * How sure a rule is. Observed: a real answer, recorded or probed. Documented: Klaviyo's documentation or published document says so.
 * Third party: somebody else who uses the API says so. Assumed: nothing is published, so the reading that is harder on a client was taken.
 */
export type Grade = 'observed' | 'documented' | 'third party' | 'assumed';
export type Rule = {
  /** Number of the point in klaviyo.md section 4; tests bear it in front of their titles. */
  readonly point: `4.${number}`;
  readonly grade: Grade;
  readonly says: string;
  /** The file of this folder that keeps it. */
  readonly where: string;
  /** Where sources conflict or are silent: the switch in options.ts that takes the other reading. */
  readonly choice?: keyof Rules;
};

const point = (number: number, where: string, ...rules: (readonly [Grade, string, { where?: string; choice?: keyof Rules }?])[]): Rule[] =>
  rules.map(([grade, says, more]) => ({ point: `4.${number}`, grade, says, where, ...more }));

/** Everything the sandbox holds callers to, with how sure it is; a test goes through it. */
export const RULES: readonly Rule[] = [
  ...point(1, 'core.ts', ['observed', 'No Authorization is 401 not_authenticated, without RateLimit headers.']),
  ...point(2, 'core.ts', ['observed', 'An unknown key, a key as Bearer, or another spelling of the scheme is 401 authentication_failed.']),
  ...point(
    3,
    'core.ts',
    ['observed', 'A key without a scope of the endpoint is 403 permission_denied.'],
    ['third party', 'The detail of that 403 names the scopes that are missing.'],
  ),
  ...point(
    4,
    'revision.ts',
    ['assumed', 'A request without revision is 400.', { choice: 'missingRevision' }],
    ['observed', 'A malformed revision is 400, one in the future 404.'],
    ['documented', 'A retired revision falls forward, or is 410 for who opts out of that.'],
  ),
  ...point(5, 'body.ts', ['documented', 'Another Content-Type than JSON, or another Content-Encoding than gzip, is 415.']),
  ...point(
    6,
    'core.ts',
    ['assumed', 'An unknown path is 404 not_found, a wrong method 405 method_not_allowed.'],
    ['assumed', 'What Klaviyo has and the sandbox has not is 501: no answer of Klaviyo, a gap that must be seen.'],
  ),
  ...point(
    7,
    'body.ts',
    ['third party', 'More than 5,000,000 bytes after decompression are 413.'],
    ['assumed', 'That 413 comes as an error document, or as a page of the edge.', { choice: 'tooLargeAs' }],
  ),
  ...point(8, 'body.ts', ['assumed', 'What is no JSON is 400 "JSON parse error".']),
  ...point(
    9,
    'rate-windows.ts',
    ['documented', 'Each endpoint of each account has fixed windows of 1 s and 60 s (and a day), shared by all keys of the account.'],
    ['observed', 'A full window is 429 with Retry-After and without RateLimit headers; other answers speak of the burst window.'],
    ['assumed', 'A refused call is not counted as used.'],
    ['documented', 'Some additional fields and includes have a lower allowance.', { where: 'endpoints.ts' }],
  ),
  ...point(10, 'import-handlers.ts', [
    'assumed',
    'A body without data, with another type or without a list of profiles is 400 at its pointer.',
  ]),
  ...point(11, 'import-handlers.ts', ['assumed', 'A job without profiles is 400.'], ['documented', 'A job takes 10,000 profiles at most.']),
  ...point(12, 'import-handlers.ts', ['observed', 'relationships beside data are passed over: the job is made and nobody joins the list.']),
  ...point(
    13,
    'import-handlers.ts',
    ['assumed', 'relationships.lists of another form is 400.'],
    ['observed', 'An unknown list is 400 at /data.'],
  ),
  ...point(
    14,
    'profile-check.ts',
    ['assumed', 'A row of another type is 400.'],
    ['assumed', 'An unknown attribute is 400 (observed on subscribe).'],
  ),
  ...point(
    15,
    'profile-check.ts',
    ['observed', 'A row without identifier, or with a bad e-mail address, is 400.'],
    ['observed', 'A bad phone number is 400, or silently left out.', { choice: 'badPhone' }],
  ),
  ...point(16, 'import-handlers.ts', ['observed', 'Admission is all or nothing, and one answer names every offending row.']),
  ...point(17, 'import-rows.ts', ['third party', 'A profile of more than 100,000 bytes is admitted and becomes a row error.']),
  ...point(
    18,
    'upsert.ts',
    ['documented', 'null changes nothing in a job.'],
    ['documented', 'append, unappend and unset of patch_properties are honoured.'],
  ),
  ...point(19, 'import-handlers.ts', ['observed', 'An admitted job is 202 and queued, with counts of 0; its rows are not to be seen yet.']),
  ...point(20, 'processing.ts', [
    'documented',
    'Jobs go on with time only, from queued through processing to complete, in no order that was promised.',
  ]),
  ...point(
    21,
    'upsert.ts',
    ['documented', 'A profile is found by id, e-mail without case, phone number, external id.'],
    ['third party', 'Of duplicates in one job one survives, and nobody says which.', { where: 'import-rows.ts' }],
    ['assumed', 'Identifiers of two profiles in one row are a row error; the job completes.'],
  ),
  ...point(22, 'upsert.ts', ['observed', 'Consent, suppression and the time of joining stay as they are.']),
  ...point(23, 'import-handlers.ts', ['observed', 'The same body twice makes two jobs with the same final state.']),
  ...point(24, 'fault-answers.ts', [
    'observed',
    'What goes wrong on request looks as it does at Klaviyo: row errors, lost answers, pages of the edge.',
  ]),
  ...point(
    25,
    'import-handlers.ts',
    ['observed', 'An unknown or expired job is 404 "Invalid job id".'],
    ['assumed', "Another account's job is as unknown."],
  ),
  ...point(26, 'query.ts', ['documented', 'A page has 20 entries, 100 at most (lists 10); another size is 400.']),
  ...point(27, 'query.ts', [
    'documented',
    'filter, sort, include and fields that are not in the published document are 400 and named; jobs cannot be filtered by cancelled.',
  ]),
  ...point(
    28,
    'query.ts',
    ['observed', 'links.next is absolute and null at the end.', { where: 'resources.ts' }],
    ['assumed', 'A cursor that nobody gave out is 400.'],
    ['documented', 'The payload of an import error may be null.', { where: 'import-rows.ts' }],
  ),
  ...point(29, 'core.ts', [
    'observed',
    'Instants come with and without microseconds; answers hold more than the document says, some errors less.',
  ]),
  ...point(
    30,
    'member-handlers.ts',
    ['observed', 'An unknown list is 404.'],
    ['documented', 'profile_count is there only for who asks.', { where: 'resources.ts' }],
  ),
  ...point(
    31,
    'member-handlers.ts',
    ['documented', 'A call of list relationships takes 1,000 ids at most.'],
    ['assumed', 'An empty list, or an item of another type, is 400.'],
    ['assumed', 'An unknown profile id is 404, or passed over.', { choice: 'unknownIds' }],
    ['observed', 'What worked is 204 without a byte.'],
    ['assumed', 'Removing who is no member is 204 as well.'],
  ),
  ...point(32, 'member-handlers.ts', ['documented', 'An e-mail address is no id and never a match.']),
  ...point(
    33,
    'filter.ts',
    ['assumed', 'any(...) takes 100 values at most.'],
    ['assumed', 'Addresses match without case and come back in lower case.', { where: 'profile-store.ts' }],
    ['documented', 'Who is not known is simply absent.', { where: 'profile-handlers.ts' }],
  ),
  ...point(
    34,
    'profile-handlers.ts',
    ['observed', 'Creating who exists is 409 with the id; profile-import is 201 or 200; PATCH of an unknown id is 404.'],
    ['documented', 'null clears on the endpoints for a single profile.'],
    ['documented', 'A profile of more than 100,000 bytes is refused there (its 400 is assumed).'],
  ),
  ...point(
    35,
    'subscription-handlers.ts',
    ['documented', 'Subscribing takes 1,000 profiles at most and needs subscriptions.'],
    ['observed', 'Another attribute is 400; the answer is 202 and empty; nobody joins a list with double opt-in.'],
  ),
  ...point(36, 'subscription-handlers.ts', [
    'documented',
    'Unsubscribing takes 100 profiles at most; who is not on the list is unsubscribed everywhere.',
  ]),
  ...point(
    37,
    'list-handlers.ts',
    ['documented', '150 lists can be made a day.'],
    ['assumed', 'The next one is 429 with the seconds to the next day.'],
  ),
  ...point(
    38,
    'oauth.ts',
    ['observed', 'A merge is 202, and its source is gone afterwards.', { where: 'profile-handlers.ts' }],
    ['documented', 'Tokens live 3,600 s and are refreshed and revoked; a wrong verifier is 400 invalid_grant.'],
    ['third party', 'A token can be refreshed 10 times a minute.'],
    ['assumed', 'A code works once, for 5 minutes.'],
  ),
];
