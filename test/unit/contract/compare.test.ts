import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { compareDocuments } from '../../contract/compare';
import { WITHOUT_DOCUMENT, pinnedDocumentFile, projectFolder, readDocument } from '../../contract/document';
import { USES } from '../../contract/uses';
import type { Uses } from '../../contract/uses';
import { describeWhere } from '../../support/skip';
import { aDocument } from './a-document';

const READ = 'GET /api/things';
const MAKE = 'POST /api/things/{id}/parts';
const uses: Uses = {
  operations: [READ, MAKE, 'GET /api/elsewhere'],
  sent: { [MAKE]: ['data', 'data.name', 'data.tags'] },
  query: { [READ]: ['page[size]', 'filter'] },
  filters: { [READ]: ['name any list'] },
  read: { [READ]: ['data', 'data.id', 'data.seen'], [MAKE]: ['data', 'data.id'] },
  readOfErrors: ['errors', 'errors[].detail'],
};
type Document = ReturnType<typeof aDocument>;
type Loose = any; // eslint-disable-line @typescript-eslint/no-explicit-any -- changes of all kinds are made to a document
const things = ({ paths }: Document): Loose => paths['/api/things'].get;
const parts = ({ paths }: Document): Loose => paths['/api/things/{thing_id}/parts'].post;
const newPart = ({ components }: Document): Loose => components.schemas.NewPart.properties.data;
const answer = ({ components }: Document): Loose => components.schemas.Answer.properties.data.allOf;
const compared = (change: (document: Document) => void): string[] => {
  const newer = aDocument();
  change(newer);
  return compareDocuments(aDocument(), newer, uses).changes.map(({ operation, says, ours }) => `${ours ? '!' : ' '} ${operation}: ${says}`);
};

