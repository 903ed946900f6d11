import type { Attribute } from './form';

export interface SourceField {
  readonly name: string;
  readonly dataType: string;
}

/**
 * Names under which an attribute goes in unified profiles, in small letters without anything between words, the likeliest first. No
 * guess for the external id, which may clash with one that Klaviyo has, nor for what people write in many ways.
 */
const names: readonly (readonly [Attribute, readonly string[]])[] = [
  ['email', ['email', 'emailaddress', 'emailaddress1', 'primaryemail', 'mail', 'courriel', 'adresseemail']],
  ['firstName', ['firstname', 'givenname', 'forename', 'prenom']],
  ['lastName', ['lastname', 'surname', 'familyname', 'nomdefamille', 'nom']],
  ['phoneNumber', ['phonenumber', 'phone', 'telephone', 'mobilephone', 'mobile', 'telephone1', 'mobilenumber']],
  ['organization', ['organization', 'organisation', 'company', 'companyname', 'accountname']],
  ['title', ['jobtitle']],
  ['locale', ['locale']],
  ['location/address1', ['address1', 'addressline1', 'address', 'street', 'street1', 'streetaddress', 'adresse']],
  ['location/address2', ['address2', 'addressline2', 'street2']],
  ['location/zip', ['zip', 'zipcode', 'postalcode', 'postcode', 'codepostal']],
  ['location/city', ['city', 'town', 'ville']],
  ['location/region', ['region', 'state', 'province', 'stateorprovince', 'stateprovince']],
  ['location/country', ['country', 'countryregion', 'countryorregion', 'pays']],
];

const plain = (name: string): string =>
  name
    .normalize('NFD')
    .replace(/[^A-Za-z0-9]/g, '')
    .toLowerCase();

/** Which field probably holds which attribute; each field at most once. A field whose name at least ends in "email" will do for that. */
export const guessMapping = (fields: readonly SourceField[]): Partial<Record<Attribute, string>> => {
  const texts = fields.filter(({ dataType }) => dataType.toLowerCase() === 'string');
  const byName = new Map(texts.map(({ name }) => [plain(name), name]));
  const guessed: Partial<Record<Attribute, string>> = {};
  for (const [attribute, known] of names) {
    const found = known.map((name) => byName.get(name)).find((name) => name !== undefined);
    if (found !== undefined) guessed[attribute] = found;
  }
  const email = guessed.email ?? texts.find(({ name }) => /e-?mail$/i.test(name))?.name;
  return email === undefined ? guessed : { ...guessed, email };
};

/** Klaviyo's usual spelling of a property: LoyaltyTier becomes loyalty_tier. */
export const propertyNameOf = (field: string): string =>
  field
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .replace(/[\s."\\-]+/g, '_')
    .toLowerCase();
