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

/** What customer profiles hold beside; for segments that are to be as wide as real ones (CI exports all attributes of a profile). */
export const moreColumns = [
  { name: 'Address', dataType: 'string' },
  { name: 'PostalCode', dataType: 'string' },
  { name: 'BirthDate', dataType: 'date' },
] as const;

/** A column of a table with many rows per customer; a segment that projects it repeats its customers. */
export const projectedColumn = { name: 'LastProduct', dataType: 'string' } as const;
