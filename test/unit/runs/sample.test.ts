import { createSample } from '../../../shared/runs/prepare/sample';

const OUT = Buffer.from('ada@example.com');
const recordsOf = ({ lines }: ReturnType<typeof createSample>) => lines.map((line) => Number(line.split('\t')[0]));
const drawn = (rows: number, { seed = 7, all = false, size = 10 } = {}) => {
  const sample = createSample({ seed, all, size });
  for (let record = 0; record < rows; record += 1) sample.mayTake(record, OUT, 0, OUT.length);
  return sample;
};

describe('the people looked for', () => {
  it.each([0, 1, 9, 10])('are all of %i where there are no more than the sample holds', (rows) => {
    expect(recordsOf(drawn(rows))).toEqual(Array.from({ length: rows }, (_, record) => record));
  });

  it('are so many and no more, each once, and the same for the same seed', () => {
    const records = recordsOf(drawn(5_000));
    expect(new Set(records).size).toBe(10);
    expect(recordsOf(drawn(5_000))).toEqual(records);
    expect(recordsOf(drawn(5_000, { seed: 8 }))).not.toEqual(records);
    expect(drawn(5).lines[3]).toBe('3\tada@example.com');
  });

  it('are everybody on request', () => {
    expect(recordsOf(drawn(5_000, { all: true }))).toHaveLength(5_000);
  });

  it('are taken from everywhere alike: first, middle and last rows have the same chance', () => {
    const tenths = Array.from({ length: 10 }, () => 0);
    const rounds = 2_000;
    for (let seed = 0; seed < rounds; seed += 1)
      for (const record of recordsOf(drawn(200, { seed: Math.imul(seed, 0x9e3779b1) }))) tenths[Math.floor(record / 20)]! += 1;
    // 2,000 expected in each; the deviation of a count is about 42
    for (const count of tenths) expect(Math.abs(count - rounds)).toBeLessThan(210);
  });
});
