import { describeState } from './control';
import type { Sandbox } from './core';

const escape = (value: unknown): string => String(value).replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);

const table = (heads: readonly string[], rows: readonly (readonly unknown[])[]): string =>
  rows.length === 0
    ? '<p>none</p>'
    : `<table><tr>${heads.map((head) => `<th>${escape(head)}</th>`).join('')}</tr>${rows
        .map((row) => `<tr>${row.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`)
        .join('')}</table>`;

const STYLE = `body{font:14px system-ui,sans-serif;margin:2rem;color:#222}table{border-collapse:collapse;margin-bottom:1rem}
th,td{text-align:left;padding:.2rem .8rem;border-bottom:1px solid #ddd}td{font-variant-numeric:tabular-nums}h2{margin-top:1.5rem}`;

/** The page at `/`: accounts, lists, open jobs, rate windows and the last requests; refreshes itself every 2 s and loads nothing else. */
export const statusPage = (sandbox: Sandbox, nowMs: number): string => {
  const { accounts, counters, faults, windows, now } = describeState(sandbox, nowMs);
  const last = sandbox.requests.entries().slice(-40).reverse();
  const jobs = [...sandbox.state.accounts.values()].flatMap((account) =>
    [...account.jobs.values()]
      .slice(-20)
      .reverse()
      .map((job) => [account.id, job.id, job.status, job.total, job.completed, job.errors.length]),
  );
  return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>Klaviyo sandbox</title>
<style>${STYLE}</style></head><body><h1>Klaviyo sandbox</h1><p>${escape(now)}: ${counters.requests} requests, ${counters.throttled} throttled</p>
<h2>Accounts</h2>${table(
    ['Account', 'Profiles', 'Jobs', 'Open jobs', 'Keys'],
    accounts.map((one) => [one.id, one.profiles, one.jobs, one.openJobs.length, one.keys.join(' ')]),
  )}
<h2>Lists</h2>${table(
    ['Account', 'List', 'Name', 'Members'],
    accounts.flatMap((one) => one.lists.map((list) => [one.id, list.id, list.name, list.members])),
  )}
<h2>Jobs</h2>${table(['Account', 'Job', 'Status', 'Rows', 'Completed', 'Failed'], jobs)}
<h2>Rate windows</h2>${table(
    ['Account and endpoint', 'Used (refused) by window'],
    windows.map(({ bucket, windows: some }) => [
      bucket,
      some.map(({ seconds, used, refused }) => `${seconds} s: ${used} (${refused})`).join(', '),
    ]),
  )}
<h2>Faults</h2>${table(
    ['Endpoint', 'Fault', 'Hits'],
    faults.map(({ endpoint, fault, hits }) => [endpoint, JSON.stringify(fault), hits]),
  )}
<h2>Last requests</h2>${table(
    ['Time', 'Account', 'Request', 'Status', 'Bytes', 'ms'],
    last.map((entry) => [entry.at, entry.account ?? '', `${entry.method} ${entry.path}`, entry.status, entry.bytes, entry.latencyMs]),
  )}
</body></html>`;
};
