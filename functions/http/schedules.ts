import { z } from 'zod';
import { changesOf } from '../../shared/activity/changes';
import { Export } from '../../shared/exports/export';
import { SavedExport } from '../../shared/exports/exports';
import type { SegmentExports } from '../../shared/exports/exports';
import { defineRoute, listOf } from '../../shared/http/route';
import { ExportId } from '../../shared/ids';
import { NextRuns, NextRunsRequest } from '../../shared/schedules/next-runs';
import type { NextRunsOf } from '../../shared/schedules/next-runs';
import { RunAllAnswer } from '../../shared/schedules/run-all';
import type { RunAll } from '../../shared/schedules/run-all';
import { ExportSchedule } from '../../shared/schedules/schedule';
import { ScheduleChanged, SchedulesChange } from '../../shared/schedules/set-schedules';
import type { SetSchedules } from '../../shared/schedules/set-schedules';
import type { Router } from './register-route';

const setExportSchedule = defineRoute({
  operation: 'setExportSchedule',
  records: 'export_schedule_changed',
  method: 'PUT',
  path: 'api/exports/{id}/schedule',
  summary: 'Sets when an export runs by itself; one that is turned off is remembered. Runs nothing',
  who: 'Contributor',
  params: z.object({ id: ExportId }),
  body: ExportSchedule,
  ifMatch: 'required',
  answers: { 200: { description: 'Changed', schema: SavedExport, etag: true } },
});
const setSchedules = defineRoute({
  operation: 'setSchedules',
  records: 'export_schedule_changed',
  method: 'PUT',
  path: 'api/exports/schedules',
  summary: 'Turns the own schedules of several exports on or off, or gives all of them the same. Runs nothing',
  who: 'Contributor',
  body: SchedulesChange,
  answers: { 200: { description: 'One answer per export', schema: listOf(ScheduleChanged, 'ScheduleChangedList') } },
});
const nextRuns = defineRoute({
  operation: 'nextRuns',
  records: false,
  method: 'POST',
  path: 'api/schedules/next',
  summary: 'The next runs of an export, or of a schedule that need not be saved; stores nothing',
  who: 'Viewer',
  body: NextRunsRequest,
  refusals: [404],
  answers: { 200: { description: 'In order of time', schema: NextRuns } },
});
const runAllExports = defineRoute({
  operation: 'runAllExports',
  records: 'runs_started',
  method: 'POST',
  path: 'api/exports/run-all',
  summary: 'Runs all exports with an active schedule that you may edit; what is under way or does not run is said per export',
  who: 'Contributor',
  idempotent: true,
  answers: { 202: { description: 'They will run', schema: RunAllAnswer } },
});

/** What the activity log says of a schedule that was changed. */
const told = ({ before, after }: { before: Export; after: Export }) => ({
  exportId: after.id,
  name: after.name,
  connectionId: after.connectionId,
  ...changesOf(Export.pick({ schedule: true }), { before, after }),
});

export const registerSchedules = (
  { route }: Router,
  services: { segmentExports: SegmentExports; setSchedules: SetSchedules; nextRuns: NextRunsOf; runAll: RunAll },
): void => {
  route(setExportSchedule).to(async ({ params: { id }, body: schedule, ifMatch, caller, signal }) => {
    const { value, etag, before, after } = await services.segmentExports.update(id, { schedule }, { ifMatch, caller, signal });
    return { status: 200, body: value, etag, activity: told({ before, after }) };
  });
  route(setSchedules).to(async ({ body, caller, signal }) => {
    const { answers, changed } = await services.setSchedules(body, { caller, signal });
    return { status: 200, body: { value: answers }, activity: changed.map(told) };
  });
  route(nextRuns).to(async ({ body, signal }) => ({ status: 200, body: await services.nextRuns(body, { signal }) }));
  route(runAllExports).to(async ({ caller, requestKey, signal }) => {
    const answer = await services.runAll({ caller, requestKey, signal });
    const { runningCount, value } = answer;
    // each export's own history tells of it, too; those that a queue starts are told of there
    const started = value
      .filter(({ outcome }) => outcome === 'started' || outcome === 'active')
      .map(({ exportId, name, runId, outcome }) => {
        const details = { full: false, dryRun: false, runAll: true, ...(outcome === 'active' ? { joined: true } : {}) };
        return { kind: 'run_started', exportId, name, runId, details } as const;
      });
    return { status: 202, body: answer, activity: [{ details: { runningCount, exportCount: value.length } }, ...started] };
  });
};
