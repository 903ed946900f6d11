import { describeInBrowser } from './support/describe-in-browser';

const LIMITS = '/api/settings/limits';

describeInBrowser('other people and other pages', (stage) => {
  it('a setting that somebody else has saved meanwhile is not overwritten, also when this page has read it by then', async () => {
    const visitor = await stage().visit({ expects: [/^answer 412: PUT \/api\/settings\/limits/] });
    const { page } = visitor;
    await visitor.open('/settings?tab=limits');
    const before = await page.request.get(LIMITS);
    const limits = (await before.json()) as Record<string, number>;
    const field = page.getByRole('spinbutton', { name: 'Days that runs are kept' });
    await field.fill('123');

    const theirs = await page.request.put(LIMITS, { data: { ...limits, runDays: 120 }, headers: { 'if-match': before.headers().etag! } });
    expect(theirs.status()).toBe(200);
    // as after a sign-in that was renewed: everything is read anew
    const read = page.waitForResponse((response) => response.url().endsWith(LIMITS) && response.request().method() === 'GET');
    await page.evaluate("new BroadcastChannel('portal-signed-in').postMessage('signed-in')");
    await read;
    await visitor.settle();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('alert').waitFor();
    const after = await page.request.get(LIMITS);
    expect(((await after.json()) as Record<string, number>).runDays).toBe(120);
    await page.request.put(LIMITS, { data: limits, headers: { 'if-match': after.headers().etag! } });
  });

  it('a next page that cannot be read is said, and not asked for again and again', async () => {
    const { visit, world } = stage();
    const { page } = await visit({ expects: [/^answer 500: GET \/api\/runs/] });
    const run: unknown = await (await page.request.get(`/api/runs/${world.runs.successful}`)).json();
    let asked = 0;
    await page.route('**/api/runs?*', (route) => {
      if (!route.request().url().includes('token=')) return route.fulfill({ json: { value: [run], nextLink: '/api/runs?token=next' } });
      asked += 1;
      return route.fulfill({ status: 500, json: {} });
    });
    await page.goto('/portal/runs');
    await page.getByRole('alert').waitFor();
    await page.waitForTimeout(1_000);
    expect(asked).toBe(1);
  });

  it('what the roles say of a connection leads to it', async () => {
    const visitor = await stage().visit();
    const { page } = visitor;
    await visitor.open('/access');
    await page.getByRole('link', { name: 'Klaviyo sandbox' }).click();
    await page.getByRole('heading', { level: 1, name: 'Klaviyo sandbox', exact: true }).waitFor();
  });

  it('on a narrow screen, where a table has no header, it is sorted and chosen from all the same', async () => {
    const visitor = await stage().visit({ width: 320, height: 640 });
    const { page } = visitor;
    await visitor.open('/connections');
    await page.getByRole('combobox', { name: 'Sort by' }).selectOption({ label: 'Created' });
    await page.getByRole('button', { name: /^Ascending/ }).click();
    expect(new URL(page.url()).search).toBe('?sort=createdAt&order=desc');
    await visitor.open('/exports');
    await page.getByRole('checkbox', { name: 'Select all' }).check();
    await page.getByRole('toolbar').waitFor();
  });
});
