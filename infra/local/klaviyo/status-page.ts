import { describeState } from './control';
import type { Sandbox } from './core';
import { bar, Html, html, progress, SCRIPT, STYLE, table } from './page-parts';
import { RULES } from './rules';
import type { Account, Job, List } from './state';

const SHOWN_MEMBERS = 50;
const SHOWN_JOBS = 20;
const SHOWN_REQUESTS = 40;

const number = (value: number): string => value.toLocaleString('en-US');
const part = (id: string, title: string, body: Html): Html =>
  html`<section aria-labelledby="${id}-title">
    <h2 id="${id}-title">${title}</h2>
    <div id="${id}" data-live>${body}</div>
  </section>`;
const linkTo = (account: string, list: string, more: Record<string, string> = {}): string =>
  `/?${new URLSearchParams({ account, list, ...more }).toString()}#members`;

/** Members of one list, 50 from a position on; or the one with the address that is looked for. */
const membersOf = ({ id, profiles }: Account, { id: listId, members }: List, params: URLSearchParams): Html => {
  const from = Math.max(0, Math.floor(Number(params.get('from')) || 0));
  const wanted = params.get('email')?.trim() ?? '';
  const rows: number[] = [];
  let next = from;
  if (wanted === '') for (; next < members.length() && rows.length < SHOWN_MEMBERS; next += 1) rows.push(members.rowAt(next));
  else rows.push(profiles.byEmail(wanted));
  const shown = rows.filter((row) => row >= 0 && members.has(row));
  return html`<form action="/#members">
      <input type="hidden" name="account" value="${id}" /><input type="hidden" name="list" value="${listId}" />
      <label>E-mail address <input name="email" type="search" value="${wanted}" autocomplete="off" /></label> <button>Find</button>
    </form>
    ${table(
      `Members of ${listId}`,
      ['E-mail address', 'Profile', 'Joined', 'Consent', 'Attributes'],
      shown.map((row) => [
        profiles.emailOf(row) ?? 'none',
        profiles.idOf(row),
        new Date(members.joinedAt(row)).toISOString(),
        `${profiles.consentOf(row)}${profiles.isSuppressed(row) ? ', suppressed' : ''}`,
        html`<code>${profiles.json(row)}</code>`,
      ]),
    )}
    <p>
      ${number(members.count())} members.
      ${from > 0 ? html`<a href="${linkTo(id, listId)}">From the first</a> ` : ''}${
        wanted === '' && next < members.length()
          ? html`<a href="${linkTo(id, listId, { from: String(next) })}">Next ${SHOWN_MEMBERS}</a>`
          : ''
      }
    </p>`;
};

const jobRow = (account: Account, job: Job): readonly unknown[] => [
  html`<code>${job.id}</code>`,
  account.id,
  job.lists.join(' ') || 'no list',
  job.status,
  progress('Rows of the job that were taken', job.taken, job.total),
  number(job.completed),
  job.errors.length > 0 ? html`<span class="bad">${number(job.errors.length)}</span>` : '0',
  new Date(job.createdAt).toISOString(),
];

const rateRows = (windows: ReturnType<typeof describeState>['windows']): readonly (readonly unknown[])[] =>
  windows.map(({ bucket, windows: some }) => {
    const cell = (seconds: number): unknown => {
      const found = some.find((one) => one.seconds === seconds);
      return found
        ? bar(`Calls of ${bucket} in the window of ${seconds} s`, seconds === 1 ? found.mostThisMinute : found.used, found.limit)
        : 'none';
    };
    const refused = some.find(({ seconds }) => seconds === 60)?.refused ?? 0;
    return [bucket, cell(1), cell(60), cell(86_400), refused > 0 ? html`<span class="bad">${refused}</span>` : '0'];
  });

/**
 * The page at `/`: accounts, lists, members, jobs, rate windows and the last requests. It refreshes its parts by itself, loads nothing from
 * anywhere else, and shows members as they are: they are invented.
 * @param params which list's members: account, list, and from (a position) or email
 */
