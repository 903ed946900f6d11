import { happens, hash, hashText } from './random';

/** How many join, change and leave from one generation to the next, as shares of those who are in. */
export interface Churn {
  readonly joiners: number;
  readonly changed: number;
  readonly leavers: number;
}

export interface SegmentPlan {
  readonly name: string;
  /** Rows of generation 0. */
  readonly rows: number;
  /** Which refresh this is: 0 is the first. */
  readonly generation: number;
  readonly churn: Churn;
  /** The first customer of the segment: segments share the people of their common range. A multiple of 100. */
  readonly firstPerson: number;
}

/** good: an address of its own; duplicate: the address of `of` in other case; bad: no address. */
export type RowKind = 'good' | 'duplicate' | 'bad';

export interface Member {
  readonly person: number;
  readonly kind: RowKind;
  /** Whose address and data the row has: itself, but for duplicates. */
  readonly of: number;
  /** How often the person's data has changed. */
  readonly version: number;
  /** Which of the customer's rows it is, where a segment repeats its customers; 0 is the first. */
  readonly repeat?: number;
}

export interface SegmentCounts {
  rows: number;
  invalid: number;
  duplicates: number;
  distinctValid: number;
  /** The rest against the generation before, distinct by address; all 0 in generation 0. */
  joiners: number;
  changed: number;
  leavers: number;
}

// In every hundred people one has a bad address and two repeat an earlier one of the same hundred; the early places see to it that a
// segment of eight rows already holds all kinds.
const blockSize = 100;
const kindOf = (seed: number, person: number): { kind: RowKind; of: number } => {
  const block = person - (person % blockSize);
  const place = person - block;
  const drawn = hash(seed, 1, block);
  const badAt = 1 + (drawn % 3);
  const firstAt = 4 + ((drawn >>> 4) % 4);
  const secondAt = 8 + ((drawn >>> 8) % (blockSize - 8));
  if (place === badAt) return { kind: 'bad', of: person };
  if (place === firstAt) return { kind: 'duplicate', of: block };
  if (place === secondAt) return { kind: 'duplicate', of: firstAt === 7 ? block + 6 : block + 7 };
  return { kind: 'good', of: person };
};

/** Where each generation's joiners begin: entry g is the number of all who have ever been in up to generation g. */
const totals = ({ rows, generation, churn }: SegmentPlan): number[] => {
  const ends = [rows];
  let size = rows;
  for (let index = 0; index < generation; index += 1) {
    const joining = Math.round(size * churn.joiners);
    size = Math.round(size * (1 - churn.leavers)) + joining;
    ends.push((ends.at(-1) ?? rows) + joining);
  }
  return ends;
};

/** Who is in a segment at a generation, computed from the seed alone: nothing of the generations before is kept. */
export const createPopulation = (seed: number, plan: SegmentPlan) => {
  if (plan.firstPerson % blockSize !== 0) throw new RangeError(`firstPerson must be a multiple of ${blockSize}`);
  const { firstPerson, generation, churn } = plan;
  const ends = totals(plan);
  const slots = ends.at(-1) ?? 0;
  const nameHash = hashText(plan.name);
  const counts: SegmentCounts = { rows: 0, invalid: 0, duplicates: 0, distinctValid: 0, joiners: 0, changed: 0, leavers: 0 };

  const joinedAt = (person: number) => {
    let joined = 0;
    while (person - firstPerson >= (ends[joined] ?? Infinity)) joined += 1;
    return joined;
  };
  const leftAt = (person: number) => {
    for (let at = joinedAt(person) + 1; at <= generation; at += 1)
      if (happens(hash(seed, 2, nameHash, person, at), churn.leavers)) return at;
    return Infinity;
  };
  const changesAt = (person: number, at: number) => happens(hash(seed, 3, person, at), churn.changed);

  const count = (kind: RowKind, person: number) => {
    counts.rows += 1;
    if (kind === 'bad') counts.invalid += 1;
    else if (kind === 'duplicate') counts.duplicates += 1;
    else {
      counts.distinctValid += 1;
      const isNew = joinedAt(person) === generation;
      if (generation > 0 && isNew) counts.joiners += 1;
      else if (generation > 0 && changesAt(person, generation)) counts.changed += 1;
    }
  };

  return {
    /** Places to walk through; those who left have one, too. */
    slots,
    /** What has been walked through so far. */
    counts: (): SegmentCounts => ({ ...counts }),
    /** Members of the slots `from` to below `to`, in the order of the file; counts them. */
    *members(from: number, to: number): Generator<Member> {
      for (let person = firstPerson + from; person < firstPerson + to; person += 1) {
        const { kind, of } = kindOf(seed, person);
        const left = generation === 0 ? Infinity : leftAt(of); // a duplicate goes when its original goes
        if (left <= generation) {
          if (left === generation && kind === 'good') counts.leavers += 1;
          continue;
        }
        let version = 0;
        for (let at = 1; at <= generation; at += 1) if (changesAt(of, at)) version += 1;
        count(kind, person);
        yield { person, kind, of, version };
      }
    },
  };
};
