import path from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { describeInBrowser } from './describe-in-browser';
import type { PageUnderTest } from './pages';
import { focusedMark, forgetFocus, marksLeft, markTabStops, overflow } from './in-page';

const folder = path.resolve(__dirname, '../../../.local/screenshots');
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const languages = ['en', 'fr'] as const;
const themes = ['light', 'dark'] as const;
/** 320 is what is left of 1,280 when a page is enlarged to 400 %. */
const WIDE = { width: 1_280, height: 800 };
const NARROW = { width: 390, height: 844 };
const ENLARGED = { width: 320, height: 256 };

/** What axe finds, shortly: the rule and where. */
const seriousIn = async (page: Page): Promise<string[]> => {
  // Fluent's own stops at the edges of a group, which hand the focus on at once: nobody ever stands on them
  const { violations } = await new AxeBuilder({ page }).withTags(WCAG).exclude('[data-tabster-dummy]').analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary?.split('\n').slice(1).join(' ')}`),
    );
};

/** Keys that stand where a text should: the messages' own blocks, a dot, a name. */
const keysIn = (text: string, blocks: readonly string[]): string[] =>
  text.match(new RegExp(`\\b(?:${blocks.join('|')})\\.[a-z]\\w+`, 'g')) ?? [];
const blocks = [
  'common',
  'shell',
  'problems',
  'status',
  'exports',
  'runs',
  'exportEditor',
  'exportDetail',
  'runDetail',
  'connections',
  'settings',
  'notifications',
  'access',
];

/**
 * What holds for every page, in both languages and themes, wide, narrow and enlarged to 400 %: it loads without a word on the console, axe
 * finds nothing serious, nothing sticks out to the side, no text is missing, and the Tab key reaches all. Leaves its screenshots in
 * `.local/screenshots`, named page-theme-language-width.
 */
export const sweep = (pages: readonly PageUnderTest[]): void =>
  describeInBrowser('the page', (stage) => {
    describe.each(pages)('$name', ({ name, path: pathOf }) => {
      it.each(languages)('in %s is whole in both themes, wide, narrow and enlarged', async (language) => {
        const { world, visit } = stage();
        const visitor = await visit({ language });
        const { page } = visitor;
        await visitor.open(pathOf(world));
        const found: Record<string, unknown> = {};
        for (const theme of themes) {
          await page.emulateMedia({ colorScheme: theme });
          for (const size of [WIDE, NARROW]) {
            await page.setViewportSize(size);
            await visitor.settle();
            await page.screenshot({ path: path.join(folder, `${name}-${theme}-${language}-${size.width}.png`), fullPage: true });
            if (size === NARROW) Object.assign(found, { [`overflow at ${size.width}`]: await page.evaluate(overflow) });
          }
          await page.setViewportSize(WIDE);
          if (language === 'en') found[`axe in ${theme}`] = await seriousIn(page);
        }
        await page.setViewportSize(ENLARGED);
        found['overflow at 320'] = await page.evaluate(overflow);
        found['h1'] = await page.locator('h1').count();
        found['lang'] = await page.locator('html').getAttribute('lang');
        found['keys'] = keysIn(await page.locator('body').innerText(), blocks);
        expect(found).toEqual({
          ...{ 'overflow at 390': [], 'overflow at 320': [], keys: [] },
          ...(language === 'en' ? { 'axe in light': [], 'axe in dark': [] } : {}),
          ...{ h1: 1, lang: language },
        });
      });

      it('can be walked through with the Tab key alone', async () => {
        const { world, visit } = stage();
        const visitor = await visit();
        await visitor.open(pathOf(world));
        const { page } = visitor;
        const wanted = await page.evaluate(markTabStops);
        await page.evaluate(forgetFocus);
        const reached = new Set<string | undefined>();
        // a date takes more presses than one, and rows come as one goes down
        for (let press = 0; press < 2 * wanted.length + 20 && wanted.some((one) => !reached.has(one)); press += 1) {
          await page.keyboard.press('Tab');
          reached.add(await page.evaluate(focusedMark));
        }
        // what has been drawn anew meanwhile is another element
        expect((await page.evaluate(marksLeft)).filter((one) => !reached.has(one))).toEqual([]);
      });
    });
  });
