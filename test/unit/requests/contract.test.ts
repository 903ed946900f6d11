import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import fc from 'fast-check';
import { contractSchema, examples } from '../../../shared/requests/contract';
import { BlobEvent, ExportRequest, looksLikeEvent, readBlobEvent } from '../../../shared/requests/export-request';

/** What other systems build on; this file is the only one that writes it. */
const copy = path.resolve(__dirname, '../../../shared/requests/export-request.schema.json');
const generated = `${JSON.stringify(contractSchema(), null, 2)}\n`;

const fits = new Ajv2020({ strict: true, strictTypes: false, allErrors: true }).compile(contractSchema());
const isTaken = (message: object): boolean =>
  looksLikeEvent(message) ? BlobEvent.safeParse(message).success : ExportRequest.safeParse(message).success;

describe('the contract of the queue export-requests', () => {
  it('stands in the repository as the app reads it', () => {
    if (process.env.RENEW_CONTRACT === '1') writeFileSync(copy, generated);
    const committed = readFileSync(copy, 'utf8');
    // A change here is one that other systems see. When it is meant, write the copy anew:
    // RENEW_CONTRACT=1 node node_modules/jest/bin/jest.js test/unit/requests/contract.test.ts
    expect(committed).toBe(generated);
  });

  it.each(examples.map((example) => ['type' in example ? example.type : example.eventType, example] as const))(
    'takes its own example of %s',
    (_, example) => {
      expect([fits(example), fits.errors]).toEqual([true, null]);
      expect(isTaken(example)).toBe(true);
      if (!looksLikeEvent(example)) return;
      expect(readBlobEvent(BlobEvent.parse(example), { container: 'lake', folder: 'customerinsights' }).kind).toBe('refreshed');
    },
  );

  it.each([
    ['another version', { version: 2, type: 'runAll' }],
    ['an unknown field', { version: 1, type: 'runAll', force: true }],
    ['an export id that is none', { version: 1, type: 'run', exportId: '../x' }],
    ['a field of the other kind', { version: 1, type: 'runAll', exportId: 'exp_0000000001' }],
    ['an event without its type', { subject: 'x', data: { api: 'PutBlob' } }],
    ['a CloudEvent of another version', { specversion: '0.3', type: 'x', data: { api: 'PutBlob' } }],
  ])('refuses %s, as the app does', (_, message) => {
    expect([fits(message), isTaken(message)]).toEqual([false, false]);
  });

  it('says of any request what the app says of it', () => {
    const odd = fc.oneof(fc.constant(undefined), fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
    const anyRequest = fc.record(
      {
        version: fc.oneof({ weight: 4, arbitrary: fc.constant<unknown>(1) }, { weight: 1, arbitrary: odd }),
        type: fc.oneof({ weight: 4, arbitrary: fc.constantFrom<unknown>('run', 'runAll') }, { weight: 1, arbitrary: odd }),
        exportId: fc.oneof({ weight: 4, arbitrary: fc.constant<unknown>('exp_0000000001') }, { weight: 1, arbitrary: odd }),
        requestId: fc.oneof<fc.Arbitrary<unknown>[]>(fc.string(), fc.constant('x'.repeat(201)), odd),
        full: fc.oneof<fc.Arbitrary<unknown>[]>(fc.boolean(), odd),
        dryRun: fc.oneof<fc.Arbitrary<unknown>[]>(fc.boolean(), odd),
        traceparent: fc.oneof<fc.Arbitrary<unknown>[]>(fc.constant(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`), odd),
        force: odd,
      },
      { requiredKeys: [] },
    );
    let taken = 0;
    fc.assert(
      fc.property(anyRequest, (request) => {
        const message = JSON.parse(JSON.stringify(request)) as object; // as it comes out of a queue
        expect([message, fits(message)]).toEqual([message, isTaken(message)]);
        if (isTaken(message)) taken++;
      }),
      { numRuns: 3_000 },
    );
    expect(taken).toBeGreaterThan(20);
  });
});
