import { z } from 'zod';
import { defineRoute, listOf } from '../../shared/http/route';
import type { SegmentSource } from '../../shared/segments/segment-source';
import type { Router } from './register-route';

const SegmentInfo = z
  .object({ name: z.string(), refreshedAt: z.string().optional(), partitions: z.int(), bytes: z.int().optional() })
  .meta({ id: 'SegmentInfo' });
/** Without sample values: every role reads segments, and a sample is somebody's data. */
const SegmentDescription = SegmentInfo.extend({ fields: z.array(z.object({ name: z.string(), dataType: z.string() })) }).meta({
  id: 'SegmentDescription',
});

const listSegments = defineRoute({
  operation: 'listSegments',
  method: 'GET',
  path: 'api/segments',
  summary: 'Segments that can be read now',
  who: 'Viewer',
  answers: { 200: { description: 'All segments', schema: listOf(SegmentInfo, 'SegmentList') } },
});
const getSegment = defineRoute({
  operation: 'getSegment',
  method: 'GET',
  path: 'api/segments/{name}',
  summary: 'One segment with its fields',
  who: 'Viewer',
  params: z.object({ name: z.string().min(1).max(200) }),
  answers: { 200: { description: 'The segment', schema: SegmentDescription } },
});

export const registerSegments = (
  { route }: Router,
  { source }: { source: Pick<SegmentSource, 'listSegments' | 'describeSegment'> },
): void => {
  route(listSegments).to(async ({ signal }) => ({ status: 200, body: { value: [...(await source.listSegments({ signal }))] } }));
  route(getSegment).to(async ({ params: { name }, signal }) => {
    const description = await source.describeSegment(name, { signal });
    return { status: 200, body: { ...description, fields: [...description.fields] } };
  });
};
