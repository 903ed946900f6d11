/** The columns of every sample segment with their data types in model.json; their order is the order in the files. */
export const columns = [
  { name: 'CustomerId', dataType: 'string' },
  { name: 'EMail', dataType: 'string' },
  { name: 'FirstName', dataType: 'string' },
  { name: 'LastName', dataType: 'string' },
  { name: 'Telephone', dataType: 'string' },
  { name: 'City', dataType: 'string' },
  { name: 'Country', dataType: 'string' },
  { name: 'LoyaltyTier', dataType: 'string' },
  { name: 'TotalSpend', dataType: 'decimal' },
  { name: 'LastPurchase', dataType: 'dateTime' },
] as const;
