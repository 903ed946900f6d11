import { Enums, Models, Serialize, Spec, SPDX } from '@cyclonedx/cyclonedx-library';
import type { DeliveredPackage } from './packages';

/** The project itself, as its package.json describes it. */
export interface Described {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly license: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** Where in the delivery a package's code stands: app, portal or docs, one property each. */
export const PART_PROPERTY = 'customer-insights-to-klaviyo:part';

/** @returns e.g. pkg:npm/%40azure/identity@4.14.1 */
export const purlOf = ({ name, version }: { readonly name: string; readonly version: string }): string =>
  `pkg:npm/${name.split('/').map(encodeURIComponent).join('/')}@${encodeURIComponent(version)}`;

const licenseOf = (named: string): Models.License => {
  const id = SPDX.fixupSpdxId(named);
  if (id !== undefined) return new Models.SpdxLicense(id);
  return / (OR|AND|WITH) /.test(named) ? new Models.LicenseExpression(named) : new Models.NamedLicense(named);
};

const componentOf = (one: DeliveredPackage): Models.Component => {
  const { group, name } = splitName(one.name);
  const purl = purlOf(one);
  const component = new Models.Component(Enums.ComponentType.Library, name, { group, version: one.version, purl, bomRef: purl });
  component.licenses.add(licenseOf(one.license));
  const [algorithm, digest] = one.integrity?.split('-', 2) ?? [];
  if (algorithm === 'sha512' && digest !== undefined) {
    component.hashes.set(Enums.HashAlgorithm['SHA-512'], Buffer.from(digest, 'base64').toString('hex'));
  }
  for (const part of one.parts) component.properties.add(new Models.Property(PART_PROPERTY, part));
  return component;
};

const splitName = (whole: string): { group?: string; name: string } => {
  const [scope, name] = whole.split('/');
  return name === undefined ? { name: whole } : { group: scope, name };
};

/** What Node would take for a dependency of the package in this folder: the nearest one, from there upwards. */
const nearest = (name: string, from: string, byFolder: ReadonlyMap<string, DeliveredPackage>): DeliveredPackage | undefined => {
  for (let above = from === '' ? '' : `${from}/`; ; above = above.slice(0, above.lastIndexOf('node_modules/'))) {
    const found = byFolder.get(`${above}node_modules/${name}`);
    if (found !== undefined || above === '') return found;
  }
};

/**
 * The software bill of materials in CycloneDX 1.6, JSON: the packages that are delivered and nothing else. It names no time and no serial
 * number, so that the same delivery has the same bill.
 * @param packages sorted, each name and version once
 */
export const bomOf = (project: Described, packages: readonly DeliveredPackage[]): string => {
  const { name, version, description, license } = project;
  const whole = new Models.Component(Enums.ComponentType.Application, name, { version, description, bomRef: `${name}@${version}` });
  whole.licenses.add(licenseOf(license));
  const components = new Map(packages.map((one) => [one, componentOf(one)]));
  const byFolder = new Map(packages.flatMap((one) => one.folders.map((folder) => [folder, one] as const)));
  const connect = (from: Models.Component, names: readonly string[], folder: string): void => {
    for (const dependency of names) {
      const found = nearest(dependency, folder, byFolder);
      if (found !== undefined) from.dependencies.add(components.get(found)!.bomRef);
    }
  };
  for (const [one, component] of components) connect(component, one.dependencies, one.folders[0]!);
  connect(whole, Object.keys({ ...project.dependencies, ...project.devDependencies }), '');

  const bom = new Models.Bom({ components: new Models.ComponentRepository(components.values()) });
  bom.metadata.component = whole;
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
};
