const SHORT = 50_000;
const TIMES = 4;
const TRIES = 5;
/** Less is as good as nothing: what takes so little says nothing about how it grows. */
const FLOOR_MS = 1;
/** So long no garbage collection takes: another try would only take as long again. */
const CLEAR_MS = 1_000;

const leastMs = (work: () => void): number => {
  let least = Infinity;
  for (let tried = 0; tried < TRIES && (tried === 0 || least < CLEAR_MS); tried += 1) {
    const before = performance.now();
    work();
    least = Math.min(least, performance.now() - before);
  }
  return least;
};

/**
 * How the time of a work grows with the length of what it works on: the power of the length, e.g. 1 where twice as long takes twice the time, 2
 * where it takes four times.
 * @param prepare makes the work for a length, in characters; its own time does not count
 */
export const growthOf = (prepare: (length: number) => () => void): number => {
  const [short, long] = [prepare(SHORT), prepare(SHORT * TIMES)];
  short(); // compiled
  const shortMs = leastMs(short);
  return Math.log((leastMs(long) + FLOOR_MS) / (shortMs + FLOOR_MS)) / Math.log(TIMES);
};
