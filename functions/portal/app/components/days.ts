const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;

/**
 * The instant at which a day of the reader's calendar begins.
 * @param date YYYY-MM-DD, as fields for dates have it
 * @param daysLater of the day so many days later
 * @returns UTC ISO string; undefined for what is no day
 */
export const dayBegins = (date: string | undefined, daysLater: number): string | undefined => {
  const found = DATE.exec(date ?? '');
  if (found === null) return undefined;
  const [year, month, day] = found.slice(1).map(Number) as [number, number, number];
  const whole = new Date(year, month - 1, day);
  if (whole.getFullYear() !== year || whole.getMonth() !== month - 1 || whole.getDate() !== day) return undefined;
  return new Date(year, month - 1, day + daysLater).toISOString();
};
