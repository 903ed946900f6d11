import { columns } from '../../../infra/local/sample/columns';
import { sampleFolder, type SampleOptions, writeSample } from '../../../infra/local/sample/sample';
import { addressOf, createMemorySink, peopleOf, rowsOf } from './memory-sink';

const { signal } = new AbortController();
const refreshedAt = new Date('2026-08-18T02:33:00Z');
const aSample = async (options: Partial<SampleOptions> = {}) => {
  const { files, sink } = createMemorySink();
  const segments = [{ name: 'Loyal', rows: 1_000, partitions: 3 }];
  const { manifest, model } = await writeSample({ segments, seed: 7, refreshedAt, sink, ...options }, { signal });
  return { files, manifest, model };
};
const contents = ({ files }: { files: Map<string, Buffer> }) => [...files].map(([name, content]) => `${name} ${content.toString('hex')}`);

describe('a sample', () => {
  it('is the same to the byte for the same seed', async () => {
    expect(contents(await aSample())).toEqual(contents(await aSample()));
  });

  it('is another one for another seed', async () => {
    const other = await aSample({ seed: 8 });
    expect(rowsOf(other.files, 'Loyal')[0]).not.toEqual(rowsOf((await aSample()).files, 'Loyal')[0]);
  });

  it('lies where Customer Insights puts it, model.json last', async () => {
    const { files } = await aSample();
    const folder = `${sampleFolder}/Loyal/2026/08/18/0233`;
    expect([...files.keys()]).toEqual([1, 2, 3].map((n) => `${folder}/Loyal_${n}.csv`).concat(`${sampleFolder}/model.json`));
  });

  it('describes its files in model.json', async () => {
    const { files } = await aSample({
      containerUrl: 'https://data.dfs.core.windows.net/ci',
      dialect: { delimiter: ';', columnHeaders: false },
    });
    const model = JSON.parse(String(files.get(`${sampleFolder}/model.json`)));
    expect(model).toMatchObject({ version: '1.0', entities: [{ $type: 'LocalEntity', name: 'Loyal', attributes: columns }] });
    expect(model.entities[0].partitions[1]).toEqual({
      name: 'Loyal_2',
      refreshTime: '2026-08-18T02:33:00+00:00',
      location: `https://data.dfs.core.windows.net/ci/${sampleFolder}/Loyal/2026/08/18/0233/Loyal_2.csv`,
      fileFormatSettings: {
        $type: 'CsvFormatSettings',
        columnHeaders: false,
        delimiter: ';',
        quoteStyle: 'QuoteStyle.Csv',
        csvStyle: 'CsvStyle.QuoteAlways',
        encoding: 'UTF-8',
      },
    });
  });

  it.each([1, 8, 100, 5_432])('counts what an independent reader counts in %i rows', async (count) => {
    const { files, manifest } = await aSample({ segments: [{ name: 'Loyal', rows: count, partitions: 2 }] });
    const rows = rowsOf(files, 'Loyal');
    const addresses = rows.map(addressOf);
    const invalid = addresses.filter((address) => address === undefined).length;
    const distinctValid = peopleOf(rows).size;
    expect(manifest.segments.Loyal).toMatchObject({ rows: count, invalid, distinctValid, duplicates: count - invalid - distinctValid });
    expect(rows).toHaveLength(count);
  });

  it('is as untidy as real data', async () => {
    const { files } = await aSample({ segments: [{ name: 'Loyal', rows: 8_000 }] });
    const rows = rowsOf(files, 'Loyal');
    const share = (test: (row: string[]) => boolean) => rows.filter(test).length / rows.length;
    expect(share((row) => row[4] === '')).toBeCloseTo(0.31, 1);
    expect(share((row) => row[4] !== '' && !/^\+[1-9]\d{9,13}$/.test(row[4] ?? ''))).toBeCloseTo(0.015, 2);
    expect(share((row) => addressOf(row) === undefined)).toBeCloseTo(0.01, 2);
    expect(share((row) => /[\n"]/.test(`${row[2]}${row[5]}`))).toBeGreaterThan(0.01);
    expect(share((row) => /\p{Script=Han}/u.test(row[3] ?? ''))).toBeGreaterThan(0.02);
    expect(rows.every((row) => /^[0-9a-f]{32}$/.test(row[0] ?? ''))).toBe(true);
    expect(new Set(rows.map((row) => row[0])).size).toBe(rows.length);
  });

  it('gives no phone to two people', async () => {
    const { files } = await aSample({ segments: [{ name: 'Loyal', rows: 20_000 }] });
    const phones = rowsOf(files, 'Loyal').flatMap((row) => (/^\+\d{10,14}$/.test(row[4] ?? '') ? [row[4]] : []));
    expect(new Set(phones).size).toBe(phones.length);
  });

  it.each([
    { dialect: { quoteAll: true } },
    { dialect: { delimiter: ';' } },
    { dialect: { delimiter: '\t', byteOrderMark: true, lineEnd: '\r\n' as const } },
    { dialect: { columnHeaders: false, quoteAll: true, delimiter: '|' } },
  ])('says the same in every dialect: $dialect', async ({ dialect }) => {
    const usual = await aSample();
    const { files, manifest } = await aSample({ dialect });
    expect(rowsOf(files, 'Loyal', { delimiter: dialect.delimiter, header: dialect.columnHeaders ?? true })).toEqual(
      rowsOf(usual.files, 'Loyal'),
    );
    expect(manifest).toEqual(usual.manifest);
  });

  it('begins every file with the byte order mark when asked', async () => {
    const { files } = await aSample({ dialect: { byteOrderMark: true } });
    const starts = [...files].filter(([name]) => name.endsWith('.csv')).map(([, content]) => content.subarray(0, 3).toString('hex'));
    expect(starts).toEqual(['efbbbf', 'efbbbf', 'efbbbf']);
  });

  it('writes a header and nothing else for an empty segment', async () => {
    const { files, manifest } = await aSample({ segments: [{ name: 'Nobody', rows: 0 }] });
    expect(String([...files.values()][0])).toBe(`${columns.map(({ name }) => name).join(',')}\n`);
    expect(manifest.segments.Nobody).toMatchObject({ rows: 0, invalid: 0, duplicates: 0, distinctValid: 0 });
  });

  it('shares the people of a common range between segments', async () => {
    const segments = [
      { name: 'Small', rows: 1_000 },
      { name: 'Large', rows: 3_000 },
      { name: 'Apart', rows: 1_000, firstPerson: 10_000 },
    ];
    const { files } = await aSample({ segments });
    const large = peopleOf(rowsOf(files, 'Large'));
    const shared = (table: string) => [...peopleOf(rowsOf(files, table)).keys()].filter((address) => large.has(address)).length;
    expect([shared('Small'), shared('Apart')]).toEqual([970, 0]);
  });

  it('keeps the other segments of an earlier model', async () => {
    const { model: previousModel } = await aSample();
    const { model } = await aSample({ segments: [{ name: 'New', rows: 10 }], previousModel });
    expect(model.entities.map(({ name }) => name)).toEqual(['Loyal', 'New']);
  });
});

describe('a later generation', () => {
  const generations = async (last: number, churn = { joiners: 0.05, changed: 0.02, leavers: 0.05 }) => {
    const at = (generation: number) => aSample({ generation, churn, segments: [{ name: 'Loyal', rows: 2_000, partitions: 2 }] });
    const [before, after] = [await at(last - 1), await at(last)];
    return { old: peopleOf(rowsOf(before.files, 'Loyal')), now: peopleOf(rowsOf(after.files, 'Loyal')), after };
  };

  it.each([1, 2, 5])('joins, changes and leaves as the manifest of generation %i says', async (generation) => {
    const { old, now, after } = await generations(generation);
    const joiners = [...now.keys()].filter((address) => !old.has(address)).length;
    const leavers = [...old.keys()].filter((address) => !now.has(address)).length;
    const changed = [...now].filter(
      ([address, row]) => old.has(address) && JSON.stringify(old.get(address)) !== JSON.stringify(row),
    ).length;
    expect(after.manifest.segments.Loyal).toMatchObject({ joiners, changed, leavers, distinctValid: now.size });
    expect(joiners / old.size).toBeCloseTo(0.05, 1);
    expect(leavers / old.size).toBeCloseTo(0.05, 1);
    expect(changed / old.size).toBeCloseTo(0.02, 1);
  });

  it('is the same as before where nobody moves', async () => {
    const { old, now, after } = await generations(1, { joiners: 0, changed: 0, leavers: 0 });
    expect([...now]).toEqual([...old]);
    expect(after.manifest.segments.Loyal).toMatchObject({ joiners: 0, changed: 0, leavers: 0 });
  });

  it('counts what an independent reader counts', async () => {
    const { files, manifest } = await aSample({ generation: 3 });
    const rows = rowsOf(files, 'Loyal');
    const invalid = rows.filter((row) => addressOf(row) === undefined).length;
    const distinctValid = peopleOf(rows).size;
    const duplicates = rows.length - invalid - distinctValid;
    expect(manifest.segments.Loyal).toMatchObject({ rows: rows.length, invalid, duplicates, distinctValid });
  });
});
