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
import { watchInvocations } from './watch-invocations';

/** Longest the app waits at its start for missing tables, queues and containers; they may come later, too. */
const PROVISION_MS = 30_000;

const services = createServices(parseEnv(process.env));
const { log, telemetry } = services;

// The exporter would report its own use to Microsoft, beside what it sends to the customer's own Application Insights.
process.env.APPLICATION_INSIGHTS_NO_STATSBEAT ??= 'true';
process.env.APPLICATIONINSIGHTS_SDKSTATS_DISABLED ??= 'true';

app.setup({
  enableHttpStream: true, // downloads go out as they are read
  ...(telemetry.isOn ? { capabilities: { WorkerOpenTelemetryEnabled: true } } : {}),
});
watchInvocations(app, telemetry);

app.hook.appStart(async () => {
  telemetry.start();
  if (retiresSoon(KLAVIYO_REVISION, new Date()))
    log('revision_retires_soon', { revision: KLAVIYO_REVISION, retiresAt: retiresAt(KLAVIYO_REVISION) });
  try {
    await ensureStorage(services, { signal: services.lifetime.signal({ deadlineMs: PROVISION_MS }) });
  } catch (error) {
    // Not fatal: on Azure everything exists already, and each call says itself what it misses.
    log('storage_not_ensured', { code: (error as { code?: string }).code ?? 'unknown' });
  }
});
app.hook.appTerminate(async () => {
  services.lifetime.end();
  await telemetry.end();
});

registerHttp(app, services);
registerPortal(app, path.join(__dirname, 'portal', 'app'));
registerTimer(app, services);
registerAdvanceRun(app, services);
registerExportRequests(app, services);
registerExportStarts(app, services);
registerPoison(app, services);