export const statusPage = (sandbox: Sandbox, nowMs: number, params: URLSearchParams = new URLSearchParams()): string => {
  const { accounts, counters, faults, windows, gaps, settings, now } = describeState(sandbox, nowMs);
  const all = [...sandbox.state.accounts.values()];
  const account = sandbox.state.accounts.get(params.get('account') ?? '');
  const list = account?.lists.get(params.get('list') ?? '');
  const jobs = all.flatMap((one) =>
    [...one.jobs.values()]
      .slice(-SHOWN_JOBS)
      .reverse()
      .map((job) => jobRow(one, job)),
  );
  const requests = sandbox.requests.entries().slice(-SHOWN_REQUESTS).reverse();
  const { rowsPerSecond, jobsPerSecond, startDelayMs, concurrentJobs } = settings.processing;
  const pace =
    rowsPerSecond === Infinity
      ? 'at once'
      : `${number(rowsPerSecond)} rows a second, ${concurrentJobs} jobs side by side${jobsPerSecond === Infinity ? '' : `, ${jobsPerSecond} jobs a second`}, after ${startDelayMs} ms`;
  const page = html`<!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>Klaviyo sandbox</title>
        <noscript><meta http-equiv="refresh" content="5" /></noscript>
        ${new Html(`<style>${STYLE}</style>`)}
      </head>
      <body>
        <a class="skip" href="#main">To the content</a>
        <header>
          <h1>Klaviyo sandbox</h1>
          <p>
            <button id="pause" type="button" hidden>Stop refreshing</button> <span id="said" role="status"></span>
            <strong id="gone" class="bad" role="alert" hidden>The sandbox does not answer: what stands here is old.</strong>
          </p>
          <nav aria-label="On this page">
            ${['Accounts', 'Lists', 'Members', 'Jobs', 'Rates', 'Requests', 'Faults', 'Rules'].map(
              (name) => html`<a href="#${name.toLowerCase()}-title">${name}</a>`,
            )}
          </nav>
        </header>
        <main id="main">
          <div id="now" data-live>
            <p>
              ${now}: ${number(counters.requests)} requests, ${number(counters.throttled)} throttled. Jobs are processed
              ${pace}.${gaps.length > 0 ? html` <strong class="bad">Asked what it does not know: ${gaps.join(', ')}.</strong>` : ''}
            </p>
          </div>
          ${part(
            'accounts',
            'Accounts',
            table(
              'Accounts',
              ['Account', 'Profiles', 'Jobs', 'Open jobs', 'Keys'],
              accounts.map((one) => [one.id, number(one.profiles), number(one.jobs), one.openJobs.length, one.keys.join(' ')]),
            ),
          )}
          ${part(
            'lists',
            'Lists',
            table(
              'Lists',
              ['Name', 'Account', 'List', 'Members'],
              accounts.flatMap((one) =>
                one.lists.map(({ id, name, members }) => [html`<a href="${linkTo(one.id, id)}">${name}</a>`, one.id, id, number(members)]),
              ),
            ),
          )}
          ${part('members', list ? `Members of ${list.name}` : 'Members', account && list ? membersOf(account, list, params) : html`<p>Choose a list above.</p>`)}
          ${part('jobs', 'Jobs', table('Jobs, newest first', ['Job', 'Account', 'Lists', 'Status', 'Rows taken', 'Completed', 'Failed', 'Made'], jobs))}
          ${part('rates', 'Rate windows', table('Rate windows by account and endpoint', ['Account and endpoint', 'Most in one second, this minute', 'This minute', 'Today', 'Refused this minute'], rateRows(windows)))}
          ${part(
            'requests',
            'Last requests',
            table(
              'Last requests, newest first',
              ['Time', 'Account', 'Request', 'Status', 'Bytes', 'ms'],
              requests.map((entry) => [
                entry.at,
                entry.account ?? 'unknown',
                `${entry.method} ${entry.path}`,
                html`<span class="${entry.status >= 400 || entry.status === 0 ? 'bad' : 'good'}"
                  >${entry.status === 0 ? 'reset' : entry.status}</span
                >`,
                number(entry.bytes),
                entry.latencyMs,
              ]),
            ),
          )}
          ${part(
            'faults',
            'Fault plan',
            table(
              'Fault plan',
              ['Endpoint', 'Account', 'Fault', 'Calls seen', 'Calls hit'],
              faults.map(({ endpoint, account: only, fault, seen, hits }) => [
                endpoint,
                only ?? 'all',
                html`<code>${JSON.stringify(fault)}</code>`,
                seen,
                hits,
              ]),
            ),
          )}
          <section aria-labelledby="rules-title">
            <h2 id="rules-title">Rules</h2>
            <details>
              <summary>What it holds callers to, and how sure each rule is</summary>
              ${table(
                'Rules',
                ['Point', 'How sure', 'Rule', 'Other reading'],
                RULES.map(({ point, grade, says, choice }) => [point, grade, says, choice ?? '']),
              )}
            </details>
          </section>
        </main>
        ${new Html(`<script>${SCRIPT}</script>`)}
      </body>
    </html>`;
  return page.text;
};
