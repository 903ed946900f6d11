import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { startAzurite, type Azurite } from '../../infra/local/storage/azurite';
import { createBlobs } from '../../shared/platform/blobs';
import { createCdmFolderSource } from '../../shared/segments/cdm-folder/cdm-folder-source';
import { fieldText } from '../../shared/segments/row-chunks';
import type { SegmentSource, SourceSnapshot } from '../../shared/segments/segment-source';
import { readInParts } from '../support/read-in-parts';

const signal = new AbortController().signal;
const FOLDER = 'CustomerInsights_1/BlobExport';
const HOUR = 3_600_000;
const attributes = ['CustomerId', 'EMail', 'Name'];

let azurite: Azurite;
let service: BlobServiceClient;
let containers = 0;
beforeAll(async () => {
  azurite = await startAzurite();
  service = BlobServiceClient.fromConnectionString(azurite.connectionString);
});
afterAll(() => azurite.close());

interface PartitionSpec {
  readonly path: string;
  readonly content?: string | Buffer;
  readonly location?: string | null;
  readonly settings?: object;
}

/** A container of its own with a folder of segments; `hours` is how long after writing it is read. */
const aFolder = async (
  segments: Record<string, { partitions?: readonly PartitionSpec[]; attributes?: readonly string[] }>,
  { model, quietSeconds = 300, hours = 1 }: { model?: string; quietSeconds?: number; hours?: number } = {},
) => {
  const container = service.getContainerClient(`folder-${++containers}`);
  await container.create();
  const put = (path: string, content: string | Buffer) => container.getBlockBlobClient(path).upload(content, Buffer.byteLength(content));
  const entities = [];
  for (const [name, { partitions = [], attributes: own = attributes }] of Object.entries(segments)) {
    for (const { path, content } of partitions) if (content !== undefined) await put(path, content);
    entities.push({
      $type: 'LocalEntity',
      name,
      attributes: own.map((attribute) => ({ name: attribute, dataType: 'string', 'cdm:traits': [{ arguments: [] }] })),
      partitions: partitions.map(({ path, location, settings }, index) => ({
        name: `${name}_${index + 1}`,
        refreshTime: `2026-08-18T02:3${index}:00+00:00`,
        location: location === undefined ? `${container.url}/${path}` : location,
        ...(settings === undefined ? {} : { fileFormatSettings: { $type: 'CsvFormatSettings', ...settings } }),
      })),
    });
  }
  const text = model ?? JSON.stringify({ name: 'BlobExport', version: '1.0', 'pbi:mashup': {}, entities });
  await put(`${FOLDER}/model.json`, text);
  return { container, put, source: aSource(container, { quietSeconds, hours }) };
};

const aSource = (container: ContainerClient, { quietSeconds = 300, hours = 1, folder = FOLDER } = {}) =>
  createCdmFolderSource({
    blobs: createBlobs(container),
    containerUrl: container.url,
    folder,
    quietSeconds,
    now: () => new Date(Date.now() + hours * HOUR),
  });

const readAll = async (source: SegmentSource, segment: string, fields: readonly string[] = attributes, snapshot?: SourceSnapshot) => {
  const rows: string[][] = [];
  const of = snapshot ?? (await source.snapshot([segment], { signal }));
  for await (const chunk of source.readRows({ snapshot: of, segment, fields, signal })) {
    for (let row = 0; row < chunk.rowCount; row += 1) rows.push(fields.map((_, field) => fieldText(chunk, row, field)));
  }
  return rows;
};

const aFile = (segment: string, number: number, time = '0233') => `${FOLDER}/${segment}/2026/08/18/${time}/${segment}_${number}.csv`;
const ada = '1,ada@example.com,Ada';
const adaRow = ['1', 'ada@example.com', 'Ada'];
const oneFile = (content: string | Buffer, settings?: object): { partitions: PartitionSpec[] } => ({
  partitions: [{ path: aFile('Vip', 1), content, ...(settings ? { settings } : {}) }],
});

