import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import type { Locator, Page } from 'playwright-core';
import { describeInBrowser } from './support/describe-in-browser';
import { isFocused, isOneFocused } from './support/in-page';
import { createHands } from './support/world';

const RUN_MS = 60_000;

/** How somebody works the page: both come by the same way, in the words that they read. */
interface Hand {
  press(target: Locator): Promise<void>;
  choose(target: Locator): Promise<void>;
  type(target: Locator, text: string): Promise<void>;
}

const mouse: Hand = {
  press: (target) => target.click(),
  choose: (target) => target.check(),
  type: (target, text) => target.fill(text),
};

/** Tab until it has the focus: what cannot be reached so is not there for whoever has no mouse. */
const tabTo = async (page: Page, target: Locator): Promise<void> => {
  await target.first().waitFor();
  for (let press = 0; press < 250; press += 1) {
    if (await target.first().evaluate(isFocused)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`The Tab key does not come to ${String(target)}`);
};

const keyboard = (page: Page): Hand => ({
  press: async (target) => {
    await tabTo(page, target);
    await page.keyboard.press('Enter');
  },
  choose: async (target) => {
    // of radio buttons only one is a stop; arrows move on from there
    if ((await target.getAttribute('type')) === 'radio') {
      const name = await target.getAttribute('name');
      const group = page.locator(`input[name="${name}"]`);
      for (let press = 0; press < 250; press += 1) {
        if (await group.evaluateAll(isOneFocused)) break;
        await page.keyboard.press('Tab');
      }
      if ((await group.count()) > 0 && !(await target.isChecked())) await page.keyboard.press('Space');
      for (let press = 0; press < (await group.count()) && !(await target.isChecked()); press += 1) await page.keyboard.press('ArrowDown');
      if (!(await target.isChecked())) throw new Error(`The arrow keys do not come to ${String(target)}`);
      return;
    }
    await tabTo(page, target);
    await page.keyboard.press('Space');
  },
  type: async (target, text) => {
    await tabTo(page, target);
    await page.keyboard.type(text);
  },
});

/** A native list of choices: its first letters choose, by mouse as well as by key. */
const select = async (page: Page, by: 'mouse' | 'keyboard', target: Locator, label: string): Promise<void> => {
  if (by === 'mouse') {
    const option = target.getByRole('option', { name: label });
    return void (await target.selectOption(await option.innerText()));
  }
  await tabTo(page, target);
  await page.keyboard.type(label);
};

describeInBrowser('a newcomer', (stage) => {
  it.each(['mouse', 'keyboard'] as const)(
    'connects, makes an export, tries it, runs it and sees what became of each row, by %s',
    async (by) => {
      const { visit, api, klaviyo } = stage();
      const hands = createHands({ recorded: () => ({ api, klaviyo }) });
      // a name is free once only, and whoever writes tests runs them again in the same cloud
      const connectionName = `Klaviyo by ${by} ${Date.now() % 100_000}`;
      const list = `Readers by ${by}`;
      const listId = by === 'mouse' ? 'RDMOUS' : 'RDKEYS';
      await hands.sandbox('POST', '/accounts', { id: 'SANDBX', lists: [{ id: listId, name: list }] });
      const visitor = await visit();
      const { page } = visitor;
      const { press, choose, type } = by === 'mouse' ? mouse : keyboard(page);
      const button = (name: string | RegExp) => page.getByRole('button', { name, exact: true });

      await visitor.open('/connections');
      await press(button('New connection'));
      await type(page.getByRole('textbox', { name: 'Name' }), connectionName);
      await type(page.getByLabel('Private API key'), 'pk_sandbox_full');
      expect(await button('Connect').isDisabled()).toBe(true);
      await choose(page.getByRole('checkbox', { name: /I agree/ }));
      await press(button('Connect'));
      await page.getByText(`${connectionName} is connected`).waitFor();
      expect(await page.getByRole('list', { name: 'What was checked' }).getByRole('img', { name: 'Not all right' }).count()).toBe(0);

      await press(page.getByRole('link', { name: 'Make an export with it' }).or(button('Make an export with it')));
      await page.getByRole('heading', { level: 1, name: 'New export' }).waitFor();
      await type(page.getByRole('textbox', { name: 'Name' }), `Export by ${by}`);
      const connection = page.getByRole('combobox', { name: 'Connection' });
      if ((await connection.inputValue()) === '') await select(page, by, connection, connectionName);
      await type(page.getByRole('searchbox', { name: 'Search lists by name or id' }), list);
      await choose(page.getByRole('radio', { name: new RegExp(list) }));
      await press(button('Next'));
      await choose(page.getByRole('checkbox', { name: 'Select VipCustomers' }));
      await press(button('Next'));
      await page.getByRole('heading', { level: 2, name: 'Mapping' }).waitFor();
      await press(button('Next'));
      await choose(page.getByRole('radio', { name: 'Only when somebody starts it' }));
      await press(button('Save and dry run'));

      await page.getByRole('heading', { level: 1, name: 'Dry run 1' }).waitFor({ timeout: RUN_MS });
      await page.getByText('Nothing was sent.').waitFor({ timeout: RUN_MS });
      await page.getByText('A real run would send 776 new people').waitFor();
      // Klaviyo refuses some rows of the run that comes
      await hands.sandbox('POST', '/faults', {
        endpoint: 'POST /api/profile-bulk-import-jobs',
        account: 'SANDBX',
        fault: { kind: 'row_errors', probability: 0.05, seed: 3 },
      });
      await press(button('Run now'));
      await press(page.getByRole('alertdialog', { name: 'Run this export now' }).getByRole('button', { name: 'Run now' }));
      await page.getByRole('heading', { level: 1, name: 'Run 2' }).waitFor();
      await page
        .getByText(/The run has ended|Successful/)
        .first()
        .waitFor({ timeout: RUN_MS });
      await page.getByText('On the list is not the same as subscribed').first().waitFor({ timeout: RUN_MS });

      const { value } = (await hands.call('GET', '/runs?size=50')).json as unknown as {
        value: { id: string; number: number; exportName?: string; counts: Record<string, number> }[];
      };
      const run = value.find(({ id }) => page.url().includes(id))!;
      await page.getByText(`${run.counts['read']} read = 8 invalid + 16 duplicates`).waitFor();
      await page.getByText(`776 sent = ${run.counts['accepted']} accepted + ${run.counts['rejected']} rejected + 0 open`).waitFor();
      expect(run.counts['rejected']).toBeGreaterThan(0);

      const tab = page.getByRole('tab', { name: `Rejected (${run.counts['rejected']})` });
      if (by === 'mouse') await tab.click();
      else {
        await tabTo(page, page.getByRole('tab', { selected: true, name: /Invalid|Rejected/ }));
        for (let press_ = 0; press_ < 4 && !(await tab.evaluate(isFocused)); press_ += 1) await page.keyboard.press('ArrowRight');
        await page.keyboard.press('Enter');
      }
      const [download] = await Promise.all([page.waitForEvent('download'), press(page.getByRole('button', { name: /^Download/ }))]);
      const rows = parse(readFileSync(await download.path(), 'utf8'), { columns: true, bom: true });
      expect(rows).toHaveLength(run.counts['rejected']!);
      expect(Object.values(rows[0]!).join(' ')).toMatch(/\S+@\S+/);
    },
    200_000,
  );
});
