import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query';
import type { SegmentOverlap } from '../../../../shared/figures/figures';
import type { SegmentFigures } from '../../../../shared/figures/segment-figures';
import type { SegmentDescription, SegmentInfo, SegmentSource } from '../../../../shared/segments/segment-source';
import { get, request } from './client';

/** A segment as lists show it; its figures where somebody has counted it since its last refresh. */
export type ListedSegment = SegmentInfo & { readonly figures?: SegmentFigures };

export const segmentKeys = {
  all: ['segments'] as const,
  list: ['segments', 'list'] as const,
  one: (name: string) => ['segments', 'one', name] as const,
};

interface SegmentList {
  readonly value: readonly ListedSegment[];
  /** where they are read from */
  readonly source: Pick<SegmentSource, 'kind' | 'location'>;
}

const segmentList = {
  queryKey: segmentKeys.list,
  staleTime: 30_000,
  queryFn: ({ signal }: { signal: AbortSignal }) => get<SegmentList>('/segments', { signal }),
};

/** All segments, and where they come from. */
export const useSegmentSource = () => useQuery(segmentList);

const valueOf = ({ value }: SegmentList) => value;

export const useSegments = () => useQuery({ ...segmentList, select: valueOf });

/** One segment with its fields. */
export const segmentQuery = (name: string) => ({
  queryKey: segmentKeys.one(name),
  staleTime: 5 * 60_000,
  queryFn: ({ signal }: { signal: AbortSignal }) => get<SegmentDescription>(`/segments/${encodeURIComponent(name)}`, { signal }),
});

/** Several segments with their fields, in the order asked; undefined while one is not there. */
export const useSegmentDescriptions = (names: readonly string[]) =>
  useQueries({
    queries: names.map(segmentQuery),
    combine: (results) => ({
      known: results.flatMap(({ data }) => (data === undefined ? [] : [data])),
      pending: results.some(({ isPending }) => isPending),
      error: results.find(({ error }) => error !== null)?.error,
    }),
  });

/** Counts a segment, where nobody has since its refresh. @throws ApiError field_unknown, snapshot_incomplete, count_too_slow */
export const countSegment = (name: string, email: string) => get(`/segments/${encodeURIComponent(name)}`, { query: { email } });

/** What segments have in common and bring together; they are counted for it where they have not been. */
export const useOverlap = (segments: readonly string[], email: string) =>
  useQuery({
    queryKey: ['segments', 'overlap', segments, email],
    enabled: segments.length > 0 && segments.length <= 50 && email !== '',
    staleTime: 60_000,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => (await request<SegmentOverlap>('POST', '/segments/overlap', { body: { segments, email }, signal })).body,
  });
