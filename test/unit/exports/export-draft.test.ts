import { freeName } from '../../../shared/exports/export-draft';

describe('the name of a copy', () => {
  it.each<[string, string[], string]>([
    ['VIP', ['VIP'], 'VIP (copy)'],
    ['VIP', ['VIP', 'vip (COPY)'], 'VIP (copy 2)'],
    ['VIP (copy)', ['VIP', 'VIP (copy)'], 'VIP (copy 2)'],
    ['VIP (copy 2)', ['VIP (copy)', 'VIP (copy 2)', 'VIP (copy 3)'], 'VIP (copy 4)'],
    ['x'.repeat(200), ['x'.repeat(200)], `${'x'.repeat(193)} (copy)`],
    // never half a character
    [`${'x'.repeat(192)}😀${'x'.repeat(6)}`, [], `${'x'.repeat(192)} (copy)`],
  ])('of %s, where there are %j, is %s', (name, taken, expected) => {
    expect(freeName(name, taken)).toBe(expected);
    expect(freeName(name, taken).length).toBeLessThanOrEqual(200);
  });
});
