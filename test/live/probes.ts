import { setTimeout as sleep } from 'node:timers/promises';
import { KLAVIYO_REVISION } from '../../shared/klaviyo/endpoints';
import type { Answer, LiveAccount } from './account';

export interface Finding {
  /** open: the API alone cannot tell; the answer says what to look at */
  readonly state: 'answered' | 'open';
  readonly answer: string;
  readonly evidence: readonly string[];
}
export interface Probe {
  /** of klaviyo.md §7 */
  readonly number: number;
  readonly question: string;
  /** what it does to the account, for the dry run */
  readonly does: (sizes: Sizes) => string;
  readonly run: (account: LiveAccount, sizes: Sizes) => Promise<Finding>;
}
/** How much the first question asks of the account. */
export interface Sizes {
  readonly jobs: number;
  readonly rows: number;
}

const answered = (answer: string, evidence: readonly string[] = []): Finding => ({ state: 'answered', answer, evidence });
const told = ({ status, errors, headers, tookMs }: Answer): string => {
  const type = headers.get('content-type') ?? 'no type';
  return `${status}, ${type}, ${tookMs} ms${errors.length > 0 ? `: ${errors.join('; ')}` : ''}`;
};
const secondsBetween = (from: unknown, to: unknown): number | undefined =>
  typeof from === 'string' && typeof to === 'string' ? (Date.parse(to) - Date.parse(from)) / 1_000 : undefined;
const profileOf = async (account: LiveAccount, email: string, fields: string): Promise<Readonly<Record<string, unknown>> | undefined> => {
  const query = { filter: `any(email,["${email}"])`, 'fields[profile]': fields };
  return (await account.ask({ method: 'GET', path: '/api/profiles', query })).resources[0]?.attributes;
};
/** What became of an import that was admitted. */
const fate = async (account: LiveAccount, { resources: [job] }: Answer): Promise<string> => {
  if (!job) return 'no job';
  const end = await account.jobEnd(job.id);
  const counts = `job ${String(end.status)}: ${String(end.completed_count)} completed, ${String(end.failed_count)} failed`;
  if (!Number(end.failed_count)) return counts;
  const path = `/api/profile-bulk-import-jobs/${encodeURIComponent(job.id)}/import-errors`;
  const { resources } = await account.ask({ method: 'GET', path });
  const reasons = resources.slice(0, 3).map(({ attributes: { code, detail } }) => `${String(code as string)}: ${String(detail as string)}`);
  return `${counts} (${reasons.join('; ')})`;
};
/** Days on which Klaviyo declares revisions: the middle of a quarter's first month. */
export const revisionsAfter = (pin: string, today: string): string[] => {
  const found: string[] = [];
  for (let day = new Date(`${pin}T00:00:00Z`); ;) {
    day = new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 3, 15));
    const revision = day.toISOString().slice(0, 10);
    if (revision > today) return found;
    found.push(revision);
  }
};

