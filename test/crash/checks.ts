import type { SeenRun } from './board';
import { countsOf, peopleOf, refusedPeople } from './people';
import type { MatrixExport, MatrixList } from './scene';

/** What went wrong, by kind; one line for each. */
export const KINDS = ['lost', 'wronglyRemoved', 'leftBehind', 'sumsBroken', 'other'] as const;
export type Kind = (typeof KINDS)[number];

const SHOWN = 5;
const some = (people: readonly string[]): string => `${people.slice(0, SHOWN).join(', ')}${people.length > SHOWN ? ', …' : ''}`;

const MANY_PEOPLE = 5_000;

/** Those whom an export has on its list on a day. Refused people come nowhere; an add export never takes anybody off. */
const peopleOfExport = (
  { refuses }: MatrixList,
  { membership, segments }: MatrixExport,
  { day, since }: { day: number; since: number },
): Set<string> => {
  const refused = refuses === undefined ? { atAdmission: [], inJob: [] } : refusedPeople(refuses, MANY_PEOPLE);
  const never = new Set([...refused.atAdmission, ...refused.inJob]);
  const people = new Set<string>();
  for (let on = membership === 'add' ? since : day; on <= day; on += 1) {
    for (const person of peopleOf(segments, on)) if (!never.has(person)) people.add(person);
  }
  return people;
};

/** Who is on a list when all its exports have run on a day: exactly these. */
const truthOf = (list: MatrixList, day: number, since: number): Set<string> =>
  new Set(list.exports.flatMap((one) => [...peopleOfExport(list, one, { day, since })]));

/**
 * Who must not be removed by a run of `remover`, right now: its own people; those whom another export has had and keeps; and those whom
 * another one is bringing. Whom another export will only learn of when it reads its source may go
 * before, and is brought again.
 */
export const untouchable = (
  list: MatrixList,
  day: number,
  { remover, isBringing }: { remover: MatrixExport; isBringing: (one: MatrixExport) => boolean },
): Set<string> => {
  const people = peopleOfExport(list, remover, { day, since: 1 });
  for (const one of list.exports) {
    if (one === remover) continue;
    const before = day === 1 ? new Set<string>() : peopleOfExport(list, one, { day: day - 1, since: 1 });
    for (const person of peopleOfExport(list, one, { day, since: 1 })) if (before.has(person) || isBringing(one)) people.add(person);
  }
  return people;
};

/** Holds the members of a list against the truth. */
export const compareList = (
  list: MatrixList,
  day: number,
  members: ReadonlyMap<string, string>,
  { since = 1, report }: { since?: number; report: (kind: Kind, what: string, count: number) => void },
): void => {
  const must = truthOf(list, day, since);
  const there = new Set(members.values());
  const missing = [...must].filter((person) => !there.has(person));
  const extra = [...there].filter((person) => !must.has(person));
  if (missing.length > 0) report('lost', `${list.id}: ${missing.length} of ${must.size} are missing: ${some(missing)}`, missing.length);
  if (extra.length > 0) report('leftBehind', `${list.id}: ${extra.length} should not be there: ${some(extra)}`, extra.length);
  if (there.size !== members.size) report('other', `${list.id} holds an address twice`, members.size - there.size);
};

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, number) => total + number, 0);

/** The sums of design.md, "Accounting", and a sentence for every ending. */
export const checkRun = (
  { id, document, jobsMade, postingKills }: SeenRun,
  segmentExport: MatrixExport,
  day: number,
  report: (kind: Kind, what: string) => void,
): void => {
  if (!document) return report('other', `${id} has no document`);
  const { run, staged } = document;
  const { counts, segments, invalidByReason, state, error, trigger } = run;
  const of = `${segmentExport.name} ${id} (${state})`;
  const equal = (what: string, left: number, right: number): void => {
    if (left !== right) report('sumsBroken', `${of}: ${what}: ${left} is not ${right}; ${JSON.stringify(counts)}`);
  };
  const count = (name: string): number => counts[name] ?? 0;
  equal('read', count('read'), count('invalid') + count('duplicates') + count('unchanged') + count('sent') + count('unsent'));
  equal('sent', count('sent'), count('accepted') + count('rejected') + count('open'));
  equal('read by segment', count('read'), sum(segments.map(({ read }) => read)));
  equal('invalid by reason', count('invalid'), sum(Object.values(invalidByReason)));
  if (Object.values(counts).some((number) => !Number.isInteger(number) || number < 0))
    report('sumsBroken', `${of}: ${JSON.stringify(counts)}`);
  if (state === 'successful' && trigger.kind !== 'retry') {
    const truth = countsOf(segmentExport.segments, day);
    for (const name of ['read', 'invalid', 'duplicates'] as const) equal(`${name} in the source`, count(name), truth[name]);
  }
  if ((state === 'failed' || state === 'skipped') && !/\w.*\.$/.test(error?.message ?? ''))
    report('other', `${of} ended without a sentence`);
  const known = sum((staged?.batches ?? []).map(({ jobs }) => jobs.length));
  if (jobsMade - known > 10 * postingKills) {
    report('other', `${of}: Klaviyo made ${jobsMade} jobs, ${known} are on record, after ${postingKills} kills while posting`);
  }
};
