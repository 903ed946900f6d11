import { gunzipSync, inflateSync } from 'node:zlib';

/** A text or bytes that left, and where it was found. */
export interface Haystack {
  readonly place: string;
  readonly content: string | Uint8Array;
}
/** A value that must not have left, by what it is. */
export type Needles = Readonly<Record<string, string>>;

export interface Leak {
  readonly place: string;
  readonly needle: string;
  /** how it was written there */
  readonly form: string;
}

/** The characters of base64 that a value makes whatever stands before and after it. */
const base64Of = (value: Buffer): string[] =>
  [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), value, Buffer.alloc(3)]).toString('base64');
    // the first characters mix with what stands before, the last with what follows
    const core = text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + value.length) * 8) / 6));
    return [core, core.replaceAll('+', '-').replaceAll('/', '_')];
  });

const escaped = (value: string, escape: (code: string) => string): string =>
  [...value].map((letter) => escape(letter.charCodeAt(0).toString(16).padStart(2, '0'))).join('');

/** Every way in which a value may stand in a text. Case does not matter where the form has none of its own. */
const formsOf = (value: string): { form: string; text: string; exact: boolean }[] => {
  const spellings = [...new Set([value, value.toLowerCase(), value.toUpperCase()])];
  const folded = [
    ['plain', value],
    ['URL', encodeURIComponent(value)],
    ['URL, every character', escaped(value, (code) => `%${code}`)],
    ['JSON', JSON.stringify(value).slice(1, -1)],
    ['JSON, every character', escaped(value, (code) => `\\u00${code}`)],
    ['JSON within JSON', JSON.stringify(JSON.stringify(value)).slice(3, -3)],
    ['UTF-16', [...value].join('\0')],
    ['backwards', [...value].reverse().join('')],
    ...spellings.flatMap((one) => [['hex', Buffer.from(one).toString('hex')] as const]),
  ] as const;
  const exact = spellings.flatMap((one) => base64Of(Buffer.from(one))).map((text) => ['base64', text] as const);
  return [
    ...folded.map(([form, text]) => ({ form, text: text.toLowerCase(), exact: false })),
    ...exact.map(([form, text]) => ({ form, text, exact: true })),
  ];
};

const GZIP = Buffer.from([0x1f, 0x8b, 0x08]);
const MOST_DEPTH = 4;

/** What is packed within: gzip wherever it begins, and what long runs of base64 stand for. */
const within = (bytes: Buffer): { how: string; bytes: Buffer }[] => {
  const found: { how: string; bytes: Buffer }[] = [];
  for (let at = bytes.indexOf(GZIP); at >= 0; at = bytes.indexOf(GZIP, at + 1)) {
    try {
      found.push({ how: 'gzip', bytes: gunzipSync(bytes.subarray(at), { finishFlush: 2 }) });
    } catch {
      // three bytes that look like it
    }
  }
  // H4sI begins gzip, eJ zlib
  for (const [run] of bytes.toString('latin1').matchAll(/(?:H4sI|eJ[wxy])[A-Za-z0-9+/_-]{16,}/g)) {
    const packed = Buffer.from(run, 'base64');
    try {
      found.push({
        how: 'base64 of gzip',
        bytes: run.startsWith('H4sI') ? gunzipSync(packed, { finishFlush: 2 }) : inflateSync(packed, { finishFlush: 2 }),
      });
    } catch {
      // a word that looks like it
    }
  }
  return found;
};

/** Looks for values in all that left, in every form; short values of one word only, as case and spaces are not kept. */
export const findLeaks = (haystacks: readonly Haystack[], needles: Needles): Leak[] => {
  const wanted = Object.entries(needles).map(([needle, value]) => ({ needle, forms: formsOf(value) }));
  const leaks: Leak[] = [];
  const look = (place: string, bytes: Buffer, how: string, depth: number): void => {
    const text = bytes.toString('latin1');
    const folded = text.toLowerCase();
    for (const { needle, forms } of wanted) {
      const form = forms.find((one) => (one.exact ? text : folded).includes(one.text));
      if (form) leaks.push({ place, needle, form: how === '' ? form.form : `${form.form} in ${how}` });
    }
    if (depth < MOST_DEPTH)
      for (const inner of within(bytes)) look(place, inner.bytes, [inner.how, how].filter((one) => one !== '').join(' in '), depth + 1);
  };
  for (const { place, content } of haystacks) look(place, Buffer.from(content as string), '', 0);
  return leaks;
};
