import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { LENIENT, STRICT } from '../../../infra/local/klaviyo/options';
import { RULES } from '../../../infra/local/klaviyo/rules';

const ROOT = path.resolve(__dirname, '../../..');
const sandbox = (name: string) => readFileSync(path.join(ROOT, 'infra/local/klaviyo', name), 'utf8');
const tests = readdirSync(__dirname)
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => readFileSync(path.join(__dirname, name), 'utf8'))
  .join('\n');
const points = Array.from({ length: 38 }, (_, at) => `4.${at + 1}`);
const escaped = (point: string) => point.replace('.', '\\.');

describe('rules of the sandbox', () => {
  it.each(points)('has %s with a grade, at a place that names it, and a test of that number', (point) => {
    const rules = RULES.filter((rule) => rule.point === point);
    expect(rules.length).toBeGreaterThan(0);
    for (const { where, says } of rules) {
      expect(says).toMatch(/\w.*\.$/);
      const isNamed = new RegExp(`\\b${escaped(point)}\\b`).test(sandbox(where));
      expect([where, isNamed]).toEqual([where, true]);
    }
    expect(new RegExp(`['"\`]${escaped(point)} `).test(tests)).toBe(true);
  });

  it('has no rule outside of the 38 points, and none twice', () => {
    expect(RULES.filter(({ point }) => !points.includes(point))).toEqual([]);
    expect(new Set(RULES.map(({ says }) => says)).size).toBe(RULES.length);
  });

  it('has a rule for each switch, whose strict reading is the default and whose other reading a test takes', () => {
    expect(RULES.flatMap(({ choice }) => choice ?? []).sort()).toEqual(Object.keys(STRICT).sort());
    for (const [name, strict] of Object.entries(STRICT)) {
      const others = [...tests.matchAll(new RegExp(`\\b${name}: '([a-z]+)'`, 'g'))].map(([, reading]) => reading);
      const isTaken = others.some((reading) => reading !== strict) || LENIENT[name as keyof typeof LENIENT] !== strict;
      expect([name, isTaken]).toEqual([name, true]);
    }
    expect(tests).toContain("rules: 'lenient'");
  });
});
