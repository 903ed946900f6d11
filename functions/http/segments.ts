import { z } from 'zod';
import { mayActAs } from '../../shared/caller';
import type { Figures } from '../../shared/figures/figures';
import { SegmentFigures } from '../../shared/figures/segment-figures';
import { defineRoute } from '../../shared/http/route';
import type { SegmentSource } from '../../shared/segments/segment-source';
import type { Router } from './register-route';

const about = { name: z.string(), refreshedAt: z.string().optional(), partitions: z.int(), bytes: z.int().optional() };
const SegmentInfo = z
  .object({ ...about, figures: SegmentFigures.optional() })
  .meta({ id: 'SegmentInfo', description: 'figures where somebody has counted the segment since its refresh' });
const SegmentList = z
  .object({
    value: z.array(SegmentInfo),
    /** where they are read from */
    source: z.object({ kind: z.enum(['cdm-folder', 'dataverse']), location: z.string() }),
  })
  .meta({ id: 'SegmentList' });
const PresentFigures = SegmentFigures.extend({ snapshotId: z.string(), cap: z.int(), overCap: z.boolean() }).meta({
  id: 'PresentFigures',
  description: 'Whom the segment would bring now; overCap: more than an export may send',
});
/** Without sample values: every role reads segments, and a sample is somebody's data. */
const SegmentDescription = z
  .object({
    ...about,
    fields: z.array(z.object({ name: z.string(), dataType: z.string() })),
    figures: PresentFigures.optional(),
  })
  .meta({ id: 'SegmentDescription' });
const NAME = z.string().min(1).max(200);
const EmailField = z.string().trim().min(1).max(200).describe('field of the source that holds the e-mail address');
const OverlapRequest = z
  .strictObject({
    segments: z
      .array(NAME)
      .min(1)
      .max(50)
      .refine((names) => new Set(names).size === names.length, 'expected each segment once'),
    email: EmailField,
  })
  .meta({ id: 'OverlapRequest' });
const SegmentOverlap = z
  .object({
    snapshotId: z.string(),
    refreshedAt: z.string().optional(),
    email: z.string(),
    segments: z.array(z.object({ name: z.string(), members: z.int(), exportable: z.int(), overCap: z.boolean() })),
    matrix: z.array(z.array(z.int())).describe('matrix[i][j]: people who are in the segments i and j both; matrix[i][i]: all of segment i'),
    union: z.int().describe('distinct people over all segments: so many an export of them brings'),
    cap: z.int().describe('most people that an export may send'),
    overCap: z.boolean(),
  })
  .meta({ id: 'SegmentOverlap' });

const listSegments = defineRoute({
  operation: 'listSegments',
  method: 'GET',
  path: 'api/segments',
  summary: 'Segments that can be read now, with their figures where they have been counted',
  who: 'Viewer',
  answers: { 200: { description: 'All segments', schema: SegmentList } },
});
const getSegment = defineRoute({
  operation: 'getSegment',
  method: 'GET',
  path: 'api/segments/{name}',
  summary:
    'One segment with its fields; with an e-mail field also how many of its people can be exported. Contributors have that counted, once per refresh; viewers see it once it has been',
  who: 'Viewer',
  params: z.object({ name: NAME }),
  query: z.strictObject({ email: EmailField.optional() }),
  refusals: [422],
  answers: { 200: { description: 'The segment', schema: SegmentDescription } },
});
const overlapSegments = defineRoute({
  operation: 'overlapSegments',
  method: 'POST',
  path: 'api/segments/overlap',
  summary: 'How many people segments have in common and bring together; nothing is stored but the counts',
  who: 'Contributor',
  body: OverlapRequest,
  records: false,
  answers: { 200: { description: 'The figures', schema: SegmentOverlap } },
});

export const registerSegments = (
  { route }: Router,
  { source, figures }: { source: Pick<SegmentSource, 'kind' | 'location' | 'listSegments' | 'describeSegment'>; figures: Figures },
): void => {
  route(listSegments).to(async ({ signal }) => {
    const segments = await source.listSegments({ signal });
    const known = await figures.known(segments, { signal });
    const value = segments.map((segment) => ({ ...segment, figures: known.get(segment.name) }));
    return { status: 200, body: { value, source: { kind: source.kind, location: source.location } } };
  });
  route(getSegment).to(async ({ params: { name }, query: { email }, caller, signal }) => {
    const [description, counted] = await Promise.all([
      source.describeSegment(name, { samples: false, signal }),
      email === undefined ? undefined : figures.ofSegment(name, email, { mayCount: mayActAs(caller.role, 'Contributor'), signal }),
    ]);
    return { status: 200, body: { ...description, fields: [...description.fields], figures: counted } };
  });
  route(overlapSegments).to(async ({ body, signal }) => {
    const overlap = await figures.overlap(body, { signal });
    return { status: 200, body: { ...overlap, segments: [...overlap.segments], matrix: overlap.matrix.map((row) => [...row]) } };
  });
};
