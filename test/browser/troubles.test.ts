import type { Page, Route } from 'playwright-core';
import { describeInBrowser } from './support/describe-in-browser';

/** What a page does while the app is away, refuses, is slow, or no longer knows who is there. */
const API = '**/api/**';
/** As the reports of the browser name it. */
const AWAY = [/^request failed: \w+ \S+\/api\/\S+ net::ERR_CONNECTION_REFUSED/];
const away = (route: Route): Promise<void> => route.abort('connectionrefused');

const REFERENCE = '0b7e4f7a-6b7c-4a58-9f0e-3b6a5d2c1e4f';
/** An answer of the API as it gives it when something is wrong. */
const refusal = (status: number, code: string) => (route: Route) =>
  route.fulfill({
    status,
    contentType: 'application/problem+json',
    body: JSON.stringify({ type: 'about:blank', title: 'Trouble', status, code, detail: 'It did not work.', instance: REFERENCE }),
  });

const connectionLink = (page: Page) => page.getByRole('table').getByRole('link', { name: /^Klaviyo sandbox/ });

/** Every answer of the API comes so much later. */
const slow = (page: Page, ms: number) =>
  page.route(API, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    await route.continue().catch(() => undefined); // the page may be gone by then
  });

describeInBrowser('trouble', (stage) => {
  const visit = (expects: readonly RegExp[] = []) => stage().visit({ expects });

  describe('the app is away', () => {
    it('when the portal opens: it says so, and is there by itself when the app is back', async () => {
      const { page } = await visit(AWAY);
      await page.route(API, away);
      await page.goto('/portal/connections');
      await page.getByRole('alert').getByText('cannot be reached').waitFor();
      await page.unroute(API);
      await connectionLink(page).waitFor();
      expect(await page.getByRole('alert').count()).toBe(0);
    });

    it('when another page is opened: the frame stays, "Try again" asks at once', async () => {
      const { page, open, settle } = await visit(AWAY);
      // the home page reads the connections, too: they would still be at hand
      await open('/settings');
      await page.route(API, away);
      await page.getByRole('link', { name: 'Connections' }).click();
      const alert = page.getByRole('alert');
      await alert.getByText('cannot be reached').waitFor();
      expect(await page.getByRole('navigation').getByRole('link').count()).toBeGreaterThan(3);
      await page.unroute(API);
      await alert.getByRole('button', { name: 'Try again' }).click();
      await connectionLink(page).waitFor();
      await settle();
      expect(await alert.count()).toBe(0);
    });
  });

  it('the API refuses: there is a reference to copy, and it is asked again by whoever wants to', async () => {
    const address = '**/api/connections*';
    const { page, context } = await visit([/^answer 500: GET \/api\/connections/]);
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    let asked = 0;
    await page.route(address, (route) => {
      asked += 1;
      return refusal(500, 'internal')(route);
    });
    await page.goto('/portal/connections');
    const alert = page.getByRole('alert');
    await alert.getByText(REFERENCE).waitFor();
    await alert.getByRole('button', { name: 'Copy the reference' }).click();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(REFERENCE);
    expect(asked).toBe(1);
    await page.unroute(address);
    await alert.getByRole('button', { name: 'Try again' }).click();
    await connectionLink(page).waitFor();
  });

  it('the sign-in expires in the middle of a form: what was typed stays, and is sent after a sign-in in a window of its own', async () => {
    const visitor = await visit([/^answer 401: \w+ \/api\//, /^answer 4\d\d: POST \/api\/connections/]);
    const { page } = visitor;
    await visitor.open('/connections/new');
    const name = page.getByRole('textbox', { name: 'Name' });
    const key = page.getByLabel('Private API key');
    await name.fill('Typed before the sign-in expired');
    await key.fill('pk_sandbox_nobody');
    await page.getByRole('checkbox').check();

    await visitor.become('Anonymous');
    await page.getByRole('button', { name: 'Connect' }).click();
    const dialog = page.getByRole('alertdialog');
    await dialog.getByText('Your sign-in has expired').waitFor();
    const opened = page.waitForEvent('popup');
    await dialog.getByRole('button', { name: 'Sign in', exact: true }).click();
    const popup = await opened;
    if (!popup.isClosed()) await popup.waitForEvent('close');
    await dialog.waitFor({ state: 'detached' });

    expect([await name.inputValue(), await key.inputValue()]).toEqual(['Typed before the sign-in expired', 'pk_sandbox_nobody']);
    const answered = page.waitForResponse(
      (response) => response.request().method() === 'POST' && response.url().endsWith('/api/connections'),
    );
    await page.getByRole('button', { name: 'Connect' }).click();
    // the key is none of Klaviyo's: the API has looked at it, and says so
    expect((await answered).status()).toBeGreaterThan(401);
    expect(await name.inputValue()).toBe('Typed before the sign-in expired');
  });

  it('nobody is signed in yet: the page goes to the sign-in and comes back to where it was', async () => {
    const visitor = await stage().visit({ role: 'Anonymous', expects: [/^answer 401: GET \/api\//] });
    const { page } = visitor;
    await page.goto('/portal/connections?search=klaviyo');
    const dialog = page.getByRole('alertdialog');
    await dialog.getByText('Please sign in').waitFor();
    await dialog.getByRole('button', { name: 'Sign in', exact: true }).click();
    await connectionLink(page).waitFor();
    expect(new URL(page.url()).pathname + new URL(page.url()).search).toBe('/portal/connections?search=klaviyo');
  });

  describe('the network is slow', () => {
    it('something that stands for the page is there at once, and the page follows', async () => {
      const { page, settle } = await visit();
      await slow(page, 1_000);
      await page.goto('/portal/connections');
      await page.locator('[role="progressbar"], [aria-busy="true"]').first().waitFor();
      expect(await connectionLink(page).count()).toBe(0);
      await connectionLink(page).waitFor();
      await settle();
    });

    it('who clicks twice has asked once', async () => {
      const { page, open } = await visit([/^answer 409: POST \/api\/exports/]);
      await open(`/exports/${stage().world.exports.loyalty}`);
      let asked = 0;
      await page.route('**/run', async (route) => {
        asked += 1;
        await new Promise((resolve) => setTimeout(resolve, 500));
        await refusal(409, 'run_active')(route);
      });
      await page.getByRole('button', { name: 'Dry run' }).first().click();
      const dialog = page.getByRole('dialog').or(page.getByRole('alertdialog'));
      await dialog.getByRole('button', { name: 'Dry run' }).dblclick();
      await dialog.getByText(REFERENCE).waitFor();
      expect(asked).toBe(1);
    });
  });
});