describe('a newer document', () => {
  it('that is the same changes nothing; what the pinned one does not hold is named', () => {
    expect(compareDocuments(aDocument(), aDocument(), uses)).toEqual({ changes: [], compared: 2, notPinned: ['GET /api/elsewhere'] });
  });

  it('of another revision with the same contents changes nothing', () => {
    const revised = (document: Document): void => {
      document.info.version = '2026-10-15';
      for (const operation of [things(document), parts(document)]) operation.parameters.at(-1).schema.default = '2026-10-15';
    };
    expect(compared(revised)).toEqual([]);
  });

  it.each<[string, (document: Document) => void, string[]]>([
    ['an operation retired', ({ paths }) => delete (paths as Loose)['/api/things'], [`! ${READ}: it has gone`]],
    ['an operation deprecated', (document) => (things(document).deprecated = true), [`! ${READ}: it is deprecated`]],
    [
      'a rate limit lowered',
      (document) => (things(document)['x-klaviyo-ratelimit'].steady = '700/m'),
      [`! ${READ}: the rate limit: {"burst":"75/s","steady":"750/m"} → {"burst":"75/s","steady":"700/m"}`],
    ],
    [
      'another scope asked for',
      (document) => things(document)['x-klaviyo-scopes'].push('parts:read'),
      [`! ${READ}: the scopes: ["things:read"] → ["things:read","parts:read"]`],
    ],
    [
      'a limit of the prose',
      (document) => (parts(document).description = 'Accepts up to 500 parts. The maximum size is 5MB.'),
      [`! ${MAKE}: the numbers in its description: 1,000 5MB → 500 5MB`],
    ],
    [
      'a page made smaller',
      (document) => (things(document).parameters[0].schema.maximum = 5),
      [`! ${READ}: the parameter query page[size]: maximum 10 → 5`],
    ],
    [
      'an order gone that nobody asks for',
      (document) => (things(document).parameters[1].schema.enum = ['name']),
      [`  ${READ}: the parameter query sort: values -name, name → name`],
    ],
    [
      'a parameter that must be sent',
      (document) => things(document).parameters.push({ name: 'zone', in: 'query', required: true, schema: { type: 'string' } }),
      [`! ${READ}: the parameter query zone is new, and required`],
    ],
    [
      'a filter taken away',
      (document) => (things(document)['x-klaviyo-filters'].name.operators = { list: ['contains'] }),
      [`! ${READ}: the filter name any list has gone`, `  ${READ}: the filter name contains list is new`],
    ],
    [
      'a field that must be sent',
      (document) => {
        newPart(document).properties.owner = { type: 'string' };
        newPart(document).required.push('owner');
      },
      [`! ${MAKE}: the request’s field data.owner is new, and required`],
    ],
    [
      'a field that must be sent and is described nowhere',
      (document) => newPart(document).required.push('owner'),
      [`! ${MAKE}: the request’s field data.owner is new, and required`],
    ],
    [
      'a field that may be sent',
      (document) => (newPart(document).properties.owner = { type: 'string' }),
      [`  ${MAKE}: the request’s field data.owner is new`],
    ],
    [
      'a field below one that is not sent',
      (document) => (newPart(document).properties.place.required = ['latitude']),
      [`  ${MAKE}: the request’s field data.place.latitude is required now`],
    ],
    [
      'a field that is sent gone',
      (document) => delete newPart(document).properties.tags,
      [`! ${MAKE}: the request’s field data.tags has gone`],
    ],
    [
      'a field that is not sent gone',
      (document) => delete newPart(document).properties.kind,
      [`  ${MAKE}: the request’s field data.kind has gone`],
    ],
    [
      'null no longer taken',
      (document) => (newPart(document).properties.name.nullable = false),
      [`! ${MAKE}: the request’s field data.name: type null or string → string`],
    ],
    [
      'fewer items taken',
      (document) => (newPart(document).properties.tags.maxItems = 2),
      [`! ${MAKE}: the request’s field data.tags: maxItems 5 → 2`],
    ],
    [
      'a field that is read gone from all answers of its kind',
      (document) => delete answer(document)[0].properties.seen,
      [`! ${READ}: the answer 200’s field data.seen has gone`, `  ${MAKE}: the answer 200’s field data.seen has gone`],
    ],
    [
      'a field that is read no longer always there',
      (document) => (answer(document)[0].required = []),
      [READ, MAKE].map((name) => `! ${name}: the answer 200’s field data.id is no longer required`),
    ],
    [
      'a new field of answers',
      (document) => (answer(document)[1].properties.more = { type: 'string' }),
      [READ, MAKE].map((name) => `  ${name}: the answer 200’s field data.more is new`),
    ],
    [
      'another success',
      (document) => {
        const { responses } = parts(document);
        parts(document).responses = { '202': responses['200'], '4XX': responses['4XX'] };
      },
      [`! ${MAKE}: the statuses of its answers: ["200","4XX"] → ["202","4XX"]`],
    ],
    [
      'another error document',
      ({ components }) => {
        const errors: Loose = components.responses.ClientError.content['application/vnd.api+json'].schema;
        delete errors.properties.errors.items.properties.detail;
      },
      [READ, MAKE].map((name) => `! ${name}: the answer 4XX’s field errors[].detail has gone`),
    ],
  ])('with %s says so', (_, change, expected) => {
    expect(compared(change)).toEqual(expected);
  });
});

