import path from 'node:path';
import { app } from '@azure/functions';
import { parseEnv } from '../shared/env';
import { KLAVIYO_REVISION, retiresAt, retiresSoon } from '../shared/klaviyo/endpoints';
import { ensureStorage } from '../shared/platform/provision';
import { createServices } from '../shared/services';
import { registerHttp } from './http/register-all';
import { registerPortal } from './portal/portal';
import { registerAdvanceRun } from './queue/advance-run';
import { registerExportRequests } from './queue/export-requests';
import { registerExportStarts } from './queue/export-starts';
import { registerPoison } from './queue/poison';
import { registerTimer } from './timer/refresh';

/** Longest the app waits at its start for missing tables, queues and containers; they may come later, too. */
const PROVISION_MS = 30_000;

const services = createServices(parseEnv(process.env));

app.setup({ enableHttpStream: true }); // downloads go out as they are read

app.hook.appStart(async () => {
  if (retiresSoon(KLAVIYO_REVISION, new Date()))
    console.warn(JSON.stringify({ event: 'revision_retires_soon', revision: KLAVIYO_REVISION, retiresAt: retiresAt(KLAVIYO_REVISION) }));
  try {
    await ensureStorage(services, { signal: services.lifetime.signal({ deadlineMs: PROVISION_MS }) });
  } catch (error) {
    // Not fatal: on Azure everything exists already, and each call says itself what it misses.
    console.error(JSON.stringify({ event: 'storage_not_ensured', code: (error as { code?: string }).code ?? 'unknown' }));
  }
});
app.hook.appTerminate(() => services.lifetime.end());

registerHttp(app, services);
registerPortal(app, path.join(__dirname, 'portal', 'app'));
registerTimer(app, services);
registerAdvanceRun(app, services);
registerExportRequests(app, services);
registerExportStarts(app, services);
registerPoison(app, services);
