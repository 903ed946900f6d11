import { readFileSync } from 'node:fs';
import path from 'node:path';
import { COLUMNS, roleMatrix } from '../../../functions/portal/app/pages/access/role-matrix';
import type { MatrixColumn, MatrixRow } from '../../../functions/portal/app/pages/access/role-matrix';

/** The table that the route tests hold against the running app. */
const answers = readFileSync(path.resolve(__dirname, '../../roles.md'), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const found = /^\| `(\w+)` *\| (.*?) *\| (\d+) *\| (\d+) *\| (\d+) *\|/.exec(line);
    if (!found) return [];
    const [, operation, connection, administrator, contributor, viewer] = found;
    return [{ operation, connection, Administrator: Number(administrator), Contributor: Number(contributor), Viewer: Number(viewer) }];
  });
/** A conflict is no refusal of the role: the run had ended. */
const isAllowed = (status: number): boolean => status < 400 || status === 409;

const connectionsOf: Readonly<Record<MatrixColumn, readonly string[]>> = {
  Administrator: ['shared', 'not shared', '–'],
  shared: ['shared', '–'],
  notShared: ['not shared', '–'],
  Viewer: ['shared', 'not shared', '–'],
};

it('reads the table', () => expect(answers.length).toBeGreaterThan(80));

describe.each(roleMatrix.map((row): [string, MatrixRow] => [row.id, row]))(
  'the line %s of the roles',
  (_, { operations, allowed, detached }) => {
    it.each(COLUMNS)('says of %s what the API does', (column) => {
      for (const operation of operations) {
        const rows = answers.filter(
          (one) =>
            one.operation === operation && (detached ? one.connection === 'detached' : connectionsOf[column].includes(one.connection!)),
        );
        expect(rows).not.toEqual([]);
        const role = column === 'Administrator' || column === 'Viewer' ? column : 'Contributor';
        for (const row of rows) expect({ ...row, allowed: isAllowed(row[role]) }).toEqual({ ...row, allowed: allowed[column] });
      }
    });
  },
);
