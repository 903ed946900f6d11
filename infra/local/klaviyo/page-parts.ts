import { createHash } from 'node:crypto';

/** HTML that is safe to put into a page as it stands. */
export class Html {
  constructor(readonly text: string) {}
}
const escape = (value: unknown): string => String(value).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
const show = (value: unknown): string =>
  value instanceof Html ? value.text : Array.isArray(value) ? value.map(show).join('') : escape(value ?? '');

/** Writes HTML: whatever is put in is escaped, unless it was made by this function. */
export const html = (texts: TemplateStringsArray, ...values: readonly unknown[]): Html =>
  new Html(texts.map((text, at) => text + (at < values.length ? show(values[at]) : '')).join(''));

/** A table with a caption for who hears it; its cells stand below `heads`. */
export const table = (caption: string, heads: readonly string[], rows: readonly (readonly unknown[])[]): Html =>
  rows.length === 0
    ? html`<p class="none">none</p>`
    : html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
        <table>
          <caption>
            ${caption}
          </caption>
          <thead>
            <tr>
              ${heads.map((head) => html`<th scope="col">${head}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${rows.map(
              ([first, ...cells]) =>
                html`<tr>
                  <th scope="row">${first}</th>
                  ${cells.map((cell) => html`<td>${cell}</td>`)}
                </tr>`,
            )}
          </tbody>
        </table>
      </div>`;

/** A bar of an allowance that says its number in words, too; it warns when it becomes full. */
export const bar = (label: string, used: number, limit: number): Html =>
  html`<span class="bar"
    ><meter min="0" max="${limit}" high="${limit * 0.8}" optimum="0" value="${used}" aria-label="${label}">${used}</meter> ${used} of
    ${limit}</span
  >`;

/** A bar of work that is being done: full is good. */
export const progress = (label: string, done: number, total: number): Html =>
  html`<span class="bar"><progress max="${total}" value="${done}" aria-label="${label}">${done}</progress> ${done} of ${total}</span>`;

export const STYLE = `
:root{color-scheme:light dark;--text:#1b1b1f;--back:#fff;--line:#c9c9d1;--soft:#f3f3f6;--link:#0b57a4;--bad:#a4000f;--good:#0a6b2d}
@media (prefers-color-scheme:dark){:root{--text:#ececf1;--back:#17171c;--line:#4a4a55;--soft:#22222a;--link:#8cc2ff;--bad:#ff9a9a;--good:#7ddb9b}}
body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;padding:1rem 1.5rem 3rem;max-width:80rem;color:var(--text);background:var(--back)}
h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.15rem;margin:1.6rem 0 .4rem}a{color:var(--link)}
nav{display:flex;flex-wrap:wrap;gap:.3rem 1rem}.skip{position:absolute;left:-99rem}.skip:focus{position:static}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.scroll{overflow-x:auto;position:relative}table{border-collapse:collapse;width:100%}caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{text-align:left;padding:.25rem .7rem;border-bottom:1px solid var(--line);font-weight:400;font-variant-numeric:tabular-nums;overflow-wrap:break-word;vertical-align:top}
thead th{font-weight:600;background:var(--soft)}button,input{font:inherit;color:inherit;background:var(--soft);border:1px solid var(--line);border-radius:4px;padding:.3rem .7rem}
meter,progress{width:9rem;height:.9rem;vertical-align:middle}progress{accent-color:var(--good)}.bar{white-space:nowrap}.bad{color:var(--bad)}.good{color:var(--good)}.none{opacity:.8}
code{display:inline-block;min-width:11rem;overflow-wrap:anywhere}@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}`;

/**
 * Fetches the page again every two seconds and puts in place the parts that have changed. Nothing moves while somebody selects text or has
 * the keyboard in a part; the button stops it (WCAG 2.2.2), and what was opened stays open.
 */
export const SCRIPT = `
const button = document.getElementById('pause');
let paused = false;
button.hidden = false;
button.addEventListener('click', () => {
  paused = !paused;
  button.textContent = paused ? 'Go on refreshing' : 'Stop refreshing';
  document.getElementById('said').textContent = paused ? 'The page stands still.' : 'The page is refreshed every two seconds.';
});
const refresh = async () => {
  try {
    if (paused || document.hidden) return;
    const answer = await fetch(location.href, { cache: 'no-store' });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
    document.getElementById('gone').hidden = true;
    for (const part of document.querySelectorAll('[data-live]')) {
      const next = fresh.getElementById(part.id);
      const selection = getSelection();
      const isUsed = part.contains(document.activeElement) || (!selection.isCollapsed && part.contains(selection.anchorNode));
      if (!next || isUsed || next.innerHTML === part.dataset.seen) continue;
      part.dataset.seen = next.innerHTML;
      part.replaceChildren(...next.childNodes);
    }
  } catch {
    document.getElementById('gone').hidden = false;
  } finally {
    setTimeout(refresh, 2000);
  }
};
setTimeout(refresh, 2000);`;

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
/** The page loads nothing from anywhere else, and runs nothing but the script above. */
export const PAGE_HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': `default-src 'none'; style-src ${hashOf(STYLE)}; script-src ${hashOf(SCRIPT)}; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'X-Content-Type-Options': 'nosniff',
};
