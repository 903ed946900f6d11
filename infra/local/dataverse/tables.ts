import { createHash } from 'node:crypto';
import { loyaltyTiers } from '../sample/places';
import type { People } from './people';

const FORMATTED = '@OData.Community.Display.V1.FormattedValue';

/** A GUID of its own for each row, always the same. */
const guid = (kind: string, id: string): string => {
  const hex = createHash('sha1').update(`${kind}\n${id}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
};

const orNull = (value: string | undefined): string | null => (value === undefined || value === '' ? null : value);

/** Columns of the profile: how Dataverse describes them, and where a row has them from. */
const profileColumns: readonly {
  readonly name: string;
  readonly type: string;
  readonly of?: string;
  readonly value: (values: Readonly<Record<string, string>>) => string | number | null;
  readonly label?: (values: Readonly<Record<string, string>>) => string | undefined;
}[] = [
  { name: 'msdynci_customerid', type: 'String', value: ({ CustomerId }) => orNull(CustomerId) },
  { name: 'msdynci_email', type: 'String', value: ({ EMail }) => orNull(EMail) },
  { name: 'msdynci_firstname', type: 'String', value: ({ FirstName }) => orNull(FirstName) },
  { name: 'msdynci_lastname', type: 'String', value: ({ LastName }) => orNull(LastName) },
  { name: 'msdynci_telephone', type: 'String', value: ({ Telephone }) => orNull(Telephone) },
  { name: 'msdynci_city', type: 'String', value: ({ City }) => orNull(City) },
  { name: 'msdynci_country', type: 'String', value: ({ Country }) => orNull(Country) },
  {
    name: 'msdynci_loyaltytier',
    type: 'Picklist',
    value: ({ LoyaltyTier }) => (LoyaltyTier ? 100_000_000 + loyaltyTiers.indexOf(LoyaltyTier) : null),
    label: ({ LoyaltyTier }) => LoyaltyTier,
  },
  { name: 'msdynci_loyaltytiername', type: 'Virtual', of: 'msdynci_loyaltytier', value: () => null },
  { name: 'msdynci_totalspend', type: 'Decimal', value: ({ TotalSpend }) => (TotalSpend ? Number(TotalSpend) : null) },
  { name: 'msdynci_lastpurchase', type: 'DateTime', value: ({ LastPurchase }) => orNull(LastPurchase) },
];

export interface Table {
  readonly set: string;
  readonly key: string;
  readonly columns: ReadonlySet<string>;
  readonly count: () => number;
  /** A row whole; undefined where there is none at this place. */
  readonly row: (index: number, options: { formatted: boolean }) => Record<string, unknown> | undefined;
  /** Where the row with a value in a column that has an index lies. */
  readonly find: (column: string, value: string) => number | undefined;
}

/**
 * The two tables of Customer Insights, over the same people.
 * @param isMissing whether a customer's profile has not been written yet
 */
export const createTables = (people: () => People, isMissing: (index: number) => boolean): Readonly<Record<string, Table>> => {
  const memberships: Table = {
    set: 'msdynci_segmentmemberships',
    key: 'msdynci_segmentmembershipid',
    columns: new Set(['msdynci_segmentmembershipid', 'msdynci_customerid', 'msdynci_segments', 'msdynci_identifier']),
    count: () => people().count,
    row: (index) => {
      const { id, segments } = people().person(index);
      if (segments === 0) return undefined;
      return {
        msdynci_segmentmembershipid: guid('membership', id),
        msdynci_customerid: id,
        msdynci_segments: JSON.stringify(people().namesOf(segments)),
        msdynci_identifier: `${id}|CustomerInsights|Customer`,
      };
    },
    find: (column, value) => (column === 'msdynci_customerid' ? people().indexOf(value) : undefined),
  };
  const profiles: Table = {
    set: 'msdynci_customerprofiles',
    key: 'msdynci_customerprofileid',
    columns: new Set(['msdynci_customerprofileid', ...profileColumns.filter(({ of }) => of === undefined).map(({ name }) => name)]),
    count: () => people().count,
    row: (index, { formatted }) => {
      if (isMissing(index)) return undefined;
      const values = people().values(index);
      const row: Record<string, unknown> = { msdynci_customerprofileid: guid('profile', people().person(index).id) };
      for (const { name, of, value, label } of profileColumns) {
        if (of !== undefined) continue;
        row[name] = value(values);
        const shown = label?.(values);
        if (formatted && shown) row[`${name}${FORMATTED}`] = shown;
      }
      return row;
    },
    find: (column, value) => (column === 'msdynci_customerid' ? people().indexOf(value) : undefined),
  };
  return { [memberships.set]: memberships, [profiles.set]: profiles };
};

/** How `EntityDefinitions(…)/Attributes` describes the profile. */
export const profileAttributes = (): Record<string, unknown>[] => [
  { LogicalName: 'msdynci_customerprofileid', AttributeType: 'Uniqueidentifier', AttributeOf: null, IsValidForRead: true },
  ...profileColumns.map(({ name, type, of }) => ({
    LogicalName: name,
    AttributeType: type,
    AttributeOf: of ?? null,
    IsValidForRead: true,
  })),
];
