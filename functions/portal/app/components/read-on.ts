import { useCallback } from 'react';

interface Pages {
  readonly hasNextPage: boolean;
  readonly isFetching: boolean;
  readonly isError: boolean;
  readonly fetchNextPage: () => Promise<unknown>;
}

/**
 * Reads the next page of a list, for `onEnd` of a table. A page that could not be read is not asked for again by itself, which would be
 * without end: the message about it offers to, and the list's own polling goes on.
 */
export const useReadOn = ({ hasNextPage, isFetching, isError, fetchNextPage }: Pages): (() => void) =>
  useCallback(() => {
    if (hasNextPage && !isFetching && !isError) void fetchNextPage();
  }, [hasNextPage, isFetching, isError, fetchNextPage]);
