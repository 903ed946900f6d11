import { FLAVOURS, STAGES, planKills } from '../../crash/plan';

describe('the plan of kills', () => {
  it('follows from its seed alone', () => {
    expect(planKills(60, 5)).toEqual(planKills(60, 5));
    expect(planKills(60, 5)).not.toEqual(planKills(60, 6));
  });

  it('of 200 kills holds every stage with every way to die', () => {
    const plan = planKills(200, 1);
    expect(plan.length).toBe(200);
    for (const stage of STAGES) {
      const flavours = new Set(plan.filter((kill) => kill.stage === stage).map(({ flavour }) => flavour));
      expect([stage, flavours.size]).toEqual([stage, FLAVOURS.length]);
    }
  });

  it('of 15 kills holds all eight phases', () => {
    const stages = new Set(planKills(15, 1).map(({ stage }) => stage));
    for (const phase of ['prepare', 'gate', 'canary', 'submit', 'settle', 'remove', 'verify', 'finish']) expect(stages).toContain(phase);
  });
});
