import { bomOf, purlOf } from '../../../infra/package/bom';
import type { DeliveredPackage } from '../../../infra/package/packages';
import { bomFaults } from '../../support/bom-schema';

const project = { name: 'the-app', version: '1.2.3', license: 'MIT', dependencies: { '@azure/identity': '4', absent: '1' } };
const one = (name: string, version: string, more: Partial<DeliveredPackage> = {}): DeliveredPackage => ({
  name,
  version,
  license: 'MIT',
  folders: [`node_modules/${name}`],
  parts: ['app'],
  dependencies: [],
  ...more,
});
const packages = [
  one('@azure/identity', '4.14.1', { integrity: `sha512-${Buffer.alloc(64, 'abc').toString('base64')}`, dependencies: ['zod', 'absent'] }),
  one('dual', '1.0.0', { license: '(MIT OR Apache-2.0)' }),
  one('odd', '1.0.0', { license: 'See the file' }),
  one('zod', '3.0.0', { folders: ['node_modules/other/node_modules/zod', 'node_modules/@azure/identity/node_modules/zod'] }),
  one('zod', '4.0.0', { parts: ['app', 'portal'] }),
];
interface Bom {
  readonly components: Record<string, unknown>[];
  readonly dependencies: { ref: string; dependsOn?: string[] }[];
}
const made = (): Bom => JSON.parse(bomOf(project, packages)) as Bom;

it('is a bill as CycloneDX 1.6 describes it', () => {
  expect(bomFaults(made())).toEqual([]);
  expect(bomFaults({ ...made(), components: [{ name: 'no type' }] })).not.toEqual([]);
});

it('says of each package what it is, its licence, its hash, and where its code stands', () => {
  expect(made().components[0]).toEqual({
    type: 'library',
    group: '@azure',
    name: 'identity',
    version: '4.14.1',
    'bom-ref': 'pkg:npm/%40azure/identity@4.14.1',
    purl: 'pkg:npm/%40azure/identity@4.14.1',
    hashes: [{ alg: 'SHA-512', content: Buffer.alloc(64, 'abc').toString('hex') }],
    licenses: [{ license: { id: 'MIT' } }],
    properties: [{ name: 'customer-insights-to-klaviyo:part', value: 'app' }],
  });
  const licenses = made().components.map((component) => component.licenses);
  expect(licenses[1]).toEqual([{ expression: '(MIT OR Apache-2.0)' }]);
  expect(licenses[2]).toEqual([{ license: { name: 'See the file' } }]);
});

it('connects packages as Node would find them: the nearest version, and only what is delivered', () => {
  expect(made().dependencies).toEqual(
    expect.arrayContaining([
      { ref: 'the-app@1.2.3', dependsOn: ['pkg:npm/%40azure/identity@4.14.1'] },
      { ref: 'pkg:npm/%40azure/identity@4.14.1', dependsOn: ['pkg:npm/zod@3.0.0'] },
    ]),
  );
});

it('tells no time and no chance: the same packages give the same text', () => {
  expect(bomOf(project, packages)).toBe(bomOf(project, packages));
  expect(bomOf(project, packages)).not.toMatch(/serialNumber|timestamp|https?:\/\/(?!cyclonedx)/);
});

it.each([
  [{ name: 'zod', version: '4.0.0' }, 'pkg:npm/zod@4.0.0'],
  [{ name: '@a/b', version: '1.0.0+build' }, 'pkg:npm/%40a/b@1.0.0%2Bbuild'],
])('writes %j as a package URL', (given, purl) => {
  expect(purlOf(given)).toBe(purl);
});
