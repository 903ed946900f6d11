import fs from 'node:fs';
import path from 'node:path';
import { figuresOf } from '../../../functions/portal/app/components/run-figures';
import en from '../../../functions/portal/app/messages/en';
import codes from '../../../functions/portal/app/messages/codes/fr';
import fr from '../../../functions/portal/app/messages/fr';
import { PROBLEM_CODES } from '../../../shared/http/problem-codes';
import { noCounts } from '../../../shared/runs/run';
import { reasons } from '../../../shared/runs/row-reasons';
import { flatten, languages, parseAll } from '../../support/portal-messages';
import { NotificationKind } from '../../../shared/settings/notification-settings';
import type { Parsed } from '../../support/portal-messages';

const english = flatten(en);
const french = flatten(fr);
const frenchOfCodes = flatten(codes);
/** English is the API's own language: a text by code stands in the other languages only. */
const isOfCode = (key: string): boolean => key.includes('.codes.');

const parsed = (texts: ReadonlyMap<string, string>): ReadonlyMap<string, Parsed> => {
  const found = parseAll([...texts.values()]);
  return new Map([...texts.keys()].map((key, index) => [key, found[index]!]));
};
const englishParsed = parsed(english);
const frenchParsed = parsed(french);
const frenchCodesParsed = parsed(frenchOfCodes);
const allFrench = [...frenchParsed, ...frenchCodesParsed];

it('every language has the same texts', () => {
  expect(languages).toEqual(['en', 'fr']);
  expect([...french.keys()].filter((key) => !isOfCode(key)).sort()).toEqual([...english.keys()].sort());
});

it('every text takes the same arguments and tags in every language', () => {
  const nameOf = (need: string) => need.split(':')[0]!;
  for (const [key, { needs }] of frenchParsed) {
    const ours = isOfCode(key) ? [] : englishParsed.get(key)!.needs;
    const allowed = new Set(ours.map(nameOf));
    // where a figure only chooses between forms of a word, another language may have one form
    const written = ours.filter((need) => !/: (?:plural|select)$/.test(need)).map(nameOf);
    const given = new Set(needs.map(nameOf));
    expect({ key, unknown: [...given].filter((name) => !allowed.has(name)), lost: written.filter((name) => !given.has(name)) }).toEqual({
      key,
      unknown: [],
      lost: [],
    });
  }
});

