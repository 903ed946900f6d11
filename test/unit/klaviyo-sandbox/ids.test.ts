import { profileIdOf, rowClaimedBy } from '../../../infra/local/klaviyo/ids';

describe('the id of a profile', () => {
  it.each([0, 1, 31, 1_000_000, 2_000_000])(
    'is a ULID that can be read back into row %i, also when it was made between two milliseconds',
    (row) => {
      for (const createdAtMs of [1_795_660_000_000, 1_795_660_000_000.37, 1_795_660_000_031.999]) {
        const id = profileIdOf(row, createdAtMs, 7);
        expect(id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
        expect(id).toBe(profileIdOf(row, Math.floor(createdAtMs), 7));
        expect(rowClaimedBy(id, 7)).toBe(row);
      }
    },
  );
});
