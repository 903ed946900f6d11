import path from 'node:path';
import { spawnFunctionHost } from '../../infra/local/function-host/spawn';
import { startApi } from '../support/api';
import type { Api } from '../support/api';
import { describeWhere } from '../support/skip';
import { seedTables } from '../support/seeded-tables';
import { chromiumPath, NO_CHROMIUM } from './support/chromium';
import { openBrowser } from './support/visitors';

const EXPORTS = 1_000;
const RUNS_OF_ONE = 200;
/** The table draws what is in sight and a little above and below it. */
const MOST_DRAWN = 80;

/** On stores of its own, as nobody else wants to look for their exports among a thousand. */
describeWhere(chromiumPath !== undefined, NO_CHROMIUM)('a thousand exports', () => {
  let api: Api;
  let host: ReturnType<typeof spawnFunctionHost>;
  let browser: Awaited<ReturnType<typeof openBrowser>>;
  let ofMany: string;

  beforeAll(async () => {
    api = await startApi();
    const signal = AbortSignal.timeout(120_000);
    const { json } = await api.call('POST', '/api/connections', {
      body: { displayName: 'Klaviyo', apiKey: 'pk_sandbox_full', agreed: true },
    });
    const seed = { connectionId: String(json.id) as never, documents: 0, signal };
    await seedTables(api.services, { ...seed, exports: EXPORTS - 1, runsPerExport: 1 });
    const { exportIds } = await seedTables(api.services, { ...seed, exports: 1, runsPerExport: RUNS_OF_ONE });
    ofMany = exportIds[0]!;
    host = spawnFunctionHost({ env: { ...api.hostEnv, TICK_SCHEDULE: '0 0 4 1 1 *' }, appDir: path.resolve(__dirname, '../..') });
    await host.ready;
    browser = await openBrowser(host.url);
  }, 150_000);
  afterEach(() => browser?.leaveAll());
  afterAll(async () => {
    await browser?.close();
    await host?.kill();
    await api?.close();
  }, 60_000);

  it('are scrolled through to the last one, while few rows are drawn', async () => {
    const visitor = await browser.visit();
    const { page } = visitor;
    await visitor.open('/exports');
    const table = page.getByRole('table', { name: 'Exports' });
    expect(Number(await table.getAttribute('aria-rowcount'))).toBe(EXPORTS + 1);
    const last = table.getByRole('link', { name: 'Newsletter 0998', exact: true });
    for (let turn = 0; turn < 60 && !(await last.isVisible()); turn += 1) {
      await page.keyboard.press('End');
      await visitor.settle();
      expect(await table.getByRole('row').count()).toBeLessThan(MOST_DRAWN);
    }
    await last.waitFor();
  }, 120_000);

  it('are found by name, and the address keeps what was looked for', async () => {
    const visitor = await browser.visit();
    const { page } = visitor;
    await visitor.open('/exports');
    await page.getByRole('searchbox', { name: 'Search' }).fill('newsletter 0777');
    const table = page.getByRole('table', { name: 'Exports' });
    await table.getByRole('link', { name: 'Newsletter 0777', exact: true }).waitFor();
    await page.waitForURL(/search=newsletter/);
    expect(await table.getByRole('row').count()).toBe(2);
    await page.reload();
    await table.getByRole('link', { name: 'Newsletter 0777', exact: true }).waitFor();
  });

  it('have a history of 200 runs and more, which is read on as one scrolls', async () => {
    const visitor = await browser.visit();
    const { page } = visitor;
    await visitor.open('/runs');
    const table = page.getByRole('table', { name: /runs/i });
    const rows = () => table.getByRole('row').count();
    for (let turn = 0; turn < 8; turn += 1) {
      await page.keyboard.press('End');
      await visitor.settle();
      expect(await rows()).toBeLessThan(MOST_DRAWN);
    }
    const highest = await table.getByRole('row').last().getAttribute('aria-rowindex');
    expect(Number(highest)).toBeGreaterThan(RUNS_OF_ONE);
    await visitor.open(`/exports/${ofMany}`);
    await page.getByRole('table', { name: 'Runs of this export' }).getByRole('row').nth(5).waitFor();
  }, 120_000);
});
