import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { LEFT_OUT, allowedAttributes, allowedFields, allowedName, events } from '../../../shared/platform/telemetry-words';

/** What may never leave, in the places where it would like to stand. */
const ADDRESS = 'ada.lovelace@example.com';

describe('a field of a log line', () => {
  it.each([
    ['runId', 'run_zd32qo0sp1v3lokzg88'],
    ['requestKey', 'occ-20260329T010000Z'],
    ['requestKey', 'all-3f2504e0-4f89-41d3-9a0c-0305e82c3301'],
    ['messageId', '3f2504e0-4f89-41d3-9a0c-0305e82c3301'],
    ['code', 'key_refused'],
    ['turn', 7],
    ['dryRun', false],
    ['at', 'at advance (/app/shared/runs/advance.js:10:3)'],
  ])('%s stays as it is: %j', (name, value) => {
    expect(allowedFields({ [name]: value })).toEqual({ [name]: value });
  });

  it.each([
    ['runId', ADDRESS],
    ['runId', 'Ada'],
    ['exportId', { email: ADDRESS }],
    ['requestKey', `all-${ADDRESS}`],
    ['requestKey', 'all-4711'],
    ['messageId', ADDRESS],
    ['code', 'Ada Lovelace'],
    ['turn', ADDRESS],
    ['turn', NaN],
    ['dryRun', 'yes'],
  ])('%s is left out where it holds something else: %j', (name, value) => {
    expect(allowedFields({ [name]: value })).toEqual({ [name]: LEFT_OUT });
  });

  it('that nobody has listed is not there at all', () => {
    expect(allowedFields({ email: ADDRESS, constructor: ADDRESS, runId: undefined })).toEqual({});
  });

  it('that is a sentence loses addresses, numbers and keys, and its end where it is long', () => {
    expect(allowedFields({ sentence: `${ADDRESS} or +33 1 23 45 67 89 with pk_0123456789 failed` })).toEqual({
      sentence: '(address) or (number) with (key) failed',
    });
    expect(String(allowedFields({ sentence: 'long '.repeat(1_000) }).sentence)).toHaveLength(300);
  });
});

it('an attribute or a name of a span is a template, never an address that was called', () => {
  expect(allowedAttributes({ 'url.template': '/api/lists/{id}', 'http.route': `/api/exports/${ADDRESS}`, 'url.full': ADDRESS })).toEqual({
    'url.template': '/api/lists/{id}',
    'http.route': LEFT_OUT,
  });
  expect([allowedName('GET /api/lists/{id}'), allowedName(`GET /api/profiles?filter=${ADDRESS}`)]).toEqual([
    'GET /api/lists/{id}',
    LEFT_OUT,
  ]);
});

it('every event that the code logs is listed, and every one that is listed is logged', () => {
  const root = path.resolve(__dirname, '../../..');
  const sources = ['shared', 'functions'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.startsWith('portal'))
      .map((name) => readFileSync(path.join(root, folder, name), 'utf8')),
  );
  const logged = sources.flatMap((text) => [...text.matchAll(/\blog\(\s*'(\w+)'/g)].map(([, event]) => event!));
  // telemetry's own trouble cannot take the way that is in trouble; another part's events come with it
  const others = ['telemetry_not_sent', 'notification'];
  expect([...new Set([...logged, ...others])].sort()).toEqual(Object.keys(events).sort());
});
