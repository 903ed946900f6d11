import * as fc from 'fast-check';
import { type Mapping, mappedFields } from '../../../shared/exports/mapping';
import {
  MAX_PROFILE_BYTES,
  PROFILE_HEAD,
  attributesRoom,
  bodyFrame,
  compileMapping,
  isJsonNumber,
  lastRow,
  put,
  putAttributes,
} from '../../../shared/klaviyo/payload';
import type { RowFields } from '../../../shared/klaviyo/payload';

const mapping: Mapping = {
  email: 'EMail',
  firstName: 'First',
  lastName: 'Last',
  phoneNumber: 'Phone',
  externalId: 'Id',
  organization: 'Org',
  title: 'Title',
  locale: 'Locale',
  image: 'Image',
  location: { address1: 'A1', address2: 'A2', city: 'City', region: 'Region', zip: 'Zip', country: 'Country' },
  properties: [
    { field: 'Tier', name: 'loyalty tier é' },
    { field: 'Spent', name: 'spent' },
    { field: 'Vip', name: 'vip' },
    { field: 'First', name: 'first again' },
  ],
};
const types: Record<string, string> = { Spent: 'decimal', Vip: 'boolean', Zip: 'int64' };
const fields = mappedFields(mapping);
const plan = compileMapping(mapping, fields, (field) => types[field]);

/** A row as a source lays it out: fields anywhere in one buffer, quotes doubled where a field says so. */
const rowOf = (values: Record<string, string>, escaped: ReadonlySet<string> = new Set()): RowFields => {
  const parts: Buffer[] = [Buffer.from('leftover "bytes",')];
  const starts = new Int32Array(fields.length);
  const ends = new Int32Array(fields.length);
  const flags = new Uint8Array(fields.length);
  let at = parts[0]!.length;
  for (const [column, field] of fields.entries()) {
    const doubled = escaped.has(field);
    const bytes = Buffer.from(doubled ? (values[field] ?? '').replaceAll('"', '""') : (values[field] ?? ''));
    const between = Buffer.from(doubled ? '"",""' : ',');
    starts[column] = at;
    ends[column] = at + bytes.length;
    flags[column] = doubled ? 1 : 0;
    parts.push(bytes, between);
    at += bytes.length + between.length;
  }
  return { bytes: Buffer.concat(parts), starts, ends, escaped: flags };
};

/** The profile that our encoder writes for a row, parsed by the engine. */
const encode = (row: RowFields, with_ = plan): { type: string; attributes: Record<string, unknown> } => {
  const out = new Uint8Array(attributesRoom(with_) + 1_000);
  let at = put(out, 0, PROFILE_HEAD);
  at = put(out, at, Buffer.from('a@b.co"'));
  at = putAttributes(with_, row, 0, out, at);
  at = put(out, at, Buffer.from('}}'));
  return JSON.parse(Buffer.from(out.subarray(0, at)).toString('utf8'));
};

/** The same profile, built without a byte of our encoder. */
const names = {
  First: 'first_name',
  Last: 'last_name',
  Id: 'external_id',
  Org: 'organization',
  Title: 'title',
  Locale: 'locale',
  Image: 'image',
} as const;
const places = { A1: 'address1', A2: 'address2', City: 'city', Region: 'region', Zip: 'zip', Country: 'country' } as const;
const NUMBER = /^-?(0|[1-9]\d{0,14})(\.\d+)?([eE][+-]?\d{1,2})?$/;
const renamed = (values: Record<string, string>, table: Record<string, string>) =>
  Object.fromEntries(Object.entries(table).flatMap(([field, name]) => (values[field] ? [[name, values[field]]] : [])));
const profileOf = (values: Record<string, string>, phone: string | undefined) => {
  const location = renamed(values, places);
  const properties: Record<string, unknown> = renamed(values, { Tier: 'loyalty tier é', First: 'first again' });
  const { Spent: spent, Vip: vip } = values;
  if (spent) properties['spent'] = NUMBER.test(spent) ? Number(spent) : spent;
  if (vip) properties['vip'] = /^true$/i.test(vip) ? true : /^false$/i.test(vip) ? false : vip;
  return {
    type: 'profile',
    attributes: {
      email: 'a@b.co',
      ...renamed(values, names),
      ...(phone ? { phone_number: phone } : {}),
      ...(Object.keys(location).length > 0 ? { location } : {}),
      ...(Object.keys(properties).length > 0 ? { properties } : {}),
    },
  };
};

