import type { Phase, PhaseResult } from '../slice';

/** Fewer invalid rows than this never stop a run, whatever their share: a small segment may well be bad by half. */
const MIN_INVALID_ROWS = 50;

const number = (value: number): string => value.toLocaleString('en');

/**
 * Checks the whole plan before the first byte leaves; a dry run ends here (design §2, gate table).
 * @param maxInvalidShare 0 to 1
 */
export const createGate =
  ({ maxInvalidShare }: { maxInvalidShare: number }): Phase =>
  async ({ document, warn }): Promise<PhaseResult> => {
    const { run, config } = document;
    const { counts, plan } = run;
    if (!plan) throw new Error('the gate needs a plan');
    if (plan.members > config.maxProfiles) {
      return {
        end: 'failed',
        error: {
          code: 'cap_exceeded',
          message: `The segments hold ${number(plan.members)} people with a valid address, and this export may send ${number(config.maxProfiles)}; raise its limit or choose smaller segments. Nothing was sent.`,
        },
      };
    }
    if (counts.invalid >= MIN_INVALID_ROWS && counts.invalid > counts.read * maxInvalidShare) {
      return {
        end: 'failed',
        error: {
          code: 'too_many_invalid',
          message: `${number(counts.invalid)} of ${number(counts.read)} rows have no usable e-mail address, more than the limit of ${Math.round(maxInvalidShare * 100)} %; see whether the right field is mapped to the e-mail. Nothing was sent.`,
        },
      };
    }
    if (counts.read === 0) {
      warn('source_empty', 'The segments are empty; nothing was sent and nobody was removed.');
      return { end: 'successful' };
    }
    if (run.dryRun) return { end: 'successful' };
    return { next: 'submit' };
  };
