import { createReadStream } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { ContainerClient } from '@azure/storage-blob';
import { columns, moreColumns } from '../../infra/local/sample/columns';
import { sampleFolder } from '../../infra/local/sample/sample';
import { attributesRoom, compileMapping, putAttributes } from '../../shared/klaviyo/payload';
import { createBlobs } from '../../shared/platform/blobs';
import { createCredential } from '../../shared/platform/identity';
import { createCdmFolderSource } from '../../shared/segments/cdm-folder/cdm-folder-source';
import { createCsvScanner } from '../../shared/segments/cdm-folder/csv-scanner';
import { createDataverseSource } from '../../shared/segments/dataverse/dataverse-source';
import { createDataverseWebApi } from '../../shared/segments/dataverse/web-api';
import type { RowChunk, SegmentSource } from '../../shared/segments/segment-source';
import { mappedFields } from '../../shared/exports/mapping';
import type { Mapping } from '../../shared/exports/mapping';
import { benchMapping } from './mapping';
import { cpuMs, peakRssMb } from './measure';
import { report, type SourceTask, task } from './protocol';

setFlagsFromString('--max-semi-space-size=1'); // as the app setting of the product says

/** Reads every row and writes what would be sent of it into one buffer, again and again: reading and mapping, and nothing else. */
const mapAll = async (chunks: AsyncIterable<RowChunk>, mapping: Mapping, fields: readonly string[]): Promise<number> => {
  const plan = compileMapping(mapping, fields, () => undefined);
  const out = new Uint8Array(attributesRoom(plan));
  let rows = 0;
  for await (const chunk of chunks) {
    for (let row = 0; row < chunk.rowCount; row += 1) putAttributes(plan, chunk, row * chunk.width, out, 0);
    rows += chunk.rowCount;
  }
  return rows;
};

const fromFiles = async function* (files: readonly string[], fields: readonly string[]): AsyncGenerator<RowChunk> {
  const names = [...columns, ...moreColumns].map(({ name }) => name);
  for (const file of files) {
    const dialect = { delimiter: ',', quoted: true, quoteAnywhere: true, header: true };
    const scanner = createCsvScanner({ file, dialect, columns: names, fields });
    for await (const part of createReadStream(file, { highWaterMark: 256 * 1024 })) yield* scanner.push(part as Buffer);
    yield* scanner.end();
  }
};

const fromSource = async function* (source: SegmentSource, segment: string, fields: readonly string[]): AsyncGenerator<RowChunk> {
  const signal = AbortSignal.timeout(30 * 60_000);
  const snapshot = await source.snapshot([segment], { signal });
  yield* source.readRows({ snapshot, segment, fields, signal });
};

const dataverseMapping: Mapping = {
  email: 'msdynci_email',
  firstName: 'msdynci_firstname',
  lastName: 'msdynci_lastname',
  phoneNumber: 'msdynci_telephone',
  location: { city: 'msdynci_city', country: 'msdynci_country' },
  properties: [{ field: 'msdynci_loyaltytier', name: 'loyalty_tier' }],
};

const main = async (): Promise<void> => {
  const wanted = task<SourceTask>();
  const mapping = wanted.kind === 'dataverse' ? dataverseMapping : benchMapping;
  const fields = mappedFields(mapping);
  const begun = performance.now();
  const cpu = cpuMs();
  const chunks = ((): AsyncGenerator<RowChunk> => {
    if (wanted.kind === 'files') return fromFiles(wanted.files, fields);
    if (wanted.kind === 'container') {
      const container = new ContainerClient(wanted.connectionString, wanted.container);
      const folder = {
        blobs: createBlobs(container),
        containerUrl: container.url,
        folder: sampleFolder,
        quietSeconds: 0,
        now: () => new Date(),
      };
      return fromSource(createCdmFolderSource(folder), wanted.segment, fields);
    }
    const api = createDataverseWebApi({ url: wanted.url, credential: createCredential({}) });
    return fromSource(createDataverseSource({ api, now: () => new Date() }), wanted.segment, fields);
  })();
  const rows = await mapAll(chunks, mapping, fields);
  report({ rows, wallMs: performance.now() - begun, cpuMs: cpuMs() - cpu, rssMb: peakRssMb() });
  process.exit(0); // connections that are kept alive would hold the process
};

void main();
