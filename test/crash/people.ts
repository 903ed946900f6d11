/**
 * Invented people, and who of them is in which segment on which day. What should be on a list follows from here and from nothing else: no
 * line of the app has a say in it.
 */

export interface Segment {
  readonly name: string;
  /** of its addresses; segments with the same prefix share people */
  readonly prefix: string;
  readonly size: number;
  /** number of the first person on day 0, and how many leave at the front and join at the end each day */
  readonly first: number;
  readonly step: number;
  /** bytes of text beside the name: wide rows fill a job sooner */
  readonly width: number;
  /** rows without a usable address */
  readonly bad: number;
  /** with another segment of the same prefix: some people move to and fro between the two, each day all of them */
  readonly side?: 0 | 1;
}

export interface Row {
  readonly id: string;
  /** as the source spells it */
  readonly email: string;
  readonly firstName: string;
  readonly notes: string;
  /** undefined: the address is none, and was made so */
  readonly person?: string;
}

/** Our own idea of what makes two spellings one address. */
const normalised = (email: string): string => email.trim().toLowerCase();

const BAD = ['', 'nobody', 'two@@signs.example', 'no-host@', 'a blank@example.com', '@example.com'];

/** Somebody who is away every third day, and comes back. */
const isAway = (person: number, day: number): boolean => person % 23 === 3 && (person + day) % 3 === 0;
/** Whether somebody who moves to and fro is on the other side. */
const isOver = (person: number, day: number, side: 0 | 1 | undefined): boolean =>
  side !== undefined && person % 13 === 5 && (person + day) % 2 !== side;
/** Each day a fifth of the people have something new. */
const version = (person: number, day: number): number => Math.floor((day + (person % 5)) / 5);

const FILLER = 'likes walks in the rain and writes about them at length; ';
const filler = (width: number, tag: string): string => (width === 0 ? '' : `${tag} ${FILLER.repeat(Math.ceil(width / FILLER.length))}`);

const spelled = (email: string, person: number): string =>
  person % 11 === 0 ? `  ${email} ` : person % 7 === 0 ? email.toUpperCase() : email;

/** The rows of a segment on a day: good ones, some addresses twice, some bad ones. */
export const rowsOf = ({ name, prefix, size, first, step, width, bad, side }: Segment, day: number): Row[] => {
  const rows: Row[] = [];
  const from = first + day * step;
  for (let person = from; person < from + size; person += 1) {
    if (isAway(person, day) || isOver(person, day, side)) continue;
    const email = addressOf(prefix, person);
    const tag = `v${version(person, day)}`;
    const row: Row = {
      id: `${prefix}${person}`,
      email: spelled(email, person),
      firstName: `Ada ${tag}`,
      notes: filler(width, tag),
      person: normalised(email),
    };
    rows.push(row);
    if (person % 29 === 0) rows.push({ ...row, id: `${row.id}-again`, email: email.toUpperCase() });
  }
  for (let number = 0; number < bad; number += 1) {
    rows.push({ id: `${name}-bad${number}`, email: BAD[(number + day) % BAD.length]!, firstName: 'Nobody', notes: '' });
  }
  return rows;
};

export const addressOf = (prefix: string, person: number): string => `${prefix}${person}@people.example`;

/** Everybody with a good address in some segments on a day. */
export const peopleOf = (segments: readonly Segment[], day: number): Set<string> =>
  new Set(segments.flatMap((segment) => rowsOf(segment, day).flatMap(({ person }) => (person === undefined ? [] : [person]))));

/** What a run over these segments must count, whatever was sent before. */
export const countsOf = (segments: readonly Segment[], day: number): { read: number; invalid: number; duplicates: number } => {
  const rows = segments.flatMap((segment) => rowsOf(segment, day));
  const invalid = rows.filter(({ person }) => person === undefined).length;
  return { read: rows.length, invalid, duplicates: rows.length - invalid - peopleOf(segments, day).size };
};

/** Whom Klaviyo refuses, at the admission or in the job: they never come to a list. */
export const refusedPeople = (prefix: string, upTo: number): { atAdmission: string[]; inJob: string[] } => {
  const numbers = Array.from({ length: upTo }, (_, person) => person);
  const those = (rest: number) => numbers.filter((person) => person % 31 === rest).map((person) => addressOf(prefix, person));
  return { atAdmission: those(7), inJob: those(13) };
};

const field = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

export const csvOf = (rows: readonly Row[]): string =>
  `CustomerId,EMail,FirstName,Notes\r\n${rows
    .map(({ id, email, firstName, notes }) => `${[id, email, firstName, notes].map(field).join(',')}\r\n`)
    .join('')}`;
