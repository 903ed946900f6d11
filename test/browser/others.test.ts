import { describeInBrowser } from './support/describe-in-browser';

const LIMITS = '/api/settings/limits';

describeInBrowser('other people and other pages', (stage) => {
  it('a setting that somebody else has saved meanwhile is not overwritten, and what was typed is not lost', async () => {
    const visitor = await stage().visit({ expects: [/^answer 412: PUT \/api\/settings\/limits/] });
    const { page } = visitor;
    await visitor.open('/settings?tab=limits');
    const before = await page.request.get(LIMITS);
    const limits = (await before.json()) as Record<string, number>;
    const field = (name: string) => page.getByRole('spinbutton', { name });
    const save = page.getByRole('button', { name: 'Save' });
    const saved = async () => (await (await page.request.get(LIMITS)).json()) as Record<string, number>;
    const saveAsTheyDo = async (change: object) => {
      const { etag } = (await page.request.get(LIMITS)).headers();
      const data = { ...(await saved()), ...change };
      expect((await page.request.put(LIMITS, { data, headers: { 'if-match': etag! } })).status()).toBe(200);
    };

    // they change something else: it is taken over, and said, and what was typed is saved beside it
    await field('Days that runs are kept').fill('123');
    await saveAsTheyDo({ reportDays: 31 });
    await save.click();
    await page.getByText('Days that row reports are kept: 31, as they have saved.').waitFor();
    expect(await field('Days that row reports are kept').inputValue()).toBe('31');
    expect((await saved()).runDays).toBe(limits.runDays);
    await save.click();
    await page.getByText('Saved. Nothing runs because of it.').first().waitFor();
    expect(await saved()).toMatchObject({ runDays: 123, reportDays: 31 });

    // they change the same: somebody has to decide, also where this page has read theirs by itself, as after a renewed sign-in
    await field('Days that runs are kept').fill('124');
    await saveAsTheyDo({ runDays: 120 });
    await page.evaluate("new BroadcastChannel('portal-signed-in').postMessage('signed-in')");
    await page.getByRole('alert').getByText('Days that runs are kept: 120 is theirs, 124 is yours.').waitFor();
    expect([await field('Days that runs are kept').inputValue(), await save.isDisabled()]).toEqual(['124', true]);
    await page.getByRole('button', { name: 'Take theirs' }).click();
    expect(await field('Days that runs are kept').inputValue()).toBe('120');
    expect((await saved()).runDays).toBe(120);
    await saveAsTheyDo(limits);
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
