import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import {
  EMAIL_INVALID,
  EMAIL_MISSING,
  EMAIL_TOO_LONG,
  half,
  halfSipHash,
  hashMember,
  hashPayload,
  memberKey,
  parseHashKey,
  payloadHash,
  writeEmail,
} from '../../../shared/runs/member-key';
import { halfSipVectors } from './half-sip-vectors';

/** Checks an address that lies somewhere in a larger buffer, and looks that nothing was written before or after its place. */
const check = (text: string): string | number => {
  const bytes = Buffer.from(`xx${text}yy`);
  const out = new Uint8Array(bytes.length + 200).fill(0xaa);
  const length = writeEmail(bytes, 2, bytes.length - 2, out, 50);
  expect(out.subarray(0, 50).every((byte) => byte === 0xaa)).toBe(true);
  if (length < 0) return length;
  expect(out[50 + length]).toBe(0xaa);
  return Buffer.from(out.subarray(50, 50 + length)).toString('latin1');
};
const long = (length: number) => `${'a'.repeat(length - '@example.com'.length)}@example.com`;

describe('writeEmail', () => {
  it.each([
    ['ada@example.com', 'ada@example.com'],
    ['  Ada.Lovelace+News@Example.COM\r\n', 'ada.lovelace+news@example.com'],
    ["o'neill_99@sub.example.co.uk", "o'neill_99@sub.example.co.uk"],
    ['!#$%&*+/=?^_`{|}~-@a-b.cd', '!#$%&*+/=?^_`{|}~-@a-b.cd'],
    ['a@1.example2.x9', 'a@1.example2.x9'],
    ['a@xn--bcher-kva.example', 'a@xn--bcher-kva.example'],
    [`${'a'.repeat(64)}@example.com`, `${'a'.repeat(64)}@example.com`],
    [`a@${'b'.repeat(63)}.${'c'.repeat(30)}.com`, `a@${'b'.repeat(63)}.${'c'.repeat(30)}.com`], // exactly 100
    [`a@${'b'.repeat(64)}.com`, EMAIL_INVALID],
    [`a@b.${'c'.repeat(64)}`, EMAIL_INVALID],
    [`a@b.${'c'.repeat(64)}.com`, EMAIL_INVALID],
    [`${'a.'.repeat(30)}a@${'b'.repeat(20)}.com`, `${'a.'.repeat(30)}a@${'b'.repeat(20)}.com`],
    ['', EMAIL_MISSING],
    ['  \t ', EMAIL_MISSING],
    ['\u0000', EMAIL_MISSING],
    [long(101), EMAIL_TOO_LONG],
    [`a@${'b'.repeat(63)}.${'c'.repeat(31)}.com`, EMAIL_TOO_LONG],
    [`${'a'.repeat(65)}@example.com`, EMAIL_INVALID],
    ['ada', EMAIL_INVALID],
    ['ada@', EMAIL_INVALID],
    ['@example.com', EMAIL_INVALID],
    ['ada@example', EMAIL_INVALID],
    ['ada@@example.com', EMAIL_INVALID],
    ['ada@home@example.com', EMAIL_INVALID],
    ['ada lovelace@example.com', EMAIL_INVALID],
    ['ada,@example.com', EMAIL_INVALID],
    ['ada@example.com,bob@example.com', EMAIL_INVALID],
    ['ada@example.com;', EMAIL_INVALID],
    ['<ada@example.com>', EMAIL_INVALID],
    ['"ada"@example.com', EMAIL_INVALID],
    ['ada\\@example.com', EMAIL_INVALID],
    ['(ada)@example.com', EMAIL_INVALID],
    ['.ada@example.com', EMAIL_INVALID],
    ['ada.@example.com', EMAIL_INVALID],
    ['a..b@example.com', EMAIL_INVALID],
    ['ada@.example.com', EMAIL_INVALID],
    ['ada@example..com', EMAIL_INVALID],
    ['ada@example.com.', EMAIL_INVALID],
    ['ada@-example.com', EMAIL_INVALID],
    ['ada@example-.com', EMAIL_INVALID],
    ['ada@example.com-', EMAIL_INVALID],
    ['ada@example.-com', EMAIL_INVALID],
    ['ada@exa_mple.com', EMAIL_INVALID],
    ['ada@example.c', EMAIL_INVALID],
    ['ada@example.12', EMAIL_INVALID],
    ['ada@127.0.0.1', EMAIL_INVALID],
    ['ada@[127.0.0.1]', EMAIL_INVALID],
    ['josé@example.com', EMAIL_INVALID],
    ['ada@exämple.com', EMAIL_INVALID],
    ['ада@пример.рф', EMAIL_INVALID],
    ['\u00a0ada@example.com', EMAIL_INVALID],
    ['ada\u0000@example.com', EMAIL_INVALID],
    ['mailto:ada@example.com', EMAIL_INVALID],
  ])('takes %j for %j', (text, expected) => {
    expect(check(text)).toBe(expected);
  });

  it('takes what it has written, unchanged, and writes the input trimmed and in lower case', () => {
    const part = fc.stringMatching(/^[A-Za-z0-9_+'-]{1,12}$/);
    const label = fc.stringMatching(/^[A-Za-z][A-Za-z0-9]{1,10}$/);
    const address = fc
      .tuple(fc.array(part, { minLength: 1, maxLength: 3 }), fc.array(label, { minLength: 2, maxLength: 4 }))
      .map(([local, domain]) => `${local.join('.')}@${domain.join('.')}`);
    fc.assert(
      fc.property(address, fc.stringMatching(/^[ \t\r\n]{0,3}$/), fc.stringMatching(/^[ \t\r\n]{0,3}$/), (text, before, after) => {
        expect(check(before + text + after)).toBe(text.toLowerCase());
        expect(check(text.toLowerCase())).toBe(text.toLowerCase());
      }),
    );
  });

  it('never takes anything but a trimmed, lower-case form of its input with one @ and a dot behind it', () => {
    const near = fc.string({ unit: fc.constantFrom(...'aAzZ09.@-_+ "\\,é\u0000\t'), maxLength: 20 });
    fc.assert(
      fc.property(fc.oneof(near, fc.string({ unit: 'binary', maxLength: 30 })), (text) => {
        const written = check(text);
        if (typeof written === 'number') return;
        // eslint-disable-next-line no-control-regex -- what the function trims
        expect(written).toBe(text.replace(/^[\u0000- ]+|[\u0000- ]+$/g, '').toLowerCase());
        expect(written).toMatch(/^[^@\s"\\,]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+$/);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('halfSipHash', () => {
  const hashOf = (bytes: Uint8Array, length = bytes.length, start = 0): string => {
    halfSipHash(bytes, start, length, 0x03020100, 0x07060504);
    const out = Buffer.alloc(8);
    out.writeUInt32LE(half.low);
    out.writeUInt32LE(half.high, 4);
    return out.toString('hex');
  };

  it('gives the published results for inputs of 0 to 63 bytes', () => {
    const input = Uint8Array.from({ length: 64 }, (_, index) => index);
    expect(halfSipVectors.map((_, length) => hashOf(input, length))).toEqual(halfSipVectors);
  });

  it('depends on the bytes of the range only', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.uint8Array({ maxLength: 9 }),
        fc.uint8Array({ maxLength: 9 }),
        (text, before, after) => {
          expect(hashOf(Buffer.concat([before, text, after]), text.length, before.length)).toBe(hashOf(text));
        },
      ),
    );
  });

  it.each([
    ['the low word', () => half.low],
    ['the high word', () => half.high],
  ])('spreads addresses that differ in a digit evenly over 12 bits of %s', (_, word) => {
    const buckets = new Uint32Array(4_096);
    const count = 4_096 * 32;
    for (let number = 0; number < count; number += 1) {
      const text = Buffer.from(`customer.${number}@example.com`);
      halfSipHash(text, 0, text.length, 1, 2);
      buckets[word() & 4_095]! += 1;
    }
    // chi-squared with 4,095 degrees of freedom: mean 4,095, deviation 90; the addresses are fixed, so this cannot flicker
    const chiSquared = buckets.reduce((sum, hits) => sum + (hits - 32) ** 2 / 32, 0);
    expect(Math.abs(chiSquared - 4_095)).toBeLessThan(5 * 90);
  });
});

describe('hashMember', () => {
  const keyOf = (text: string, secret: string): string => {
    const bytes = Buffer.from(text);
    hashMember(bytes, 0, bytes.length, parseHashKey(secret));
    return [memberKey.a, memberKey.b, memberKey.c].map((word) => word.toString(16).padStart(8, '0')).join('');
  };
  const secret = Buffer.alloc(32, 7).toString('base64');

  it('is the same for the same address and key, and has nothing to do with that of another key', () => {
    expect(keyOf('ada@example.com', secret)).toBe(keyOf('ada@example.com', secret));
    const keys = [secret, ...Array.from({ length: 20 }, () => randomBytes(32).toString('base64'))].map((one) =>
      keyOf('ada@example.com', one),
    );
    expect(new Set(keys.map((key) => key.slice(0, 16))).size).toBe(keys.length);
    expect(new Set(keys.map((key) => key.slice(16))).size).toBe(keys.length);
  });

  it('has two halves that know nothing of each other: where 12 bits of one collide, the other tells the addresses apart', () => {
    const seen = new Map<string, string[]>();
    for (let number = 0; number < 20_000; number += 1) {
      const key = keyOf(`c${number}@example.com`, secret);
      seen.set(key.slice(5, 8), [...(seen.get(key.slice(5, 8)) ?? []), key]);
    }
    expect(seen.size).toBeGreaterThan(4_000);
    expect([...seen.values()].every((keys) => new Set(keys.map((key) => key.slice(16))).size === keys.length)).toBe(true);
  });

  it('has a key whose name says nothing of the secret and differs for each', () => {
    const other = Buffer.alloc(32, 8).toString('base64');
    expect(parseHashKey(secret).id).not.toBe(parseHashKey(other).id);
    expect(parseHashKey(secret).id).toMatch(/^[0-9a-f]{16}$/);
    expect(parseHashKey(secret).words).toHaveLength(8);
  });
});

describe('hashPayload', () => {
  const hashOf = (bytes: Uint8Array, seed = [1, 2], start = 0, end = bytes.length): string => {
    hashPayload(bytes, start, end, seed[0]!, seed[1]!);
    return `${payloadHash.low}/${payloadHash.high}`;
  };

  it('notices a change of any byte, an added and a missing one, and another seed', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (bytes, place, difference) => {
          const changed = Uint8Array.from(bytes);
          changed[place % bytes.length]! ^= difference;
          const hashes = [
            hashOf(bytes),
            hashOf(changed),
            hashOf(bytes.subarray(0, -1)),
            hashOf(Buffer.concat([bytes, Buffer.alloc(1)])),
            hashOf(bytes, [1, 3]),
            hashOf(bytes, [2, 2]),
          ];
          expect(new Set(hashes).size).toBe(hashes.length);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('notices two fields that change places', () => {
    const text = (first: string, last: string) => Buffer.from(`,"first_name":"${first}","last_name":"${last}"`);
    expect(hashOf(text('Anna', 'Beth'))).not.toBe(hashOf(text('Beth', 'Anna')));
  });

  it('is the same wherever the bytes lie', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), fc.uint8Array({ maxLength: 9 }), (bytes, before) => {
        expect(hashOf(Buffer.concat([before, bytes, Buffer.from('x')]), [1, 2], before.length, before.length + bytes.length)).toBe(
          hashOf(bytes),
        );
      }),
    );
  });

  it('tells many small differences apart, and is never what stands for "not known"', () => {
    const bytes = Buffer.from(',"properties":{"total_spend":0000000}');
    const seen = new Set<number>();
    const at = bytes.indexOf('0000000');
    for (let spent = 0; spent < 300_000; spent += 1) {
      bytes.write(String(spent).padStart(7, '0'), at, 'latin1');
      hashPayload(bytes, 0, bytes.length, 3, 4);
      if (payloadHash.high === 0) throw new Error('the hash of a payload stands for none');
      seen.add(payloadHash.low * 2 ** 21 + (payloadHash.high >>> 11)); // 53 of the 64 bits
    }
    expect(seen.size).toBe(300_000);
  });
});