/** The account behind a proxy that cuts, once, the connection on which more than `cutAfter` bytes have come, or what it passes on into pieces. */
const behindProxy = async ({
  cutAfter = Infinity,
  onCut = () => Promise.resolve(),
  pieceBytes = Infinity,
}: {
  cutAfter?: number;
  onCut?: () => Promise<unknown>;
  pieceBytes?: number;
}) => {
  let cuts = 0;
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const proxy = createTcpServer((socket) => {
    const upstream = connect(azurite.blobPort, '127.0.0.1');
    let sent = 0;
    let isCut = false;
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      sockets.add(one);
      one.setNoDelay();
      one.on('error', () => one.destroy());
      one.on('close', () => isCut || other.destroy());
      one.on('data', (data) => {
        if (isCut) return;
        if (one === socket) asked.push(data.toString('latin1'));
        if (one === upstream && (sent += data.length) > cutAfter && cuts === 0) {
          cuts += 1;
          isCut = true;
          upstream.destroy();
          void onCut().then(() => socket.destroy());
          return;
        }
        let goesOn = true;
        for (let from = 0; from < data.length; from += pieceBytes) goesOn = other.write(data.subarray(from, from + pieceBytes));
        if (goesOn) return;
        one.pause();
        other.once('drain', () => one.resume());
      });
    }
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as { port: number };
  const proxied = azurite.connectionString.replace(`:${azurite.blobPort}/`, `:${port}/`);
  const close = () => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  };
  return { close, cuts: () => cuts, asked: () => asked, service: BlobServiceClient.fromConnectionString(proxied) };
};

