import { at } from '../bicep-file';
import type { Expression } from '../expression';
import { possibleValues } from '../possible-values';
import type { Product } from '../product';
import type { Finding, Template } from '../template';

const FILE = 'modules/storage.bicep';
const OF_THE_DEPLOYMENT = new Set(['deployment', 'event-dead-letters']);

/** Names that a looped resource gets: those of the array that it loops over. */
const namesOf = (template: Template, type: string): { names: string[]; line: number } => {
  const file = template.file(FILE);
  const resource = file.resources.find((one) => one.type === type);
  const values = resource?.loop ? possibleValues(file, resource.loop.over) : [];
  const names = values
    .flatMap((value) => (value.kind === 'array' ? value.items : []))
    .flatMap((item) => possibleValues(file, item))
    .flatMap((item) => (item.kind === 'text' ? [item.value] : []));
  return { names, line: resource?.line ?? 1 };
};

/** Every table, queue and container of the app is made, and no other. */
export const stores = (template: Template, product: Product): Finding[] => {
  const compare = (what: string, type: string, wanted: readonly string[]): Finding[] => {
    const { names, line } = namesOf(template, `Microsoft.Storage/storageAccounts/${type}`);
    return [
      ...wanted.filter((name) => !names.includes(name)).map((name) => ({ file: FILE, line, text: `the ${what} ${name} is not made` })),
      ...names
        .filter((name) => !wanted.includes(name) && !(what === 'container' && OF_THE_DEPLOYMENT.has(name)))
        .map((name) => ({ file: FILE, line, text: `the ${what} ${name} is used by nobody` })),
    ];
  };
  return [
    ...compare('table', 'tableServices/tables', product.tables),
    ...compare('queue', 'queueServices/queues', product.queues),
    ...compare('container', 'blobServices/containers', product.containers),
  ];
};

const rules = (template: Template): Expression[] => {
  const policy = template.file(FILE).resources.find(({ type }) => type.endsWith('/managementPolicies'));
  const found = policy && at(policy.object, 'properties', 'policy', 'rules');
  return found?.kind === 'array' ? [...found.items] : [];
};

/** Staged batches, which hold addresses, go after three days, whatever the app does. */
export const lifecycle = (template: Template): Finding[] => {
  const staged = rules(template).find((rule) => {
    const prefixes = rule.kind === 'object' ? at(rule, 'definition', 'filters', 'prefixMatch') : undefined;
    return prefixes?.kind === 'array' && prefixes.items.some((item) => item.kind === 'text' && item.value === 'staged/');
  });
  const days =
    staged?.kind === 'object' ? at(staged, 'definition', 'actions', 'baseBlob', 'delete', 'daysAfterModificationGreaterThan') : undefined;
  const enabled = staged?.kind === 'object' ? at(staged, 'enabled') : undefined;
  if (days?.kind === 'number' && days.value === 3 && enabled?.kind === 'boolean' && enabled.value) return [];
  return [{ file: FILE, line: staged?.line ?? 1, text: 'staged blobs are not removed after 3 days' }];
};
