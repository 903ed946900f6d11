/** Compressed forms in which an answer may lie ready, the one we like best first. */
const FORMS = ['br', 'gzip'] as const;
export type Encoding = (typeof FORMS)[number];

/**
 * What a caller likes best of the forms that lie ready, by Accept-Encoding with its weights (RFC 9110, 12.5.3).
 * @returns undefined for the plain form, also where the caller refuses that as well: better plain than nothing
 */
export const chooseEncoding = (accept: string | null, ready: readonly Encoding[] = FORMS): Encoding | undefined => {
  const weights = new Map<string, number>();
  for (const part of (accept ?? '').toLowerCase().split(',')) {
    const [name, weight = '1'] = part.split(/;\s*q=/).map((text) => text.trim());
    if (name && /^(0(\.\d*)?|1(\.0*)?)$/.test(weight)) weights.set(name, Number(weight));
  }
  const weightOf = (form: string): number => weights.get(form) ?? weights.get('*') ?? 0;
  const liked = ready.filter((form) => weightOf(form) > 0 && weightOf(form) >= (weights.get('identity') ?? 0));
  return liked.sort((one, other) => weightOf(other) - weightOf(one))[0];
};
