import { reasons } from '../../../shared/runs/row-reasons';

it.each(Object.entries(reasons))('says in a sentence what to do about %s', (_, text) => {
  expect(text).toMatch(/^[A-Z].{20,}\.$/);
});
