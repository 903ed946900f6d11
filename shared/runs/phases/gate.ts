import { lookUp, LOOKUP_SIZE } from '../../klaviyo/list-members';
import { importRows } from '../../klaviyo/import-jobs';
import { readEmails } from '../email-log';
import { dropSource } from '../prepare/spool';
import type { ReportedRow, RowReports } from '../row-report';
import type { RunDocument } from '../run';
import type { Phase, PhaseResult, Slice } from '../slice';
import type { Staging } from '../staging';
import type { StateStore } from '../state-store';

/** Fewer invalid rows than this never stop a run, whatever their share: a small segment may well be bad by half. */
const MIN_INVALID_ROWS = 50;
/** Lists below this size may lose half: percentages of few people say nothing. */
const SMALL_LIST = 20;
const LOOK_AGAIN_MS = 2_000;

const number = (value: number): string => value.toLocaleString('en');

/**
 * Whether removals are too many to be carried out without somebody's word: above a count and a share of the members, the last seven days
 * included; above half of a list of 20 or more; or such that nobody would be left (design §2). Pure.
 */
export const isHeld = ({
  leavers,
  members,
  lately,
  staying,
  guardCount,
  guardShare,
}: {
  leavers: number;
  /** in the old state */
  members: number;
  /** removed in the last seven days, approved ones left out */
  lately: number;
  /** members after the run */
  staying: number;
  guardCount: number;
  guardShare: number;
}): boolean => {
  if (leavers === 0) return false;
  if (staying === 0) return true;
  const all = leavers + lately;
  if (members >= SMALL_LIST && all > members / 2) return true;
  return all > guardCount && all > members * guardShare;
};

/**
 * Checks the whole plan before the first byte leaves (design §2, gate table). A dry run ends here. Removals above the guard are held, and
 * everything else goes on.
 */
export const createGate =
  ({ staging, reports, states }: { staging: Staging; reports: RowReports; states: Pick<StateStore, 'tryLock'> }): Phase =>
  async (slice): Promise<PhaseResult> => {
    const { document, warn } = slice;
    await dropSource(slice, { staging });
    const { run, config, remove } = document;
    const { counts, plan } = run;
    if (!plan || !document.staged || !remove) throw new Error('the gate needs a plan');
    if (plan.members > config.maxProfiles) {
      return {
        end: 'failed',
        error: {
          code: 'cap_exceeded',
          message: `The segments hold ${number(plan.members)} people with a valid address, and this export may send ${number(config.maxProfiles)}; raise its limit or choose smaller segments. Nothing was sent.`,
        },
      };
    }
    // memberships without a profile are invalid, but say nothing of the mapping: they come with the next refresh
    const missing = run.invalidByReason.missing_profile ?? 0;
    const unusable = counts.invalid - missing;
    if (unusable >= MIN_INVALID_ROWS && unusable > counts.read * config.maxInvalidShare && !run.retryOf) {
      return {
        end: 'failed',
        error: {
          code: 'too_many_invalid',
          message: `${number(unusable)} of ${number(counts.read)} rows have no usable e-mail address, more than the limit of ${Math.round(config.maxInvalidShare * 100)} %; see whether the right field is mapped to the e-mail. Nothing was sent.`,
        },
      };
    }
    remove.leavers = plan.leavers;
    const empty = counts.read === 0 && !run.retryOf;
    if (empty) warn('source_empty', 'The segments are empty; nothing was sent and nobody was removed.');
    if (missing > 0)
      warn(
        'profiles_missing',
        `${number(missing)} customers of the segments have no profile yet, as a refresh is under way or has not ended well; they come with the next run, and nobody is removed in this one.`,
      );
    const measure = { ...remove, staying: plan.members, guardCount: config.guardCount, guardShare: config.guardShare };
    remove.held = plan.leavers > 0 && (missing > 0 || (!run.approves && (empty || isHeld(measure))));
    plan.held = remove.held;
    if (run.dryRun) {
      if (document.countUnknown) plan.unknownToKlaviyo = await countUnknown(slice, staging);
      return { end: 'successful' };
    }
    if (document.staged.batches.length > 0 && !(await standsForOthers(slice, states))) return { waitMs: LOOK_AGAIN_MS, stands: true };
    if (remove.held) {
      counts.held = plan.leavers;
      run.heldState = 'waiting';
      warn(
        'removals_held',
        missing > 0
          ? `${number(plan.leavers)} people seem to have left the segments, but some profiles are not there yet; the next run with all of them removes who has really left.`
          : `${number(plan.leavers)} of ${number(remove.members)} people have left the segments, more than may be removed without a word; approve or dismiss their removal.`,
      );
      await reports.writeHeld(run.id, heldRows(slice, staging), { signal: slice.signal });
    }
    if (empty && !run.approves) return { end: 'successful' };
    return { next: document.staged.batches.length > 0 && !document.proven && config.canaryRows > 0 && !run.retryOf ? 'canary' : 'submit' };
  };

/**
 * Who removes people from this list holds its lock from its look at the others' plans to its last removal. Our plan is written down: having
 * had the lock once, we know that whoever removes from now on has seen it, and that whoever had not has finished (failures.md row 17).
 */
const standsForOthers = async ({ document: { config }, signal }: Slice, states: Pick<StateStore, 'tryLock'>): Promise<boolean> => {
  const lock = await states.tryLock(config.accountId, config.listId, { signal });
  await lock?.release({ signal }).catch(() => undefined);
  return lock !== undefined;
};

async function* heldRows({ document: { run, staged, remove }, signal }: Slice, staging: Staging): AsyncGenerator<ReportedRow> {
  let before = remove!.watched;
  for await (const line of readEmails(await staging.open(run.id, staged!.attempt, 'leavers', { signal }))) {
    if (before-- > 0) continue;
    yield { customerId: '', email: line.slice(line.indexOf('\t') + 1), segment: '', code: 'removal_held' };
  }
}

/** Asks Klaviyo in bulk which of the people to be sent it knows; one call per 100, so only when somebody wants to know. */
const countUnknown = async (slice: Slice, staging: Staging): Promise<number> => {
  const { document, signal } = slice;
  const { run, config, staged } = document as RunDocument & { staged: NonNullable<RunDocument['staged']> };
  const client = await slice.klaviyo();
  let unknown = 0;
  for (const batch of staged.batches) {
    const emails = importRows(await staging.readBody(run.id, staged.attempt, batch, { signal }));
    for (let at = 0; at < emails.length; at += LOOKUP_SIZE) {
      const asked = emails.slice(at, at + LOOKUP_SIZE);
      unknown += asked.length - (await lookUp(client, 'profiles', asked, { listId: config.listId, signal })).size;
    }
  }
  return unknown;
};
