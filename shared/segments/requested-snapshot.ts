import { InvalidInputError, NotFoundError } from '../errors';
import type { SegmentSource, SourceSnapshot } from './segment-source';

/**
 * The snapshot of segments that a request's body names under `/segments`, in the order of the names.
 * @throws InvalidInputError segment_unknown, with a pointer to each that is not there
 */
export const requestedSnapshot = async (
  source: Pick<SegmentSource, 'listSegments' | 'snapshot'>,
  names: readonly string[],
  { signal }: { signal: AbortSignal },
): Promise<SourceSnapshot> => {
  try {
    const snapshot = await source.snapshot(names, { signal });
    return { ...snapshot, segments: names.map((name) => snapshot.segments.find((one) => one.name === name)!) };
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    const there = new Set((await source.listSegments({ signal })).map(({ name }) => name));
    const problems = names.flatMap((name, index) =>
      there.has(name) ? [] : [{ pointer: `/segments/${index}`, detail: `The source has no segment ${name}.` }],
    );
    throw new InvalidInputError({ code: 'segment_unknown', message: problems[0]?.detail ?? error.message, problems, cause: error });
  }
};