describeWhere(pinnedDocumentFile() !== undefined, WITHOUT_DOCUMENT)('what this app uses', () => {
  const document = pinnedDocumentFile() === undefined ? aDocument() : readDocument(pinnedDocumentFile()!);
  const everythingGone = (name: string) => {
    const empty = { ...document, components: { schemas: {}, responses: {} }, paths: {} };
    return compareDocuments(document, empty, { ...USES, operations: [name] });
  };

  it('is described by the pinned document, so that a change of it is seen', () => {
    const { compared, notPinned } = compareDocuments(document, document, USES);
    expect([compared, notPinned]).toEqual([11, ['POST /api/lists']]);
    for (const name of USES.operations.filter((one) => !notPinned.includes(one))) expect(everythingGone(name).changes).toHaveLength(1);
  });

  it('holds no field, parameter or filter that the pinned document does not know', () => {
    // made empty operation by operation: what is used must then be told as gone, so each entry below names something that is there
    for (const name of USES.operations.filter((one) => one !== 'POST /api/lists')) {
      const bare: Loose = structuredClone(document);
      const [method, template] = name.split(' ') as [string, string];
      const at = Object.keys(bare.paths).find((one) => one.replaceAll(/\{[^}]+\}/g, '{id}') === template)!;
      const operation = bare.paths[at][method.toLowerCase()];
      operation.parameters = [];
      delete operation['x-klaviyo-filters'];
      const bareMedia = { 'application/vnd.api+json': { schema: {} } };
      if (operation.requestBody) operation.requestBody.content = bareMedia;
      for (const status of Object.keys(operation.responses)) operation.responses[status] = { content: bareMedia };
      const gone = compareDocuments(document, bare, { ...USES, operations: [name] })
        .changes.filter(({ ours }) => ours)
        .map(({ says }) => says);
      const expected = [
        ...(USES.query[name] ?? []).map((one) => `the parameter query ${one} has gone`),
        ...(USES.filters[name] ?? []).map((one) => `the filter ${one} has gone`),
        ...(USES.sent[name] ?? []).filter((one) => !one.endsWith('*')).map((one) => `the request’s field ${one} has gone`),
        ...(USES.read[name] ?? []).map((one) => `200’s field ${one} has gone`),
      ];
      const said = gone.map((says) => says.replace(/^the answer 20\d’s/, '200’s'));
      expect([name, expected.filter((one) => !said.includes(one))]).toEqual([name, []]);
    }
  });
});

describe('npm run klaviyo-contract', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'klaviyo-contract-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(projectFolder, 'dist/test/contract/main.js'), ...args], {
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  };
  const write = (name: string, document: unknown): string => {
    writeFileSync(path.join(folder, name), typeof document === 'string' ? document : JSON.stringify(document));
    return path.join(folder, name);
  };
  /** A document of one operation of ours. */
  const ours = (steady: string) => ({
    info: { version: '2026-10-15' },
    paths: { '/api/accounts': { get: { responses: {}, 'x-klaviyo-ratelimit': { steady } } } },
    components: { schemas: {} },
  });

  it('ends with 0 when nothing of ours changed, with 1 when something did, and says what', () => {
    const pinned = write('pinned.json', ours('15/m'));
    expect(run(pinned, '--pinned', pinned)).toMatchObject({ status: 0, stdout: expect.stringContaining('0 changes, 0 of them') });
    const { status, stdout } = run(write('new.json', ours('10/m')), '--pinned', pinned);
    expect([status, stdout.split('\n').filter((line) => line.startsWith('!'))]).toEqual([
      1,
      ['! GET /api/accounts: the rate limit: {"steady":"15/m"} → {"steady":"10/m"}'],
    ]);
    expect(stdout).toContain('  POST /api/lists: not in the pinned document, so it is not compared\n');
  });

  it.each([
    ['no file', [], 'name one file'],
    ['a file that is not there', ['nowhere.json', '--pinned', 'nowhere.json'], 'nowhere.json'],
    ['an option that is unknown', ['--pined', 'x'], '--pined'],
  ])('ends with 2 given %s', (_, args, expected) => {
    expect(run(...args)).toMatchObject({ status: 2, stderr: expect.stringContaining(expected) });
  });

  it('ends with 2 given what is no document', () => {
    for (const text of ['{}', '[]', '{"paths":'])
      expect(run(write('bad.json', text), '--pinned', write('p.json', ours('1/m'))).status).toBe(2);
  });
});
