import { Limits, StoredLimits, defaultLimits, limitsFor } from '../../../shared/settings/limits';

const app = { maxProfiles: 1_000_000 };

describe('the limits of a run', () => {
  it('are the administrators’ where the export has none of its own', () => {
    const limits = { ...defaultLimits, maxProfiles: 5_000, resyncDays: 14, maxInvalidShare: 0.05, guardCount: 10, guardShare: 0.01 };
    const expected = { maxProfiles: 5_000, resyncDays: 14, maxInvalidShare: 0.05, guardCount: 10, guardShare: 0.01 };
    expect(limitsFor({}, limits, app)).toEqual(expected);
    expect(limitsFor({}, defaultLimits, app)).toEqual({ ...app, resyncDays: 7, maxInvalidShare: 0.2, guardCount: 500, guardShare: 0.1 });
  });

  it('are the export’s own where it has some, zero included', () => {
    const own = { resyncDays: 1, maxInvalidShare: 0, guardCount: 0, guardShare: 0 };
    expect(limitsFor(own, defaultLimits, app)).toEqual({ ...app, ...own });
  });

  it.each<[string, number | undefined, number | undefined, number, number]>([
    ['the export', 100, 200, 300, 100],
    ['the administrators', 200, 100, 300, 100],
    ['the app', 200, 300, 100, 100],
    ['the app alone', undefined, undefined, 300, 300],
    ['the administrators where the export does not', undefined, 100, 300, 100],
  ])('take the lowest cap, that of %s', (_, own, administrators, ofApp, expected) => {
    const limits = { ...defaultLimits, maxProfiles: administrators };
    expect(limitsFor({ maxProfiles: own }, limits, { maxProfiles: ofApp }).maxProfiles).toBe(expected);
  });
});

describe('stored limits', () => {
  it('of an earlier version, which knew fewer, parse', () => {
    expect(StoredLimits.parse({ reportDays: 7, runDays: 90, runsKept: 200 })).toEqual({ ...defaultLimits, reportDays: 7 });
  });
  it('of a later version, which knows more, parse; nobody may send those', () => {
    expect(StoredLimits.parse({ tomorrow: 1 })).toEqual(defaultLimits);
    expect(Limits.safeParse({ tomorrow: 1 }).success).toBe(false);
  });
});
