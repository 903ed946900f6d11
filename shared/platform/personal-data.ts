/** A day, with the hour that may follow it. */
const DATE = /^\d{4}-\d\d-\d\d(?:\s\d\d)?$/;

/** Addresses, long numbers and keys in a text of others are data of a person, or worse: taken out before the text goes anywhere but the row report. */
export const withoutPersonalData = (text: string): string =>
  text
    .replace(/\S+@\S+/g, '(address)')
    .replace(/\b(?:pk|whsec)_\w+/g, '(key)')
    .replace(/\+?\d[\d\s().-]{6,}\d/g, (found) => (DATE.test(found) ? found : '(number)'));
