import type { Page } from 'playwright-core';
import { describeInBrowser } from './support/describe-in-browser';

const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name, exact: true });
const menu = (page: Page) => page.getByRole('navigation', { name: 'Main menu' });

describeInBrowser('everywhere in the portal', (stage) => {
  it('language and appearance are chosen in the bar, and remembered', async () => {
    const visitor = await stage().visit();
    const { page } = visitor;
    await visitor.open('/runs');
    const background = () => page.evaluate('getComputedStyle(document.querySelector("main").parentElement.parentElement).backgroundColor');
    const light = await background();
    await page.getByRole('button', { name: 'Language and appearance' }).click();
    await page.getByRole('menuitemradio', { name: 'français' }).click();
    await heading(page, 'Exécutions').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Langue et apparence' }).click();
    await page.getByRole('menuitemradio', { name: 'Sombre' }).click();
    await page.reload();
    await heading(page, 'Exécutions').waitFor();
    expect(await page.locator('html').getAttribute('lang')).toBe('fr');
    expect(await background()).not.toBe(light);
  });

  it('pages have addresses: the menu, the back button and a deep link lead to them', async () => {
    const { visit, world } = stage();
    const visitor = await visit();
    const { page } = visitor;
    await visitor.open('/exports');
    await menu(page).getByRole('link', { name: 'Runs' }).click();
    await heading(page, 'Runs').waitFor();
    await menu(page).getByRole('link', { name: 'Settings' }).click();
    await heading(page, 'Settings').waitFor();
    await page.goBack();
    await heading(page, 'Runs').waitFor();
    await page.goBack();
    await heading(page, 'Exports').waitFor();
    await page.goForward();
    await heading(page, 'Runs').waitFor();
    await visitor.open(`/exports/${world.exports.mirror}`);
    await heading(page, 'Win back lapsed buyers').waitFor();
    await page.goBack();
    await heading(page, 'Runs').waitFor();
  });

  it('a viewer is offered what a viewer may do', async () => {
    const { visit, world } = stage();
    const visitor = await visit({ role: 'Viewer' });
    const { page } = visitor;
    await visitor.open('/exports');
    expect(await menu(page).getByRole('link').allInnerTexts()).toEqual(['Exports', 'Runs', 'Settings']);
    await visitor.open(`/exports/${world.exports.loyalty}`);
    await heading(page, 'Loyalty programme').waitFor();
    for (const name of ['Run', 'Dry run', 'Edit', 'Pause', 'More actions'])
      expect([name, await page.getByRole('button', { name, exact: true }).count()]).toEqual([name, 0]);
    await visitor.open(`/runs/${world.runs.held}`);
    expect(await page.getByRole('button', { name: /Approve|Dismiss|Download|Cancel/ }).count()).toBe(0);
    for (const closed of ['/connections', '/access', '/exports/new']) {
      await visitor.open(closed);
      await heading(page, 'This page is not for your role').waitFor();
    }
  });

  it('a contributor may do everything with what is shared, and look at the rest', async () => {
    const { visit, world } = stage();
    const visitor = await visit({ role: 'Contributor' });
    const { page } = visitor;
    await visitor.open(`/exports/${world.exports.loyalty}`);
    await page.getByRole('button', { name: 'Dry run', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Edit', exact: true }).waitFor();
    await visitor.open(`/exports/${world.exports.fresh}`);
    await heading(page, 'Newsletter France').waitFor();
    for (const name of ['Run', 'Dry run', 'Edit', 'Pause'])
      expect([name, await page.getByRole('button', { name, exact: true }).count()]).toEqual([name, 0]);
    await visitor.open('/connections');
    const table = page.getByRole('table', { name: 'Connections' });
    expect(await table.getByRole('columnheader').allInnerTexts()).toEqual(['Name', 'Type']);
    await table.getByRole('cell', { name: 'Klaviyo sandbox' }).waitFor();
    expect(await table.getByRole('row').count()).toBe(2);
    expect(await page.getByRole('button', { name: 'New connection' }).count()).toBe(0);
  });

  it('whoever has no role is told whom to ask', async () => {
    const { page } = await stage().visit({ role: 'None', expects: [/answer 403: GET \/api\//] });
    await page.goto('/portal/exports');
    await heading(page, 'You have no role in this app').waitFor();
  });
});
