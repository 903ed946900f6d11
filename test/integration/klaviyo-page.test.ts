import { createHash } from 'node:crypto';
import { startKlaviyoSandbox, type RunningSandbox } from '../../infra/local/klaviyo/server';

const AUTH = { Authorization: 'Klaviyo-API-Key pk_sandbox_full', revision: '2026-07-15', 'Content-Type': 'application/vnd.api+json' };
const JOBS = '/api/profile-bulk-import-jobs';
let klaviyo: RunningSandbox;

const importPeople = (emails: readonly string[]) => {
  const data = emails.map((email) => ({ type: 'profile', attributes: { email, title: '<img src=x onerror=alert(1)>' } }));
  const body = {
    data: {
      ...{ type: 'profile-bulk-import-job', attributes: { profiles: { data } } },
      relationships: { lists: { data: [{ type: 'list', id: 'LIST5K' }] } },
    },
  };
  return fetch(klaviyo.url + JOBS, { method: 'POST', headers: AUTH, body: JSON.stringify(body) });
};
const page = async (query = '') => {
  const answer = await fetch(`${klaviyo.url}/${query}`);
  return { answer, text: await answer.text() };
};
/** What stands in one part of the page, without its tags. */
const partOf = (text: string, id: string): string => {
  const found = new RegExp(`<div id="${id}" data-live>([\\s\\S]*?)</div>\\s*</section>`).exec(text);
  return found![1]!.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
};

beforeEach(async () => {
  klaviyo = await startKlaviyoSandbox({ processing: 'instant', virtualTime: Date.parse('2026-11-23T10:00:00Z') });
});
afterEach(() => klaviyo.close());

describe('page of the sandbox', () => {
  it('shows accounts, lists, jobs, requests, and the windows as bars', async () => {
    for (let call = 0; call < 12; call += 1) await importPeople(['ada@example.com', 'bob@example.com']);
    klaviyo.sandbox.faults.add({ endpoint: '*', fault: { kind: 'error_500' } });
    const { text } = await page();
    expect(partOf(text, 'accounts')).toContain('SANDBX');
    expect(partOf(text, 'lists')).toMatch(/Newsletter SANDBX LIST5K 2/);
    expect(partOf(text, 'jobs')).toMatch(/SANDBX LIST5K complete 2 2 of 2 2 0 2026-11-23T10:00:00\.000Z/);
    expect(partOf(text, 'rates')).toMatch(/SANDBX POST \/api\/profile-bulk-import-jobs 10 10 of 10 10 10 of 150 none 2/);
    expect(text).toMatch(/<meter\s[^>]*max="150"[^>]*value="10"/);
    expect(partOf(text, 'requests')).toMatch(/POST \/api\/profile-bulk-import-jobs 429 .*POST \/api\/profile-bulk-import-jobs 202/);
    expect(partOf(text, 'faults')).toContain('error_500');
    expect(text).toMatch(/12 requests, 2\s+throttled/);
  });

  it('shows the members of a list in pages of 50, and finds one by address', async () => {
    await importPeople(Array.from({ length: 60 }, (_, at) => `p${at}@example.com`));
    const first = partOf((await page('?account=SANDBX&list=LIST5K')).text, 'members');
    expect(first.match(/p\d+@example\.com/g)).toHaveLength(50);
    expect(first).toMatch(/NEVER_SUBSCRIBED.*60 members.*Next 50/);
    const next = partOf((await page('?account=SANDBX&list=LIST5K&from=50')).text, 'members');
    expect(next.match(/p\d+@example\.com/g)).toHaveLength(10);
    expect(next).not.toContain('Next 50');
    expect(next).toContain('From the first');
    expect(partOf((await page('?account=SANDBX&list=LIST5K&email=P7%40example.com')).text, 'members').match(/p\d+@/g)).toEqual(['p7@']);
    expect(partOf((await page('?account=SANDBX&list=LIST5K&email=nobody%40example.com')).text, 'members')).toContain('none');
    for (const query of [
      '?account=SANDBX&list=NOPE',
      '?list=LIST5K',
      '?account=SANDBX&list=LIST5K&from=-9',
      '?account=SANDBX&list=LIST5K&from=x',
    ])
      expect((await page(query)).answer.status).toBe(200);
  });

  it('writes what others sent as text, and runs and loads nothing but its own style and script', async () => {
    await importPeople(['ada@example.com']);
    const { answer, text } = await page(`?account=SANDBX&list=LIST5K&email=${encodeURIComponent('"><script>alert(2)</script>')}`);
    expect(text).not.toContain('<script>alert(2)');
    expect((await page('?account=SANDBX&list=LIST5K')).text).not.toContain('<img');
    expect(text).not.toMatch(/(?:src|href)="(?!\/|#|\?)/);
    expect(text).not.toMatch(/https?:\/\//);
    const policy = answer.headers.get('content-security-policy')!;
    expect(policy).toContain("default-src 'none'");
    for (const tag of ['style', 'script']) {
      const inner = [...text.matchAll(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`, 'g'))].map(([, code]) => code!);
      expect(inner).toHaveLength(1);
      expect(policy).toContain(`'sha256-${createHash('sha256').update(inner[0]!).digest('base64')}'`);
    }
  });

  it('can be read by ear and by keyboard: language, headings, captions, labels, and a way to stop it', async () => {
    await importPeople(['ada@example.com']);
    const { text } = await page('?account=SANDBX&list=LIST5K');
    expect(text).toMatch(/<html lang="en">/);
    const ids = [...text.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, target] of text.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(target);
    for (const [, target] of text.matchAll(/aria-labelledby="([^"]+)"/g)) expect(ids).toContain(target);
    const count = (pattern: RegExp) => [...text.matchAll(pattern)].length;
    expect(count(/<table/g)).toBeGreaterThan(5);
    expect(count(/<caption/g)).toBe(count(/<table/g));
    expect(count(/<th(?=[\s>])/g)).toBe(count(/<th\s+scope="(?:col|row)"/g));
    expect(count(/<meter/g)).toBe(count(/<meter[^>]*aria-label="[^"]+"/g));
    expect(text).toMatch(/<button\s+id="pause"/);
    expect(text).toContain('prefers-color-scheme:dark');
  });

  it('asks for nothing of the sandbox that would count as a request', async () => {
    await page();
    await page('?account=SANDBX&list=LIST5K');
    expect(klaviyo.sandbox.requests.counters().requests).toBe(0);
  });
});
