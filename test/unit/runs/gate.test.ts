import { isHeld } from '../../../shared/runs/phases/gate';

const guard = { guardCount: 500, guardShare: 0.1, lately: 0 };

describe('the removal guard', () => {
  it.each([
    ['nobody left', { leavers: 0, members: 1_000, staying: 1_000 }, false],
    ['few of many', { leavers: 500, members: 100_000, staying: 99_500 }, false],
    ['more than the count, but a small share', { leavers: 9_000, members: 100_000, staying: 91_000 }, false],
    ['a large share, but few people', { leavers: 400, members: 1_000, staying: 600 }, false],
    ['above count and share', { leavers: 10_001, members: 100_000, staying: 89_999 }, true],
    ['above half of a list of 20', { leavers: 11, members: 20, staying: 9 }, true],
    ['half of a list of 20', { leavers: 10, members: 20, staying: 10 }, false],
    ['most of a list below 20', { leavers: 15, members: 19, staying: 4 }, false],
    ['399 of 400', { leavers: 399, members: 400, staying: 1 }, true],
    ['the last one', { leavers: 1, members: 1, staying: 0 }, true],
    ['everybody replaced by somebody else', { leavers: 19, members: 19, staying: 30 }, false],
  ])('%s', (_, sizes, held) => {
    expect(isHeld({ ...guard, ...sizes })).toBe(held);
  });

  it('counts the removals of seven days together, so that a list cannot bleed under it', () => {
    // 9.9 % a day, as long as it lets them go
    let members = 10_000;
    const days: number[] = [];
    let heldOn = 0;
    for (let day = 1; day <= 10 && heldOn === 0; day += 1) {
      const leavers = Math.floor(members * 0.099);
      const lately = days.slice(-6).reduce((sum, count) => sum + count, 0);
      if (isHeld({ ...guard, leavers, members, lately, staying: members - leavers })) heldOn = day;
      days.push(leavers);
      members -= leavers;
    }
    expect(heldOn).toBe(2);
  });
});
