import { BUDGETS, keepBudgets, sizesSentence } from '../../../infra/package/budgets';

const weights = new Map([
  ['undici', 1_000_000],
  ['own code', 500_000],
]);

it('lets pass what is as heavy as allowed', () => {
  expect(() => keepBudgets(BUDGETS, weights)).not.toThrow();
});

it.each(['main', 'zip', 'unpacked'] as const)('refuses a byte more in %s, and names what weighs most', (name) => {
  expect(() => keepBudgets({ ...BUDGETS, [name]: BUDGETS[name] + 1 }, weights)).toThrow(/too heavy.*undici 1\.00 MB, own code 0\.50 MB/s);
});

it('says what is there and what is allowed', () => {
  expect(sizesSentence({ main: 1e6, zip: 2e6, unpacked: 3e6 })).toMatch(
    /^the bundle 1\.00 of \d+\.\d\d MB, the zip 2\.00 of .*, all files 3\.00 of/,
  );
});
