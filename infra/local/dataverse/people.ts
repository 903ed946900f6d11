import { columns } from '../sample/columns';
import { type Dialect, defaultDialect } from '../sample/dialect';
import { type Churn, createPopulation, type Member } from '../sample/population';
import { hash, hashText } from '../sample/random';
import { createRows, maxRowBytes } from '../sample/rows';

/** A segment and how many customers it has in the first refresh; segments share people, the smaller lying in the larger. */
export interface PeopleSegment {
  readonly name: string;
  readonly rows: number;
}

export interface PeopleOptions {
  readonly segments: readonly PeopleSegment[];
  readonly seed: number | string;
  /** Which refresh this is; 0, the first, by default. */
  readonly generation?: number;
  readonly churn?: Churn;
}

const dialect: Dialect = { ...defaultDialect, quoteAll: true };

/** A line whose every field is quoted → its fields. */
const fieldsOf = (line: string): string[] =>
  line
    .slice(1, line.endsWith('\n') ? -2 : -1)
    .split('","')
    .map((field) => field.replaceAll('""', '"'));

/** One customer: id, values by the columns of the sample, and the segments by their place in the options. */
export interface Person {
  readonly id: string;
  /** bit n: in segment n; at most 30 segments */
  readonly segments: number;
}

/**
 * The customers of the sample, the same that the files hold for the same seed; computed again whenever they are asked for, so a million
 * take little more than their ids.
 */
export const createPeople = ({
  segments,
  seed,
  generation = 0,
  churn = { joiners: 0.05, changed: 0.02, leavers: 0.05 },
}: PeopleOptions) => {
  if (segments.length > 30) throw new RangeError('at most 30 segments');
  const seedNumber = typeof seed === 'number' ? hash(seed) : hashText(seed);
  const putRow = createRows(seedNumber, dialect);
  const room = Buffer.alloc(maxRowBytes);
  const valuesOf = (member: Member): string[] => fieldsOf(room.toString('utf8', 0, putRow(member, room, 0)));

  const members = new Map<number, { member: Member; segments: number }>();
  for (const [place, { name, rows }] of segments.entries()) {
    const population = createPopulation(seedNumber, { name, rows, generation, churn, firstPerson: 0 });
    for (const member of population.members(0, population.slots)) {
      const known = members.get(member.person);
      if (known) known.segments |= 1 << place;
      else members.set(member.person, { member, segments: 1 << place });
    }
  }
  const all = [...members.values()];
  const people: Person[] = all.map(({ member, segments: mask }) => ({ id: valuesOf(member)[0]!, segments: mask }));
  const byId = new Map(people.map(({ id }, index) => [id, index]));

  return {
    count: people.length,
    person: (index: number): Person => people[index]!,
    indexOf: (id: string): number | undefined => byId.get(id),
    /** By column of the sample. */
    values: (index: number): Readonly<Record<string, string>> => {
      const values = valuesOf(all[index]!.member);
      return Object.fromEntries(columns.map(({ name }, place) => [name, values[place] ?? '']));
    },
    namesOf: (mask: number): string[] => segments.flatMap(({ name }, place) => ((mask >> place) & 1 ? [name] : [])),
  };
};

export type People = ReturnType<typeof createPeople>;
