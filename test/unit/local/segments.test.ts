import { chooseSegment, generatedSegment } from '../../../infra/local/segments';
import { ListId } from '../../../shared/ids';

it('runs the smallest sample when nothing is said, and wants all three', () => {
  const { chosen, wanted } = chooseSegment({}, []);
  expect(chosen.name).toBe('NewsletterReaders');
  expect(wanted.map(({ rows }) => rows)).toEqual([5_000, 25_000, 100_000]);
});

it('runs the generated segment beside the samples', () => {
  const { chosen, wanted } = chooseSegment({ rows: 300 }, []);
  expect(chosen).toMatchObject({ name: 'Generated_300', rows: 300 });
  expect(wanted).toHaveLength(4);
});

it('runs what is named, also one that an earlier start has made', () => {
  expect(chooseSegment({ rows: 300, segment: 'AllCustomers' }, []).chosen.name).toBe('AllCustomers');
  expect(chooseSegment({ segment: 'Generated_70' }, ['Generated_70']).chosen.rows).toBe(70);
});

it('names the segments there are when asked for another one', () => {
  expect(() => chooseSegment({ segment: 'Nobody' }, ['Generated_70'])).toThrow(
    'There is no segment Nobody: choose one of NewsletterReaders, HighValueSegment, AllCustomers, Generated_70, or make one with --rows N.',
  );
});

it.each([1, 35, 36, 1_000_000, 50_000_000])('gives the list of %d rows an id of its own that Klaviyo could have made', (rows) => {
  const { listId } = generatedSegment(rows);
  expect(ListId.safeParse(listId).success).toBe(true);
  expect(listId).toHaveLength(6);
  expect(Number.parseInt(listId.slice(1), 36)).toBe(rows);
});
