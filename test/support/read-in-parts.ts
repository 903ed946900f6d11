import { fieldText } from '../../shared/segments/row-chunks';
import { decodeFrames, encodeFrame } from '../../shared/segments/row-frames';
import type { Frame } from '../../shared/segments/row-frames';
import type { SegmentSource, SourceSnapshot } from '../../shared/segments/segment-source';

/**
 * Reads segments as a slow source is read: stops after every `partsAtOnce` parts, and goes on with what was written down, in a source that
 * knows nothing of the reading before.
 */
export const readInParts = async (
  newSource: () => SegmentSource,
  { names, fields, partsAtOnce, signal }: { names: readonly string[]; fields: readonly string[]; partsAtOnce: number; signal: AbortSignal },
) => {
  const kept: Buffer[] = [];
  let resume: string | undefined;
  let slices = 0;
  const framesKept = async function* (): AsyncGenerator<Frame> {
    yield* decodeFrames(Buffer.concat(kept));
  };
  let snapshot: SourceSnapshot | undefined;
  while (snapshot === undefined) {
    slices += 1;
    const parts = newSource().readSlowly!({
      names,
      fieldsOf: () => fields,
      ...(resume === undefined ? {} : { from: { resume: JSON.parse(resume) as unknown, kept: framesKept } }),
      signal,
    });
    for (let count = 0; count < partsAtOnce; count += 1) {
      const part = await parts.next();
      if (part.done) {
        snapshot = part.value;
        break;
      }
      kept.push(encodeFrame(part.value));
      resume = JSON.stringify(part.value.resume);
    }
    await parts.return(undefined as never);
  }
  const rows: { segment: string; values: string[]; missing: boolean }[] = [];
  for await (const { kind, segment, chunk } of framesKept()) {
    if (kind !== 'rows') continue;
    for (let row = 0; row < chunk.rowCount; row += 1)
      rows.push({ segment, values: fields.map((_, field) => fieldText(chunk, row, field)), missing: chunk.withoutProfile ?? false });
  }
  return { snapshot, rows, slices };
};
