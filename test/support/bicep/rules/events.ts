import { at } from '../bicep-file';
import type { Expression } from '../expression';
import type { Product } from '../product';
import type { Finding, Template } from '../template';

const texts = (value: Expression | undefined): string[] =>
  value?.kind === 'array' ? value.items.flatMap((item) => (item.kind === 'text' ? [item.value] : [])) : [];

/** Event Grid sends what the app takes, where it looks for it: written model.json files and manifests, into the queue, for ever. */
export const events = (template: Template, product: Product): Finding[] => {
  const file = template.file('modules/events.bicep');
  const subscription = file.resources.find(({ existing }) => !existing);
  const properties = subscription && at(subscription.object, 'properties');
  if (properties?.kind !== 'object') return [{ file: file.name, line: 1, text: 'there is no subscription' }];
  const report = (line: number, text: string) => ({ file: file.name, line, text });
  const filters = at(properties, 'filter', 'advancedFilters');
  const valuesOf = (key: string): string[] => {
    const filter =
      filters?.kind === 'array' ? filters.items.find((one) => one.kind === 'object' && textOf(at(one, 'key')) === key) : undefined;
    return filter?.kind === 'object' ? texts(at(filter, 'values')).sort() : [];
  };
  const textOf = (value: Expression | undefined): string | undefined => (value?.kind === 'text' ? value.value : undefined);
  const queue = textOf(at(properties, 'deliveryWithResourceIdentity', 'destination', 'properties', 'queueName'));
  const time = at(properties, 'deliveryWithResourceIdentity', 'destination', 'properties', 'queueMessageTimeToLiveInSeconds');
  const container = textOf(at(properties, 'deadLetterWithResourceIdentity', 'deadLetterDestination', 'properties', 'blobContainerName'));
  const line = properties.line;
  return [
    ...(valuesOf('data.api').join() === product.eventApis.join()
      ? []
      : [report(line, `data.api must be one of ${product.eventApis.join(', ')}`)]),
    ...(valuesOf('subject').join() === '.manifest.cdm.json,/model.json'
      ? []
      : [report(line, 'the subject must end with /model.json or .manifest.cdm.json')]),
    ...(queue === 'export-requests' ? [] : [report(line, 'events must go to export-requests')]),
    ...(time?.kind === 'number' && time.value === -1 ? [] : [report(line, 'messages must live for ever')]),
    ...(container === 'event-dead-letters' ? [] : [report(line, 'what cannot be delivered must be kept')]),
  ];
};