export const PROBES: readonly Probe[] = [
  {
    number: 1,
    question: 'How long do jobs take, and is there a cap on unfinished ones?',
    does: ({ jobs, rows }) => `imports ${jobs} jobs of ${rows} made-up people to the list at once, and reads the jobs until they end`,
    run: async (account, { jobs, rows }) => {
      const evidence: string[] = [];
      const posted: string[] = [];
      for (let at = 0; at < jobs; at += 1) {
        const answer = await account.importRows(account.people(rows).map((email) => ({ email })));
        const [job] = answer.resources;
        if (answer.status !== 202 || !job) {
          evidence.push(`job ${at + 1} of ${jobs} was refused: ${told(answer)}`);
          break;
        }
        posted.push(job.id);
      }
      const seconds: number[] = [];
      for (const id of posted) {
        const { status, created_at, started_at, completed_at } = await account.jobEnd(id);
        const took = secondsBetween(created_at, completed_at);
        if (took !== undefined) seconds.push(took);
        evidence.push(`${String(status)}: queued ${secondsBetween(created_at, started_at) ?? '?'} s, in all ${took ?? '?'} s`);
      }
      const longest = seconds.length === 0 ? 'none ended in the time given' : `the longest took ${Math.max(...seconds)} s`;
      return answered(`${posted.length} of ${jobs} jobs of ${rows} rows were admitted at once; ${longest}.`, evidence);
    },
  },
  {
    number: 2,
    question: 'What answers more than 5 MB, more than 10,000 rows, a row of more than 100 KB?',
    does: () => 'posts three imports over the limits: 60 people in 5.4 MB, 10,001 times the same person, one person of 110 KB',
    run: async (account) => {
      const [twin, large] = account.people(2) as [string, string];
      const padded = (email: string, bytes: number) => ({ email, properties: { live_check: 'x'.repeat(bytes) } });
      const tries = [
        ['5.4 MB', account.people(60).map((email) => padded(email, 90_000))],
        ['10,001 rows', Array.from({ length: 10_001 }, () => ({ email: twin }))],
        ['a row of 110 KB', [padded(large, 110_000)]],
      ] as const;
      const evidence: string[] = [];
      for (const [name, rows] of tries) {
        const answer = await account.importRows(rows);
        evidence.push(`${name}: ${told(answer)}${answer.status === 202 ? `; ${await fate(account, answer)}` : ''}`);
      }
      return answered('See what each of the three was told.', evidence);
    },
  },
  {
    number: 3,
    question: 'A bad phone: is the request refused, the number dropped, or the row an error?',
    does: () => 'imports one made-up person with the phone number +1234',
    run: async (account) => {
      const [email] = account.people(1) as [string];
      const answer = await account.importRows([{ email, phone_number: '+1234' }]);
      if (answer.status !== 202) return answered('The whole request is refused.', [told(answer)]);
      const became = await fate(account, answer);
      const profile = await profileOf(account, email, 'email,phone_number');
      if (profile === undefined) return answered('The row is an error of its job.', [told(answer), became]);
      const isKept = typeof profile.phone_number === 'string' && profile.phone_number !== '';
      return answered(isKept ? 'The number is taken as it is.' : 'The number is dropped without a word, the person is kept.', [
        told(answer),
        became,
      ]);
    },
  },
  {
    number: 4,
    question: 'How many values does any(email,[…]) take, and how long may a URL be?',
    does: () => 'reads profiles by 100 to 1,000 made-up addresses in one filter',
    run: async (account) => {
      const evidence: string[] = [];
      let most = 0;
      let refused: number | undefined;
      for (const count of [100, 101, 200, 500, 1_000]) {
        const filter = `any(email,[${Array.from({ length: count }, (_, at) => `"n${at}@${account.options.domain}"`).join(',')}])`;
        const query = { filter, 'fields[profile]': 'id', 'page[size]': '100' };
        const answer = await account.ask({ method: 'GET', path: '/api/profiles', query });
        evidence.push(`${count} values, URL of ${encodeURIComponent(filter).length} bytes: ${told(answer)}`);
        if (answer.status !== 200) {
          refused = count;
          break;
        }
        most = count;
      }
      return answered(
        `${most} values were taken${refused === undefined ? ', and nothing refused' : `, ${refused} were refused`}.`,
        evidence,
      );
    },
  },
  {
    number: 5,
    question: 'Taking an unknown id off a list: 204 or 404?',
    does: () => 'takes an id that no profile has off the list',
    run: async (account) => {
      const answer = await account.removeFromList([account.unknownId]);
      return answered(`An unknown id is answered ${answer.status}; for a merged one see question 8.`, [told(answer)]);
    },
  },
  {
    number: 6,
    question: 'Does null in a row of an import clear the field?',
    does: () => 'imports one made-up person with a first name, then again with null for it',
    run: async (account) => {
      const [email] = account.people(1) as [string];
      const evidence: string[] = [];
      for (const first_name of ['Ada', null]) {
        const answer = await account.importRows([{ email, first_name }]);
        evidence.push(
          `first_name ${JSON.stringify(first_name)}: ${told(answer)}; ${answer.status === 202 ? await fate(account, answer) : ''}`,
        );
        if (answer.status !== 202) return answered('null is refused.', evidence);
      }
      const profile = await profileOf(account, email, 'first_name');
      if (profile === undefined) return { state: 'open', answer: 'The person could not be found afterwards.', evidence };
      return answered(profile.first_name === 'Ada' ? 'null is ignored, the field keeps its value.' : 'null clears the field.', evidence);
    },
  },
  {
    number: 7,
    question: 'What is answered without the revision header?',
    does: () => 'reads the account without the header',
    run: async (account) => {
      const answer = await account.ask({ method: 'GET', path: '/api/accounts', headers: { revision: undefined } });
      const served = answer.headers.get('x-klaviyo-api-revision') ?? 'unnamed';
      return answered(answer.status === 200 ? `It is served, by the revision ${served}.` : `It is refused with ${answer.status}.`, [
        told(answer),
      ]);
    },
  },
  {
    number: 8,
    question: 'Does the old id of a merged profile still resolve?',
    does: () => 'imports two made-up people, merges one into the other, reads the old id and takes it off the list',
    run: async (account) => {
      const emails = account.people(2);
      const [target, source] = [...(await account.makePeople(emails)).values()];
      if (target === undefined || source === undefined)
        return { state: 'open', answer: 'The two people were not on the list in time.', evidence: [] };
      const merged = await account.ask({
        ...{ method: 'POST', path: '/api/profile-merge' },
        body: { data: { type: 'profile-merge', id: target, relationships: { profiles: { data: [{ type: 'profile', id: source }] } } } },
      });
      const evidence = [`merge: ${told(merged)}`];
      if (merged.status >= 300) return { state: 'open', answer: 'The merge was refused.', evidence };
      let old: Answer;
      const until = Date.now() + Math.min(account.options.patienceMs, 60_000);
      do {
        await sleep(account.options.pollMs);
        old = await account.ask({ method: 'GET', path: `/api/profiles/${encodeURIComponent(source)}` });
      } while (old.status === 200 && old.resources[0]?.id === source && Date.now() < until);
      evidence.push(`old id: ${told(old)}`);
      evidence.push(`old id taken off the list: ${told(await account.removeFromList([source]))}`);
      const [found] = old.resources;
      if (old.status !== 200) return answered(`The old id is answered ${old.status}.`, evidence);
      return answered(
        found?.id === target ? 'The old id leads to the profile it was merged into.' : 'The old id still leads to a profile.',
        evidence,
      );
    },
  },
  {
    number: 9,
    question: 'Do flows that start when somebody joins a list start on an import?',
    does: () => 'reads which flows start from the list; imports one made-up person',
    run: async (account) => {
      const path = `/api/lists/${encodeURIComponent(account.options.listId)}`;
      const list = await account.ask({ method: 'GET', path, query: { include: 'flow-triggers' } });
      const flows = list.included.filter(({ type }) => type === 'flow');
      const evidence = [told(list), ...flows.map(({ id, attributes }) => `flow ${id}: ${String(attributes.status as string)}`)];
      if (flows.length === 0)
        return { state: 'open', answer: 'No flow starts from this list: make one in Klaviyo that does, and ask again.', evidence };
      await account.makePeople(account.people(1));
      return { state: 'open', answer: 'One person has joined just now; look in Klaviyo whether a flow below has taken them in.', evidence };
    },
  },
  {
    number: 10,
    question: 'Is there a newer stable revision?',
    does: () => `reads the account with each revision that may have followed ${KLAVIYO_REVISION}`,
    run: async (account) => {
      const evidence: string[] = [];
      let newest: string | undefined;
      for (const revision of revisionsAfter(KLAVIYO_REVISION, new Date().toISOString().slice(0, 10))) {
        const answer = await account.ask({ method: 'GET', path: '/api/accounts', headers: { revision } });
        const served = answer.headers.get('x-klaviyo-api-revision');
        if (answer.status === 200 && served === revision) newest = revision;
        evidence.push(`${revision}: ${told(answer)}, served by ${served ?? 'an unnamed revision'}`);
      }
      return answered(
        newest === undefined ? `None: ${KLAVIYO_REVISION} is the newest.` : `Yes: ${newest}. Run npm run klaviyo-contract on its document.`,
        evidence,
      );
    },
  },
];
