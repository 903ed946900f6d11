import { Readable } from 'node:stream';
import { createEmailLog, readEmailBatches, readEmails } from '../../../shared/runs/email-log';

const emails = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `somebody.with.a.number.${from + index}@mail.example.com`);

const logOf = async (lines: readonly string[]): Promise<Buffer[]> => {
  const log = createEmailLog();
  for (const [index, line] of lines.entries()) {
    const bytes = Buffer.from(`..${line}`);
    if (index % 2 === 0) log.add(bytes, 2, bytes.length - 2);
    else log.addText(line);
  }
  const parts: Buffer[] = [];
  for await (const part of log.parts()) parts.push(Buffer.from(part));
  return parts;
};
const inPieces = (bytes: Buffer, size: number): Readable =>
  Readable.from(Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size)));

test('what was added comes back in order, however the log is cut, joined logs one after the other', async () => {
  const [some, more] = [emails(0, 60_000), emails(60_000, 60_010)];
  const bytes = Buffer.concat([...(await logOf(some)), ...(await logOf(more))]);
  for (const size of [1_000, 65_536, bytes.length]) {
    const found: string[] = [];
    for await (const batch of readEmailBatches(inPieces(bytes, size))) found.push(...batch);
    expect(found).toEqual([...some, ...more]);
  }
});

test('an empty log has no lines, can be read, and joined to another one', async () => {
  const empty = Buffer.concat(await logOf([]));
  for (const [bytes, lines] of [
    [empty, []],
    [Buffer.concat([empty, ...(await logOf(emails(0, 2)))]), emails(0, 2)],
  ] as const) {
    const found: string[] = [];
    for await (const email of readEmails(inPieces(bytes, 8))) found.push(email);
    expect(found).toEqual(lines);
  }
});

test('a reader that stops lets go of the stream', async () => {
  const stream = inPieces(Buffer.concat(await logOf(emails(0, 50_000))), 4_096);
  for await (const email of readEmails(stream)) {
    expect(email).toBe('somebody.with.a.number.0@mail.example.com');
    break;
  }
  expect(stream.destroyed).toBe(true);
});

test('a log that is cut short is an error', async () => {
  const bytes = Buffer.concat(await logOf(emails(0, 50_000)));
  const read = async () => {
    for await (const _ of readEmails(inPieces(bytes.subarray(0, bytes.length - 100), 4_096)));
  };
  await expect(read()).rejects.toThrow();
});
