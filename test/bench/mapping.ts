import type { Mapping } from '../../shared/exports/mapping';

/** Names, phone, city, country and three properties. */
export const benchMapping: Mapping = {
  email: 'EMail',
  firstName: 'FirstName',
  lastName: 'LastName',
  phoneNumber: 'Telephone',
  location: { city: 'City', country: 'Country' },
  properties: [
    { field: 'LoyaltyTier', name: 'loyalty_tier' },
    { field: 'TotalSpend', name: 'total_spend' },
    { field: 'LastPurchase', name: 'last_purchase' },
  ],
};
