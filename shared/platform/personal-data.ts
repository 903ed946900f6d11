/** A day, with the hour that may follow it. */
const DATE = /^\d{4}-\d\d-\d\d(?:\s\d\d)?$/;

/**
 * A word with an @ inside is an address, whatever else is in it. Word by word: callers choose these texts, and a pattern with an open end on
 * either side of the @ tries every place of a long word against every other.
 */
export const withoutAddresses = (text: string): string =>
  text.replace(/\S+/g, (word) => (word.lastIndexOf('@', word.length - 2) > 0 ? '(address)' : word));

/** Addresses, long numbers and keys in a text of others are data of a person, or worse: taken out before the text goes anywhere but the row report. */
export const withoutPersonalData = (text: string): string =>
  withoutAddresses(text)
    .replace(/\b(?:pk|whsec)_\w+/g, '(key)')
    .replace(/\+?\d[\d\s().-]{6,}\d/g, (found) => (DATE.test(found) ? found : '(number)'));
