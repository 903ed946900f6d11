import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { LocalRole } from '../../infra/local/auth/app-service-authentication';

export interface RoleRow {
  readonly operation: string;
  /** of the export, run or connection that is asked for; – where there is none */
  readonly kind: string;
  readonly expected: Readonly<Record<LocalRole, number>>;
}

const ROW = /^\| `(\w+)`\s*\| ([^|]+?)\s*\| (\d+)\s*\| (\d+)\s*\| (\d+)\s*\| (\d+)\s*\| (\d+)\s*\|$/;

/** The table of `test/roles.md`. @throws Error naming a row that cannot be read, so that none is passed over */
export const readRoleTable = (): readonly RoleRow[] =>
  readFileSync(path.resolve(__dirname, '../roles.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [, operation, kind, ...statuses] = ROW.exec(line) ?? [];
      if (operation === undefined || kind === undefined) throw new Error(`roles.md has a row that is none: ${line}`);
      const [Administrator, Contributor, Viewer, None, Anonymous] = statuses.map(Number);
      return {
        operation,
        kind,
        expected: { Administrator: Administrator!, Contributor: Contributor!, Viewer: Viewer!, None: None!, Anonymous: Anonymous! },
      };
    });
