import { z } from 'zod';

/** Name of a field of the source's unified profile, as its own metadata spells it. */
const SourceField = z.string().trim().min(1).max(200);
const optional = SourceField.optional();

/** Klaviyo's name of a custom property. Dots, quotes and control characters are refused, as Klaviyo's segment builder trips over them. */
const PropertyName = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}"\\]+$/u, 'expected a property name without quotes, backslashes or control characters');

export const MappedLocation = z
  .strictObject({
    address1: optional,
    address2: optional,
    city: optional,
    region: optional,
    zip: optional,
    country: optional,
  })
  .meta({ id: 'MappedLocation' });

export const MappedProperty = z.strictObject({ field: SourceField, name: PropertyName }).meta({ id: 'MappedProperty' });

/** Which field of the source goes to which attribute of the Klaviyo profile (klaviyo.md §1, import job). Only the e-mail is required. */
export const Mapping = z
  .strictObject({
    email: SourceField,
    firstName: optional,
    lastName: optional,
    phoneNumber: optional,
    externalId: optional,
    organization: optional,
    title: optional,
    locale: optional,
    image: optional,
    location: MappedLocation.optional(),
    properties: z.array(MappedProperty).max(200).optional(),
  })
  .refine((mapping) => new Set(mapping.properties?.map(({ name }) => name)).size === (mapping.properties?.length ?? 0), {
    path: ['properties'],
    message: 'expected each property name once',
  })
  .meta({ id: 'Mapping' });
export type Mapping = z.infer<typeof Mapping>;

/** Fields of the source that a mapping reads, each once, the e-mail first. */
export const mappedFields = (mapping: Mapping): readonly string[] => {
  const { properties, location, ...core } = mapping;
  const all = [core.email, ...Object.values(core), ...Object.values(location ?? {}), ...(properties ?? []).map(({ field }) => field)];
  return [...new Set(all.filter((field): field is string => field !== undefined))];
};

/** Every mapped field with its JSON pointer below `/mapping`. */
export const mappingPointers = ({ location, properties, ...core }: Mapping): readonly { pointer: string; field: string }[] => {
  const named = (prefix: string, fields: Readonly<Record<string, string | undefined>>) =>
    Object.entries(fields).flatMap(([name, field]) => (field === undefined ? [] : [{ pointer: `/mapping/${prefix}${name}`, field }]));
  return [
    ...named('', core),
    ...named('location/', location ?? {}),
    ...(properties ?? []).map(({ field }, index) => ({ pointer: `/mapping/properties/${index}/field`, field })),
  ];
};
