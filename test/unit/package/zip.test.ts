import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { unzipSync } from 'fflate';
import { zipOf } from '../../../infra/package/zip';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

it('gives back what went in, in the order of the names, with forward slashes', () => {
  const zip = zipOf(
    new Map([
      ['functions\\index.js', bytes('main')],
      ['a.br', bytes('packed')],
      ['host.json', bytes('{}')],
    ]),
  );
  const unpacked = unzipSync(zip);
  expect(Object.keys(unpacked)).toEqual(['a.br', 'functions/index.js', 'host.json']);
  expect(Buffer.from(unpacked['functions/index.js']!).toString()).toBe('main');
});

it('is the same whatever the order in which the files come', () => {
  const files = [
    ['b', bytes('2')],
    ['a', bytes('1')],
  ] as const;
  expect(sha256(zipOf(new Map([...files].reverse())))).toBe(sha256(zipOf(new Map(files))));
});

it.each(['UTC', 'Pacific/Kiritimati', 'America/St_Johns', 'Africa/Monrovia'])('is the same in the time zone %s', (TZ) => {
  const compiled = path.resolve(__dirname, '../../../dist/infra/package/zip.js');
  const program = `const { zipOf } = require(${JSON.stringify(compiled)}); process.stdout.write(zipOf(new Map([['a', Buffer.from('1')]])))`;
  const there = execFileSync(process.execPath, ['-e', program], { env: { TZ } });
  expect(sha256(there)).toBe(sha256(zipOf(new Map([['a', bytes('1')]]))));
});

it.each(['/etc/passwd', '../beside', 'a/../../b', 'C:/windows', '\\\\server\\share'])(
  'refuses %s, which is no path inside a package',
  (name) => {
    expect(() => zipOf(new Map([[name, bytes('')]]))).toThrow('is no path inside a package');
  },
);
