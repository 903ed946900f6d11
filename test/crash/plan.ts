import { createRandom } from './random';

/**
 * Where a runner can be hit: the eight phases of a run, and beside them `claim` (from the lease to the first save of a turn), `handover`
 * (from the last save of a turn to its next message) and `ended` (after the save that ends the run).
 */
export const STAGES = [
  'prepare',
  'remove',
  'canary',
  'finish',
  'submit',
  'verify',
  'settle',
  'gate',
  'handover',
  'ended',
  'claim',
] as const;
export type Stage = (typeof STAGES)[number];

/** before: the call never leaves; middle: it is under way; lost: it was carried out, but nobody hears of it. */
export const FLAVOURS = ['before', 'middle', 'lost'] as const;
export type Flavour = (typeof FLAVOURS)[number];

/** One kill -9 to be. */
export interface Kill {
  readonly number: number;
  readonly stage: Stage;
  readonly flavour: Flavour;
  /** on the write of run.json that enters the stage, on a later call, or on one to Klaviyo */
  readonly at: 'boundary' | 'call' | 'klaviyo';
  /** which call of this sort in the stage, from 1; brought down where a stage makes fewer */
  readonly call: number;
  /** how much of a body is under way when `middle` strikes: half of it, or all */
  readonly share: 0.5 | 1;
}

/** How many calls a stage makes as a rule; later ones are hit less often. */
const CALLS: Readonly<Record<Stage, number>> = {
  prepare: 40,
  gate: 2,
  canary: 12,
  submit: 30,
  settle: 8,
  remove: 20,
  verify: 8,
  finish: 24,
  handover: 4,
  ended: 5,
  claim: 4,
};
const PLACES: Readonly<Record<Stage, readonly Kill['at'][]>> = {
  prepare: ['call'],
  gate: ['boundary', 'call'],
  canary: ['boundary', 'klaviyo', 'call'],
  submit: ['boundary', 'klaviyo', 'call'],
  settle: ['boundary', 'klaviyo', 'call'],
  remove: ['boundary', 'klaviyo', 'call'],
  verify: ['boundary', 'klaviyo', 'call'],
  finish: ['boundary', 'call'],
  handover: ['call'],
  ended: ['call'],
  claim: ['call'],
};
/** Calls to Klaviyo are few beside those to storage. */
const KLAVIYO_CALLS = 6;
/** A runner that dies in its claim has no follower before the timer looks: these take a minute each, so they come every third round. */
const CLAIM_EVERY = 3;

/** The same seed gives the same kills: round after round each stage once, and within nine rounds each with every flavour in every place. */
export const planKills = (count: number, seed: number): Kill[] => {
  const random = createRandom(seed);
  const kills: Kill[] = [];
  for (let round = 0; kills.length < count; round += 1) {
    for (const [index, stage] of STAGES.entries()) {
      if (stage === 'claim' && round % CLAIM_EVERY !== CLAIM_EVERY - 1) continue;
      if (kills.length === count) break;
      const turn = stage === 'claim' ? Math.floor(round / CLAIM_EVERY) : round;
      const places = PLACES[stage];
      const at = places[(Math.floor(turn / FLAVOURS.length) + index + 2 * turn) % places.length]!;
      kills.push({
        number: kills.length + 1,
        stage,
        flavour: FLAVOURS[(turn + index) % FLAVOURS.length]!,
        at,
        call: 1 + Math.floor(random.next() ** 1.5 * (at === 'klaviyo' ? KLAVIYO_CALLS : CALLS[stage])),
        share: random.next() < 0.5 ? 0.5 : 1,
      });
    }
  }
  return kills;
};