it('quotes and apostrophes are typographic', () => {
  for (const [key, { words }] of [...englishParsed, ...allFrench]) {
    expect({ key, straight: /['"]/.exec(words)?.[0] }).toEqual({ key, straight: undefined });
  }
});

it('French has a space that does not break before : ; ? ! » and after «, and none that breaks', () => {
  for (const [key, { words }] of allFrench) {
    // identifiers such as lists:read and addresses hold colons of their own
    const text = words.replace(/\b[a-z]+:[a-z]+\b|https?:\S*/g, '');
    const wrong = /[^\u00A0\u202F][;?!»]|[^\u00A0\u202F]:(?!\d)|«[^\u00A0\u202F]/.exec(text)?.[0];
    expect({ key, wrong }).toEqual({ key, wrong: undefined });
  }
});

/** Words and names that are the same in both languages. */
const same = new Set([
  'Actions',
  'Client',
  'Description',
  'Destination',
  'Export',
  'Exports',
  'Image',
  'Azure Storage',
  'Key Vault',
  'Klaviyo',
  'Klaviyo ({name})',
  'Minutes',
  'Phase: {phase}',
  'Phases',
  'Segment',
  'Segment {name}',
  'Segments',
  'Source',
  'Type',
  'Version',
  'minutes',
  'CSV',
  'JSON',
  'Dataverse',
  'Webhook',
  'Notifications',
  'Microsoft Teams',
  'Slack',
  'Date',
  'Options',
  'E-mail',
  'Organisation',
  'application',
  '{number}. Export',
  '{count, plural, one {# segment} other {# segments}}',
  '{count, plural, one {# message} other {# messages}}',
  '({time} {zone}, UTC{offset})',
  '{name}, version {version},',
  '{count, plural, one {# segment} other {# segments}}',
  '{number}. Export',
  'application',
]);

it('no text is left in English', () => {
  const left = [...french].filter(
    ([key, text]) => text === english.get(key) && /\p{L}{2}/u.test(frenchParsed.get(key)!.words) && !same.has(text),
  );
  expect(left).toEqual([]);
});

describe('codes of the API', () => {
  const folder = path.resolve(__dirname, '../../../shared');
  const sources = fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => ({ file, text: fs.readFileSync(path.join(folder, file), 'utf8') }));
  /** Codes as the app's parts write them: in errors, warnings, reasons, and answers of other services. */
  const written = new Map(
    sources.flatMap(({ file, text }) =>
      [
        ...text.matchAll(/\bcode: (?:\w+ \? )?'([a-z_]+)'/g),
        ...text.matchAll(/\b(?:warn|addWarning|failed|skipped|refuse|missing|tell)\(\s*(?:document,\s*)?(?:serious \? )?'([a-z_]+)'/g),
        ...text.matchAll(/\? '([a-z_]+)' : '(?:storage_unavailable|vault_unavailable|small_gap)'/g),
      ].map(([, code]) => [code!, file] as const),
    ),
  );
  const notShown = new Set([
    'custom', // of zod, told by its message
    'ok',
    'word', // what telemetry takes a field for
  ]);
  const { problems, status } = codes;
  const known = { ...problems.codes, ...status.codes, ...status.rows };

  it('are found in the sources', () => {
    // what the patterns above must find, so that a changed way of writing does not empty this test
    for (const code of [
      'rows_invalid',
      'gap',
      'canary_missing',
      'snapshot_served',
      'list_unknown',
      'row_width',
      'storage_refused',
      'folder_missing',
    ]) {
      expect({ code, found: written.has(code) }).toEqual({ code, found: true });
    }
  });

  it('of problems have a French text', () => {
    expect(Object.keys(PROBLEM_CODES).filter((code) => !(code in problems.codes))).toEqual([]);
  });

  // the text stands in functions/portal/app/messages/codes
  it('of warnings, errors and reasons have a French text', () => {
    expect([...written].filter(([code]) => !notShown.has(code) && !(code in known))).toEqual([]);
  });

  it('of rows have a French text', () => {
    expect(Object.keys(reasons).filter((code) => !(code in status.rows))).toEqual([]);
    expect(Object.keys(status.rows).filter((code) => !(code in reasons))).toEqual([]);
  });

  it('are codes that exist', () => {
    const exists = new Set([...written.keys(), ...Object.keys(PROBLEM_CODES), ...Object.keys(reasons)]);
    const more = sources.map(({ text }) => text).join('\n');
    const unknown = Object.keys({ ...known, ...status.counted }).filter(
      (code) => !exists.has(code) && !new RegExp(`\\b${code}\\b`).test(more),
    );
    expect(unknown).toEqual([]);
  });

  it('of notifications have a French text', () => {
    expect(Object.keys(status.conditions).sort()).toEqual([...NotificationKind.options].sort());
    expect(Object.keys(en.notifications.kinds).sort()).toEqual([...NotificationKind.options].sort());
  });

  it('with figures name those that a run or a notification has', () => {
    const figures = Object.keys(figuresOf({ counts: noCounts(), invalidByReason: {}, plan: undefined }));
    const told = ['name', 'count', 'code', 'held', 'rejected', 'sent', 'share', 'minutes', 'days'];
    for (const [key, { needs }] of frenchCodesParsed) {
      const allowed = key.startsWith('status.counted.') ? figures : key.startsWith('status.conditions.') ? told : [];
      expect({ key, unknown: needs.filter((need) => !allowed.includes(need.split(':')[0]!)) }).toEqual({ key, unknown: [] });
    }
  });
});

it('what the schemas of forms say has a text', () => {
  const schemas = [
    'exports/export.ts',
    'exports/mapping.ts',
    'schedules/schedule.ts',
    'schedules/time-zone.ts',
    'connections/connection.ts',
    'ids.ts',
    'settings/limits.ts',
    'settings/notification-settings.ts',
  ];
  const said = schemas.flatMap((file) => {
    const text = fs.readFileSync(path.resolve(__dirname, '../../../shared', file), 'utf8');
    return [...text.matchAll(/'(expected [^']+)'/g)].map(([, message]) => message!);
  });
  expect(said.length).toBeGreaterThan(10);
  const custom = new Set(Object.keys(en.forms.custom));
  // what no form sends: the agreement is a box without which nothing can be sent, and a key comes from one field or the other
  const neverSent = [
    'expected true: without agreement',
    'expected true; to take',
    'expected true, as',
    'expected at most one of apiKey',
    'expected a channel of the form json',
  ];
  expect(said.filter((message) => !custom.has(message) && !neverSent.some((start) => message.startsWith(start)))).toEqual([]);
  // a text is found by its message, in which a full stop would begin another level
  expect([...custom].filter((message) => message.includes('.'))).toEqual([]);
});
