import { createAddressSet } from '../../../shared/figures/address-set';
import { overlapOf } from '../../../shared/figures/overlap';

const { signal } = new AbortController();

/** Numbers below 2^32, the same each time (an LCG's high bits). */
const createDraw = (seed: number) => {
  let state = seed;
  return (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return ((state >>> 16) | (Math.imul(state, 69_069) & 0xffff_0000)) >>> 0;
  };
};
/** A hash of which several sets hold the same ones: `person` decides about both words. */
const hashOf = (person: number): [number, number] => {
  const draw = createDraw(person);
  return [draw(), draw()];
};

/** Small parts, cut anywhere. */
async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
const settled = async (people: readonly number[]) => {
  const set = createAddressSet();
  for (const person of people) set.add(...hashOf(person));
  const distinct = await set.settle({ signal });
  return { distinct, bytes: Buffer.concat([...set.parts()]) };
};
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

describe('an address set', () => {
  it('drops doubles and stands in ascending order', async () => {
    const people = [...range(0, 3_000), ...range(1_000, 2_000), 7, 7, 7];
    const { distinct, bytes } = await settled(people);
    expect(distinct).toBe(3_000);
    const stored = new BigUint64Array(Uint8Array.from(bytes).buffer);
    expect(stored).toHaveLength(3_000);
    const expected = range(0, 3_000).map((person) => (BigInt(hashOf(person)[0]) << 32n) | BigInt(hashOf(person)[1]));
    expect([...stored]).toEqual(expected.sort((one, other) => (one < other ? -1 : 1)));
  });

  it('refuses to grow beyond its bound', () => {
    const set = createAddressSet({ maxMembers: 2 });
    set.add(1, 1);
    set.add(2, 2);
    expect(() => set.add(3, 3)).toThrow(expect.objectContaining({ code: 'segment_too_large_to_count' }));
  });

  it('may be empty', async () => {
    expect(await settled([])).toEqual({ distinct: 0, bytes: Buffer.alloc(0) });
  });
});

describe('the overlap of sets', () => {
  it.each([
    ['apart', [range(0, 50), range(50, 60)]],
    ['one within another', [range(0, 5_000), range(100, 200)]],
    ['three across one another', [range(0, 3_000), range(2_000, 4_000), range(2_500, 9_000)]],
    ['one empty', [range(0, 10), [], range(5, 20)]],
    ['a single one', [range(0, 1_234)]],
    ['fifty of them', range(0, 50).map((start) => range(start * 10, start * 10 + 100))],
    ['nobody at all', [[], []]],
  ])('counts %s as a comparison of all does', async (_, peopleOf) => {
    const sets = await Promise.all(peopleOf.map(async (people) => (await settled(people)).bytes));
    const { matrix, union } = await overlapOf(
      // odd sizes: hashes and steps are cut anywhere
      sets.map((bytes, index) => cut(bytes, 13 + index * 57)),
      { signal },
    );
    const asSets = peopleOf.map((people) => new Set(people));
    expect(union).toBe(new Set(peopleOf.flat()).size);
    expect(matrix).toEqual(asSets.map((one) => asSets.map((other) => [...one].filter((person) => other.has(person)).length)));
  });

  it('says so when a set ends in the middle', async () => {
    const { bytes } = await settled(range(0, 100));
    const broken = overlapOf([cut(bytes, 64), cut(bytes.subarray(0, bytes.length - 3), 64)], { signal });
    await expect(broken).rejects.toMatchObject({ code: 'figures_unreadable', retryable: true });
  });
});
