import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { projectFolder } from '../contract/document';
import { createLiveAccount } from './account';
import type { LiveAccount } from './account';
import { PROBES } from './probes';
import type { Probe, Sizes } from './probes';
import { reportOf, toMarkdown } from './report';
import type { Entry } from './report';

const KLAVIYO = 'https://a.klaviyo.com';
const LIST_ID = /^[A-Za-z0-9]{1,20}$/;

const positive = (name: string, text: string, most: number): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new Error(`--${name} takes a whole number from 1 to ${most}, not ${text}`);
  return value;
};

const entryOf = async ({ number, question, run }: Probe, account: LiveAccount, sizes: Sizes): Promise<Entry> => {
  try {
    return { number, question, finding: await run(account, sizes) };
  } catch (error) {
    return { number, question, finding: { state: 'failed', answer: error instanceof Error ? error.message : String(error), evidence: [] } };
  }
};

/** Whether key and list are good. @returns the account's id */
const look = async (account: LiveAccount, listId: string): Promise<string> => {
  const found = await account.ask({ method: 'GET', path: '/api/accounts' });
  const id = found.resources[0]?.id;
  if (found.status !== 200 || id === undefined) throw new Error(`Klaviyo did not take the key: ${found.status} ${found.errors.join('; ')}`);
  const list = await account.ask({ method: 'GET', path: `/api/lists/${listId}` });
  if (list.status !== 200) throw new Error(`the account ${id} has no list ${listId}: ${list.status} ${list.errors.join('; ')}`);
  return id;
};

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      list: { type: 'string' },
      write: { type: 'boolean', default: false },
      dry: { type: 'boolean', default: false },
      jobs: { type: 'string', default: '3' },
      rows: { type: 'string', default: '10' },
      domain: { type: 'string', default: 'example.com' },
      patience: { type: 'string', default: '300' },
      only: { type: 'string' },
      out: { type: 'string', default: path.join(projectFolder, '.local/live-check') },
    },
  });
  const { KLAVIYO_API_KEY: apiKey, KLAVIYO_BASE_URL: baseUrl = KLAVIYO, CI } = process.env;
  if (!apiKey) throw new Error('put the private key of the account into the environment as KLAVIYO_API_KEY');
  if (values.list === undefined) throw new Error('name the one list that may be touched with --list ID');
  if (!LIST_ID.test(values.list)) throw new Error('--list takes the id of a list in Klaviyo, e.g. YafG4m');
  if (values.write && values.dry) throw new Error('--dry and --write exclude one another');
  if (CI && new URL(baseUrl).host === new URL(KLAVIYO).host) throw new Error('a live check is never made in CI');
  const sizes = { jobs: positive('jobs', values.jobs, 200), rows: positive('rows', values.rows, 10_000) };
  const wanted = values.only?.split(',').map(Number);
  const probes = PROBES.filter(({ number }) => wanted?.includes(number) ?? true);
  if (probes.length === 0) throw new Error('--only takes numbers from 1 to 10, e.g. --only 3,6');

  const account = createLiveAccount({
    ...{ baseUrl, apiKey, listId: values.list, write: values.write, domain: values.domain },
    ...{
      pollMs: new URL(baseUrl).host === new URL(KLAVIYO).host ? 2_000 : 100,
      patienceMs: 1_000 * positive('patience', values.patience, 86_400),
    },
  });
  const say = (line: string): void => console.log(account.redact(line));
  const id = await look(account, values.list);
  say(`Account ${id}, list ${values.list}, at ${baseUrl}`);
  if (!values.write) {
    say('Dry run: nothing is changed. With --write it would do this, to the list above and to people it makes up, and to nothing else:');
    for (const { number, question, does } of probes) say(`${number}. ${question}\n   ${does(sizes)}`);
    return 0;
  }

  const entries: Entry[] = [];
  try {
    for (const probe of probes) {
      const entry = await entryOf(probe, account, sizes);
      entries.push(entry);
      say(`${entry.number}. ${entry.question}\n   ${entry.finding.state}: ${entry.finding.answer}`);
    }
  } finally {
    say(`${await account.cleanUp()} made-up people were taken off the list; their profiles stay in the account.`);
  }
  const at = new Date().toISOString();
  const report = reportOf({ at, host: new URL(baseUrl).host, listId: values.list, entries });
  mkdirSync(values.out, { recursive: true });
  const name = path.join(values.out, at.replaceAll(':', '-'));
  writeFileSync(`${name}.md`, account.redact(toMarkdown(report)));
  writeFileSync(`${name}.json`, account.redact(JSON.stringify(report, undefined, 2)));
  say(`Report: ${path.relative(process.cwd(), name)}.md and .json`);
  return entries.some(({ finding }) => finding.state === 'failed') ? 1 : 0;
};

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  },
);
