import { BODY_KINDS } from '../../../shared/klaviyo/answers';
import type { BodyKind } from '../../../shared/klaviyo/answers';
import type { EndpointName } from '../../../shared/klaviyo/endpoints';

/**
 * What each status means with each kind of body, written from klaviyo.md §2 and §3 (rows 6, 8, 14) and not from the code. Columns as in
 * BODY_KINDS: errors, json, page, empty, broken, oversized, encoded.
 */
const GRID = `
none | retry no_answer        | =                   | =                  | =                  | =                  | =                  | =
200  | final answer_unexpected| ok                  | retry unreadable   | =                  | =                  | =                  | =
201  | final answer_unexpected| ok                  | retry unreadable   | =                  | =                  | =                  | =
202  | final answer_unexpected| ok                  | retry unreadable   | =                  | =                  | =                  | =
204  | final answer_unexpected| ok                  | retry unreadable   | =                  | =                  | =                  | =
299  | final answer_unexpected| ok                  | retry unreadable   | =                  | =                  | =                  | =
301  | final unexpected       | =                   | =                  | =                  | =                  | =                  | =
307  | final unexpected       | =                   | =                  | =                  | =                  | =                  | =
400  | final invalid          | =                   | retry edge_refused | =                  | =                  | =                  | =
401  | final key_refused      | =                   | retry edge_refused | =                  | =                  | =                  | =
402  | final unexpected       | =                   | =                  | =                  | =                  | =                  | =
403  | final scope_missing    | =                   | retry edge_refused | =                  | =                  | =                  | =
404  | final not_found        | =                   | retry edge_refused | =                  | =                  | =                  | =
405  | final unexpected       | =                   | =                  | =                  | =                  | =                  | =
408  | retry timeout          | =                   | =                  | =                  | =                  | =                  | =
409  | final conflict         | =                   | =                  | =                  | =                  | =                  | =
410  | final revision_retired | =                   | =                  | =                  | =                  | =                  | =
413  | final too_large        | =                   | =                  | =                  | =                  | =                  | =
415  | final encoding_refused | =                   | =                  | =                  | =                  | =                  | =
418  | final unexpected       | =                   | =                  | =                  | =                  | =                  | =
422  | final unexpected       | =                   | =                  | =                  | =                  | =                  | =
429  | retry throttled        | =                   | =                  | =                  | =                  | =                  | =
499  | final unexpected       | =                   | =                  | =                  | =                  | =                  | =
500  | retry unavailable      | =                   | =                  | =                  | =                  | =                  | =
502  | retry unavailable      | =                   | =                  | =                  | =                  | =                  | =
503  | retry unavailable      | =                   | =                  | =                  | =                  | =                  | =
504  | retry unavailable      | =                   | =                  | =                  | =                  | =                  | =
520  | retry unavailable      | =                   | =                  | =                  | =                  | =                  | =
524  | retry unavailable      | =                   | =                  | =                  | =                  | =                  | =
599  | retry unavailable      | =                   | =                  | =                  | =                  | =                  | =
600  | final unexpected       | =                   | =                  | =                  | =                  | =                  | =
`;

export interface GridRow {
  readonly status: number | 'none';
  readonly cells: readonly string[];
}

/** `=` repeats the cell to its left. */
export const answerGrid: readonly GridRow[] = GRID.trim()
  .split('\n')
  .map((line) => {
    const [status, ...cells] = line.split('|').map((cell) => cell.trim());
    let last = '';
    return { status: status === 'none' ? 'none' : Number(status), cells: cells.map((cell) => (last = cell === '=' ? last : cell)) };
  });

/** What the call of an endpoint is told; taking people off a list is the one call that is answered with nothing. */
export const expectedOf = (status: number | 'none', name: EndpointName, kind: BodyKind): string =>
  typeof status === 'number' && status >= 200 && status <= 299 && kind === 'empty' && name === 'listMembersRemove'
    ? 'ok'
    : answerGrid.find((row) => row.status === status)!.cells[BODY_KINDS.indexOf(kind)]!;