describe('a CDM folder', () => {
  it.each<[string, string | Buffer, object | undefined, string[][]]>([
    ['no settings and no header', `${ada}\n`, undefined, [adaRow]],
    ['no settings and a header', `CustomerId,EMail,Name\n${ada}\n`, undefined, [adaRow]],
    ['a header by flag', `Id,Mail,Called\n${ada}\n`, { columnHeaders: true }, [adaRow]],
    ['a header by flag in a string', `Id,Mail,Called\n${ada}\n`, { columnHeaders: 'True' }, [adaRow]],
    ['a quoted line break', '1,ada@example.com,"Ada\nLove""lace"\n', undefined, [['1', 'ada@example.com', 'Ada\nLove"lace']]],
    ['a byte order mark', `\ufeffCustomerId,EMail,Name\r\n${ada}\r\n`, undefined, [adaRow]],
    [
      'semicolons and no quotes',
      '1;ada@example.com;5" Ada',
      { delimiter: ';', quoteStyle: 'QuoteStyle.None' },
      [['1', 'ada@example.com', '5" Ada']],
    ],
    ['tabs', ada.replaceAll(',', '\t'), { delimiter: '\t', csvStyle: 'CsvStyle.QuoteAfterDelimiter' }, [adaRow]],
    ['UTF-16 by its settings', Buffer.from(`${ada}é😀\n`, 'utf16le'), { encoding: 'UTF-16LE' }, [['1', 'ada@example.com', 'Adaé😀']]],
    ['UTF-16 by its byte order mark', Buffer.from(`\ufeff${ada}\n`, 'utf16le'), undefined, [adaRow]],
    ['no rows', '', undefined, []],
    ['nothing but a header', 'CustomerId,EMail,Name\n', undefined, []],
  ])('is read with %s', async (_, content, settings, rows) => {
    const { source } = await aFolder({ Vip: oneFile(content, settings) });
    expect(await readAll(source, 'Vip')).toEqual(rows);
  });

  it('is read in the order of its partitions, each with its own settings, only the fields asked for', async () => {
    const { source } = await aFolder({
      Vip: {
        partitions: [
          { path: aFile('Vip', 1), content: '1,a@example.com,A\n2,b@example.com,B\n' },
          {
            path: aFile('Vip', 2),
            content: 'EMail|CustomerId|Name\nc@example.com|3|C\n',
            settings: { delimiter: '|', columnHeaders: true },
          },
          { path: aFile('Vip', 3), content: '4,d@example.com,D' },
        ],
      },
    });
    expect(await readAll(source, 'Vip', ['Name', 'CustomerId'])).toEqual([
      ['A', '1'],
      ['B', '2'],
      ['C', '3'],
      ['D', '4'],
    ]);
    expect(await source.listSegments({ signal })).toEqual([{ name: 'Vip', refreshedAt: '2026-08-18T02:32:00.000Z', partitions: 3 }]);
  });

  it('is read in the same order each time, four files at once', async () => {
    const ROWS = 15_000;
    const content = (file: number) =>
      Array.from({ length: ROWS }, (_, row) => `${file},person.${row}@example.com,"Zoë ""${row}"""\n`).join('');
    const partitions = [0, 1, 2, 3, 4, 5].map((file) => ({ path: aFile('Vip', file), content: content(file) }));
    const { container, source } = await aFolder({ Vip: { partitions } });
    const rows = await readAll(source, 'Vip');
    expect(rows.length).toBe(6 * ROWS);
    const next = [0, 0, 0, 0, 0, 0];
    const firstOf: string[] = [];
    for (const [file, email, name] of rows) {
      const row = next[Number(file)]!++;
      if (email !== `person.${row}@example.com` || name !== `Zoë "${row}"`)
        throw new Error(`row ${row} of file ${file} is ${email}, ${name}`);
      if (firstOf.at(-1) !== file) firstOf.push(file!);
    }
    expect(next).toEqual(Array(6).fill(ROWS));
    expect(firstOf.slice(0, 8)).toEqual(['0', '1', '2', '3', '0', '1', '2', '3']);

    // however the network cuts it
    const { close, service: slow } = await behindProxy({ pieceBytes: 7_777 });
    expect(await readAll(aSource(slow.getContainerClient(container.containerName)), 'Vip')).toEqual(rows);
    close();
  });

  it('is read through gzip', async () => {
    const path = `${aFile('Vip', 1)}.gz`;
    const { source } = await aFolder({ Vip: { partitions: [{ path, content: gzipSync(`${ada}\n`.repeat(50_000)) }] } });
    expect((await readAll(source, 'Vip')).length).toBe(50_000);
  });

  it.each([
    ['cut off', (packed: Buffer) => packed.subarray(0, -20), 'csv_malformed'],
    ['a bomb', () => gzipSync(Buffer.alloc(40_000_000, `1,${'x'.repeat(100_000)},c\n`)), 'partition_too_large'],
  ])('is refused when its gzip file is %s', async (_, spoil, code) => {
    const path = `${aFile('Vip', 1)}.gz`;
    const { source } = await aFolder({ Vip: { partitions: [{ path, content: spoil(gzipSync(`${ada}\n`.repeat(5_000))) }] } });
    await expect(readAll(source, 'Vip')).rejects.toMatchObject({ code, service: 'source', retryable: false });
  });

  describe('locations', () => {
    const located = async (location: (containerName: string, path: string) => string) => {
      const path = `${FOLDER}/Vip é/2026/08/18/0233/Vip_1.csv`;
      const name = `folder-${containers + 1}`;
      const { source } = await aFolder({ Vip: { partitions: [{ path, content: ada, location: location(name, encodeURI(path)) }] } });
      return source;
    };
    it.each<[string, (name: string, path: string) => string]>([
      ['the blob host', (name, path) => `https://acct.blob.core.windows.net/${name}/${path}`],
      ['the dfs host', (name, path) => `https://acct.dfs.core.windows.net/${name}/${path}`],
      ['a snapshot', (name, path) => `https://acct.dfs.core.windows.net/${name}/${path}?snapshot=2026-08-18T02:33:00.1234567Z`],
      ['an unencoded path', (name, path) => `https://acct.blob.core.windows.net/${name}/${decodeURI(path)}`],
      ['the emulator on another port', (name, path) => `http://127.0.0.1:1/devstoreaccount1/${name}/${path}`],
    ])('may name %s', async (_, location) => {
      expect(await readAll(await located(location), 'Vip')).toEqual([adaRow]);
    });

    it.each<[string, (name: string, path: string) => string]>([
      ['another container', (_name, path) => `https://acct.blob.core.windows.net/other/${path}`],
      ['a way up', (name, path) => `https://acct.blob.core.windows.net/${name}/a/../${path}`],
      ['an encoded way up', (name, path) => `https://acct.blob.core.windows.net/${name}/a/%2e%2E%2f${path}`],
      ['a relative path', (_name, path) => path],
      ['a file', (_name, path) => `file:///${path}`],
    ])('may not name %s', async (_, location) => {
      const source = await located(location);
      const failure = await source.snapshot(['Vip'], { signal }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'location_refused', pointer: '/entities/0/partitions/0/location', retryable: false });
    });

    it('may not name a foreign host, which is never asked', async () => {
      let asked = 0;
      const foreign = createServer((_request, response) => {
        asked += 1;
        response.end(ada);
      }).listen(0, '127.0.0.2');
      await once(foreign, 'listening');
      const { port } = foreign.address() as { port: number };
      const source = await located((name, path) => `http://127.0.0.2:${port}/devstoreaccount1/${name}/${path}`);
      await expect(source.snapshot(['Vip'], { signal })).rejects.toMatchObject({ code: 'location_refused' });
      expect(asked).toBe(0);
      foreign.close();
    });
  });

  describe('refuses', () => {
    it('a folder that is missing, and one without model.json', async () => {
      const { container, put } = await aFolder({});
      await put('other/readme.txt', 'hello');
      const snapshot = (source: SegmentSource) => source.snapshot(['Vip'], { signal });
      await expect(snapshot(aSource(container, { folder: 'nowhere' }))).rejects.toMatchObject({
        code: 'folder_missing',
        service: 'source',
      });
      await expect(snapshot(aSource(container, { folder: 'other' }))).rejects.toMatchObject({ code: 'model_missing', service: 'source' });
      const gone = aSource(service.getContainerClient('no-such-container'));
      await expect(snapshot(gone)).rejects.toMatchObject({ code: 'folder_missing' });
    });

    it('a model.json that is malformed, naming the file', async () => {
      const { source } = await aFolder({}, { model: '{"entities":[' });
      await expect(source.listSegments({ signal })).rejects.toMatchObject({
        code: 'model_malformed',
        message: `${FOLDER}/model.json cannot be used: it is not valid JSON; it may have been cut off.`,
      });
    });

    it('a partition that is named but absent', async () => {
      const { source } = await aFolder({ Vip: { partitions: [{ path: aFile('Vip', 1), content: ada }, { path: aFile('Vip', 2) }] } });
      const failure = await source.snapshot(['Vip'], { signal }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'partition_missing', retryable: false });
      expect((failure as Error).message).toContain(aFile('Vip', 2));
    });

    it('a row that is wider than the header, naming file and row', async () => {
      const { source } = await aFolder({ Vip: oneFile(`CustomerId,EMail,Name\n${ada}\n${ada},more\n`) });
      const failure = await readAll(source, 'Vip').catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'row_width', service: 'source', retryable: false });
      expect((failure as Error).message).toBe(`Row 3 of ${aFile('Vip', 1)} has 4 columns, but model.json names 3.`);
    });

    it('a segment nobody knows, naming up to ten', async () => {
      const names = Array.from({ length: 12 }, (_, index) => `Segment${index}`);
      const { source } = await aFolder(Object.fromEntries(names.map((name) => [name, {}])));
      const message = `The source has no segment Nobody; it has ${names.slice(0, 10).join(', ')} and 2 more.`;
      await expect(source.snapshot(['Segment1', 'Nobody'], { signal })).rejects.toMatchObject({ code: 'segment_unknown', message });
      await expect(source.describeSegment('Nobody', { signal })).rejects.toMatchObject({ code: 'segment_unknown', message });
    });

    it('a field that the segment lacks', async () => {
      const { source } = await aFolder({ Vip: oneFile(ada) });
      await expect(readAll(source, 'Vip', ['EMail', 'Mail'])).rejects.toMatchObject({
        code: 'field_unknown',
        message: 'The segment Vip has no field Mail; it has CustomerId, EMail, Name.',
      });
    });
  });

  it('without model.json is read by its manifest, as long as one can be told', async () => {
    const { container, put, source } = await aFolder({ Vip: oneFile(ada) });
    await container.deleteBlob(`${FOLDER}/model.json`);
    const manifest = JSON.stringify({
      entities: [
        {
          type: 'LocalEntity',
          entityName: 'Vip',
          entityPath: 'Vip.cdm.json/Vip',
          dataPartitions: [{ location: aFile('Vip', 1).slice(FOLDER.length + 1), refreshTime: '2026-08-18T02:33:00Z' }],
        },
      ],
    });
    await put(`${FOLDER}/Export.manifest.cdm.json`, manifest);
    await put(
      `${FOLDER}/Vip.cdm.json`,
      JSON.stringify({ definitions: [{ entityName: 'Vip', hasAttributes: attributes.map((name) => ({ name })) }] }),
    );
    expect(await source.listSegments({ signal })).toEqual([{ name: 'Vip', refreshedAt: '2026-08-18T02:33:00.000Z', partitions: 1 }]);
    expect(await readAll(source, 'Vip')).toEqual([adaRow]);

    await put(`${FOLDER}/Other.manifest.cdm.json`, '{"entities":[]}');
    await expect(source.listSegments({ signal })).rejects.toMatchObject({
      code: 'model_missing',
      message: expect.stringContaining('several manifests'),
    });
    await put(`${FOLDER}/default.manifest.cdm.json`, manifest);
    expect(await readAll(source, 'Vip')).toEqual([adaRow]);
    await container.deleteBlob(`${FOLDER}/Vip.cdm.json`);
    await expect(source.listSegments({ signal })).rejects.toMatchObject({
      code: 'model_malformed',
      message: expect.stringContaining('Vip.cdm.json, which does not exist'),
    });
    // model.json counts where it is there
    await put(`${FOLDER}/model.json`, JSON.stringify({ name: 'BlobExport', version: '1.0', entities: [] }));
    expect(await source.listSegments({ signal })).toEqual([]);
  });

  it('has segments without rows: no partitions, or one that is only a schema', async () => {
    const { source } = await aFolder({ Empty: {}, Schema: { partitions: [{ path: 'x', location: null }] } });
    const snapshot = await source.snapshot(['Empty', 'Schema'], { signal });
    expect(snapshot).toMatchObject({
      complete: true,
      segments: [
        { name: 'Empty', bytes: 0, partitions: [] },
        { name: 'Schema', partitions: [] },
      ],
    });
    expect(await readAll(source, 'Empty', attributes, snapshot)).toEqual([]);
    expect(await readAll(source, 'Schema', attributes, snapshot)).toEqual([]);
  });

  it('describes fields with a sample of each', async () => {
    const { source } = await aFolder({ Vip: oneFile(`1,,\n2,b@example.com,"${'é'.repeat(300)}"\n`) });
    expect(await source.describeSegment('Vip', { signal })).toEqual({
      name: 'Vip',
      refreshedAt: '2026-08-18T02:30:00.000Z',
      partitions: 1,
      bytes: 623,
      fields: [
        { name: 'CustomerId', dataType: 'string', sample: '1' },
        { name: 'EMail', dataType: 'string', sample: 'b@example.com' },
        { name: 'Name', dataType: 'string', sample: 'é'.repeat(200) },
      ],
    });
  });

  describe('snapshots', () => {
    it('are equal while the data is, in whatever order they are asked for', async () => {
      const { source, put } = await aFolder({
        A: { partitions: [{ path: aFile('A', 1), content: ada }] },
        B: { partitions: [{ path: aFile('B', 1), content: ada }] },
      });
      const first = await source.snapshot(['A', 'B'], { signal });
      expect((await source.snapshot(['B', 'A'], { signal })).id).toBe(first.id);
      expect((await source.snapshot(['A'], { signal })).id).not.toBe(first.id);
      await put(aFile('B', 1), ada);
      expect((await source.snapshot(['A', 'B'], { signal })).id).not.toBe(first.id);
      expect(first).toMatchObject({ complete: true, refreshedAt: '2026-08-18T02:30:00.000Z' });
    });

    it('survive being written down as JSON', async () => {
      const { source } = await aFolder({ Vip: oneFile(ada) });
      const snapshot = JSON.parse(JSON.stringify(await source.snapshot(['Vip'], { signal }))) as SourceSnapshot;
      expect(await readAll(source, 'Vip', attributes, snapshot)).toEqual([adaRow]);
    });

    it('are not complete within the quiet period, by the clock of the server', async () => {
      const { container, source } = await aFolder({ Vip: oneFile(ada) }, { hours: 0 });
      const snapshot = await source.snapshot(['Vip'], { signal });
      expect(snapshot.complete).toBe(false);
      expect(snapshot.reason).toMatch(/^The last file was written \d+ seconds ago; .* nothing has changed for 300 seconds\.$/);
      expect((await aSource(container, { hours: 0, quietSeconds: 0 }).snapshot(['Vip'], { signal })).complete).toBe(true);
    });

    it('are not complete while a named file is still to come, and become so with it', async () => {
      const spec = { Vip: { partitions: [{ path: aFile('Vip', 1), content: ada }, { path: aFile('Vip', 2) }] } };
      const { container, source, put } = await aFolder(spec, { hours: 0 });
      const half = await source.snapshot(['Vip'], { signal });
      expect(half).toMatchObject({ complete: false, reason: `The file ${aFile('Vip', 2)} is named but not there yet.` });
      await expect(readAll(source, 'Vip', attributes, half)).rejects.toMatchObject({ code: 'partition_missing' });
      await put(aFile('Vip', 2), '2,b@example.com,B');
      expect(await readAll(aSource(container), 'Vip')).toEqual([adaRow, ['2', 'b@example.com', 'B']]);
    });

    it('are not complete when the files of a segment come from several refreshes', async () => {
      const { source } = await aFolder({
        Vip: {
          partitions: [
            { path: aFile('Vip', 1, '0233'), content: ada },
            { path: aFile('Vip', 2, '0433'), content: ada },
          ],
        },
      });
      expect(await source.snapshot(['Vip'], { signal })).toMatchObject({
        complete: false,
        reason: expect.stringContaining('several refreshes') as string,
      });
    });

    it('are read as they were or not at all', async () => {
      const { source, put, container } = await aFolder({
        Vip: { partitions: [1, 2].map((number) => ({ path: aFile('Vip', number), content: `${ada}\n` })) },
      });
      const snapshot = await source.snapshot(['Vip'], { signal });
      await put(aFile('Vip', 2), `${ada}\n`.replaceAll('a', 'e')); // the same length: only the ETag tells
      await expect(readAll(source, 'Vip', attributes, snapshot)).rejects.toMatchObject({
        code: 'source_changed',
        service: 'source',
        retryable: true,
      });
      await container.deleteBlob(aFile('Vip', 2));
      await expect(readAll(source, 'Vip', attributes, snapshot)).rejects.toMatchObject({ code: 'source_changed', retryable: true });
    });
  });

  describe('a dropped connection', () => {
    const lines = Array.from({ length: 300_000 }, (_, row) => `${row},person@example.com,Ada`).join('\n');

    it('is taken up where it broke off', async () => {
      const { container } = await aFolder({ Vip: oneFile(lines) });
      const { close, cuts, service: proxied } = await behindProxy({ cutAfter: 3_000_000 });
      const rows = await readAll(aSource(proxied.getContainerClient(container.containerName)), 'Vip', ['CustomerId']);
      expect(cuts()).toBe(1);
      expect(rows.length).toBe(300_000);
      expect(rows.every(([id], row) => id === `${row}`)).toBe(true);
      close();
    });

    it('is not taken up in another version of the file', async () => {
      const { container, put } = await aFolder({ Vip: oneFile(lines) });
      const {
        close,
        cuts,
        service: proxied,
      } = await behindProxy({
        cutAfter: 3_000_000,
        onCut: () => put(aFile('Vip', 1), lines.replaceAll('Ada', 'Eve')),
      });
      const source = aSource(proxied.getContainerClient(container.containerName));
      await expect(readAll(source, 'Vip')).rejects.toMatchObject({ code: 'source_changed', retryable: true });
      expect(cuts()).toBe(1);
      close();
    });
  });

  describe('read in parts', () => {
    const row = (file: string, number: number) => [`${file}-${number}`, `person.${number}@example.com`, `Zoë "${number}"`];
    const csv = (file: string, rows: number, columns = [0, 1, 2]) =>
      Array.from({ length: rows }, (_, number) =>
        columns.map((column) => `"${row(file, number)[column]!.replaceAll('"', '""')}"`).join(','),
      ).join('\n');
    const aSlowFolder = () =>
      aFolder({
        Vip: {
          partitions: [
            { path: aFile('Vip', 1), content: csv('plain', 6_000) },
            {
              path: aFile('Vip', 2),
              content: `\ufeffEMail,Name,CustomerId\n${csv('header', 4_000, [1, 2, 0])}\n`,
              settings: { columnHeaders: true },
            },
            { path: `${aFile('Vip', 3)}.gz`, content: gzipSync(csv('packed', 4_000)) },
            { path: aFile('Vip', 4), content: Buffer.from(`\ufeff${csv('wide', 4_000)}`, 'utf16le') },
            { path: aFile('Vip', 5), content: csv('small', 3) },
          ],
        },
        Other: { partitions: [{ path: aFile('Other', 1), content: csv('other', 2_000) }] },
      });
    const wanted = [
      ['plain', 6_000],
      ['header', 4_000],
      ['packed', 4_000],
      ['wide', 4_000],
      ['small', 3],
    ] as const;

    it.each([1, 3, 1_000])('%i at a time, by a process of its own each, it has every row once', async (partsAtOnce) => {
      const { container } = await aSlowFolder();
      const { rows, snapshot, slices } = await readInParts(() => aSource(container), {
        names: ['Vip', 'Other'],
        fields: attributes,
        partsAtOnce,
        signal,
      });
      const has = new Set(rows.map(({ segment, values }) => JSON.stringify([segment, ...values])));
      expect([rows.length, has.size]).toEqual([20_003, 20_003]);
      for (const [file, count] of wanted)
        for (let number = 0; number < count; number += 1)
          if (!has.has(JSON.stringify(['Vip', ...row(file, number)]))) throw new Error(`${file} lacks ${number}`);
      expect(snapshot).toEqual(await aSource(container).snapshot(['Vip', 'Other'], { signal }));
      expect(slices > 10).toBe(partsAtOnce === 1);
    });

    it('asks storage only for what is still to come', async () => {
      const { container } = await aFolder({ Vip: oneFile(csv('plain', 6_000)) });
      const { close, service: counted, asked } = await behindProxy({});
      const { slices } = await readInParts(() => aSource(counted.getContainerClient(container.containerName)), {
        names: ['Vip'],
        fields: attributes,
        partsAtOnce: 1,
        signal,
      });
      const offsets = asked().flatMap((text) => [...text.matchAll(/^range: bytes=(\d+)-/gim)].map(([, offset]) => Number(offset)));
      expect(offsets.length).toBeGreaterThanOrEqual(slices - 2);
      expect(new Set(offsets).size).toBe(offsets.length);
      close();
    });

    it('is read from the beginning when the files were written again', async () => {
      const { container, put } = await aSlowFolder();
      const source = aSource(container);
      const parts = source.readSlowly!({ names: ['Vip'], fieldsOf: () => attributes, signal });
      const first = await parts.next();
      await parts.return(undefined as never);
      await put(aFile('Vip', 5), csv('small', 4));
      const from = { resume: (first.value as { resume: unknown }).resume, kept: async function* () {} };
      await expect(source.readSlowly!({ names: ['Vip'], fieldsOf: () => attributes, from, signal }).next()).rejects.toMatchObject({
        code: 'source_changed',
        retryable: true,
      });
    });
  });

  it('may have many files', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    const partitions = Array.from({ length: 40 }, (_, index) => ({ path: aFile('Vip', index + 1), content: `${index},a@example.com,A\n` }));
    const { source } = await aFolder({ Vip: { partitions } });
    const ids = (await readAll(source, 'Vip')).map(([id]) => Number(id));
    process.off('warning', note);
    expect(ids).toEqual([...ids.keys()]);
    expect(warnings).toEqual([]);
  });

  it('stops when the signal says so, and when nobody reads on', async () => {
    const lines = `${ada}\n`.repeat(300_000);
    const { source } = await aFolder({ Vip: { partitions: [1, 2].map((number) => ({ path: aFile('Vip', number), content: lines })) } });
    const snapshot = await source.snapshot(['Vip'], { signal });
    const abort = new AbortController();
    let chunks = 0;
    const read = async () => {
      for await (const _ of source.readRows({ snapshot, segment: 'Vip', fields: ['EMail'], signal: abort.signal })) {
        if ((chunks += 1) === 3) abort.abort(new Error('enough'));
      }
    };
    await expect(read()).rejects.toThrow('enough');
    expect(chunks).toBeLessThan(100);
    for await (const chunk of source.readRows({ snapshot, segment: 'Vip', fields: ['EMail'], signal })) {
      // whoever stops reading after one chunk leaves nothing open behind
      expect(chunk.rowCount).toBeGreaterThan(0);
      break;
    }
  });
});