describe('a profile', () => {
  const text = fc.oneof(
    fc.constant(''),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({ unit: fc.constantFrom(...'"\\\n\r\t\b\f\u0000\u001f\u007f\u2028/é日😀,:{}[]'), maxLength: 15 }),
  );
  const number = fc.oneof(
    text,
    fc.double().map(String),
    fc.integer().map(String),
    fc.stringMatching(/^-?[0-9]{0,17}\.?[0-9]{0,3}([eE][+-]?[0-9]{0,3})?$/),
  );
  const phones = fc.constantFrom<[string, string | undefined]>(
    ['', undefined],
    ['+33 1 23 45 67 89', '+33123456789'],
    ['+1 (415) 555-2671', '+14155552671'],
    ['0123456789', undefined],
    ['call me', undefined],
    ['+1234', undefined],
  );
  const rows = fc.record({
    values: fc.record({
      ...Object.fromEntries([...Object.keys(names), ...Object.keys(places), 'Tier'].map((field) => [field, text])),
      Spent: number,
      Vip: fc.oneof(text, fc.constantFrom('true', 'FALSE', 'True', 'yes', '1', 'tru', 'truee')),
    }),
    phone: phones,
    doubled: fc.subarray([...fields]),
  });

  it('says what an object built by hand says, whatever the fields hold', () => {
    fc.assert(
      fc.property(rows, ({ values, phone: [given, expected], doubled }) => {
        const all = { ...(values as Record<string, string>), Phone: given };
        // only fields with a quote have doubled ones
        const escaped = new Set(doubled.filter((field) => (all as Record<string, string>)[field]?.includes('"')));
        expect(encode(rowOf(all, escaped))).toEqual(profileOf(all, expected));
        expect(lastRow.phoneDropped).toBe(given !== '' && expected === undefined);
      }),
      { numRuns: 1_000 },
    );
  });

  it('without any value is its address alone', () => {
    expect(encode(rowOf({}))).toEqual({ type: 'profile', attributes: { email: 'a@b.co' } });
  });

  it('is kept without its phone number when that is none, and the next row is not blamed', () => {
    expect(encode(rowOf({ First: 'Ada', Phone: 'none' })).attributes).toEqual({
      email: 'a@b.co',
      first_name: 'Ada',
      properties: { 'first again': 'Ada' },
    });
    expect(lastRow.phoneDropped).toBe(true);
    encode(rowOf({ First: 'Ada' }));
    expect(lastRow.phoneDropped).toBe(false);
  });

  it('keeps core attributes and places text, also where the source calls them numbers', () => {
    expect(encode(rowOf({ Zip: '01234', Id: '7' })).attributes).toEqual({ email: 'a@b.co', external_id: '7', location: { zip: '01234' } });
  });

  it('finds room for the largest row of characters that need six bytes each', () => {
    const row = rowOf({ Tier: '\u0001'.repeat(MAX_PROFILE_BYTES) });
    expect((encode(row).attributes['properties'] as Record<string, string>)['loyalty tier é']).toHaveLength(MAX_PROFILE_BYTES);
  });
});

describe('isJsonNumber', () => {
  const check = (text: string): boolean => {
    const bytes = Buffer.from(`9${text}5e+`);
    return isJsonNumber(bytes, 1, bytes.length - 3);
  };
  it.each([
    ['0', true],
    ['-0', true],
    ['10.50', true],
    ['1e5', true],
    ['1E-07', true],
    ['123456789012345', true],
    ['-0.001', true],
    ['1234567890123456', false], // more digits than a number keeps
    ['01', false],
    ['-01', false],
    ['+1', false],
    ['.5', false],
    ['5.', false],
    ['1.5.2', false],
    ['1,5', false],
    ['1e', false],
    ['1e+', false],
    ['1e400', false], // JSON.parse makes Infinity of it, which no JSON holds
    ['-', false],
    ['NaN', false],
    ['Infinity', false],
    ['0x10', false],
    [' 1', false],
    ['1 ', false],
    ['12a', false],
    ['١', false],
  ])('of %j is %s', (text, expected) => {
    expect(check(text)).toBe(expected);
  });

  it('takes nothing that JSON.parse would not take as a number, and everything it takes within 15 digits', () => {
    const near = fc.string({ unit: fc.constantFrom(...'0123456789.-+eE '), minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(fc.oneof(near, fc.double({ noNaN: true }).map(String), fc.integer().map(String)), (text) => {
        let parsed: unknown;
        try {
          parsed = /\s/.test(text) ? undefined : JSON.parse(text);
        } catch {
          parsed = undefined;
        }
        expect(check(text)).toBe(typeof parsed === 'number' && NUMBER.test(text));
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('compileMapping', () => {
  it('finds the columns wherever the fields lie', () => {
    const shuffled = ['Vip', 'CustomerId', 'EMail', 'First'];
    const { emailColumn, core, properties, location } = compileMapping(
      { email: 'EMail', firstName: 'First', properties: [{ field: 'Vip', name: 'v' }] },
      shuffled,
      () => 'Boolean',
    );
    expect([emailColumn, core.map(({ column }) => column), properties.map(({ column, kind }) => [column, kind]), location]).toEqual([
      2,
      [3],
      [[0, 'boolean']],
      [],
    ]);
  });

  it.each([
    ['int64', 'number'],
    ['Double', 'number'],
    ['decimal', 'number'],
    ['boolean', 'boolean'],
    ['string', 'text'],
    ['dateTime', 'text'],
    ['guid', 'text'],
    [undefined, 'text'],
  ])('sends a property of type %s as %s', (type, kind) => {
    expect(compileMapping({ email: 'e', properties: [{ field: 'p', name: 'p' }] }, ['e', 'p'], () => type).properties[0]!.kind).toBe(kind);
  });

  it('reads the field of the address once, where it is mapped twice', () => {
    const twice: Mapping = { email: 'EMail', properties: [{ field: 'EMail', name: 'address' }] };
    expect(mappedFields(twice)).toEqual(['EMail']);
    expect(compileMapping(twice, mappedFields(twice), () => undefined).properties[0]!.column).toBe(0);
  });
});

it('a body lies as published: relationships inside data, lists an array', () => {
  const { head, tail } = bodyFrame('YafG4m');
  expect(JSON.parse(`${Buffer.from(head).toString()}{"type":"profile"}${Buffer.from(tail).toString()}`)).toEqual({
    data: {
      type: 'profile-bulk-import-job',
      attributes: { profiles: { data: [{ type: 'profile' }] } },
      relationships: { lists: { data: [{ type: 'list', id: 'YafG4m' }] } },
    },
  });
});
