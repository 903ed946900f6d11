import { z } from 'zod';
import { reasonOf } from '../runs/row-reasons';
import { RowStage } from '../runs/row-report';
import type { ReportedRow } from '../runs/row-report';
import { hideText, maskEmail, maskText } from './mask';

/** Which rows of a run somebody wants to look at: the first ones of a stage, or of those the ones of one address or reason. */
export const RowLook = z
  .strictObject({
    stage: RowStage,
    /** the whole address, in any case; never part of the address of a request, as those are logged */
    email: z.string().trim().min(1).max(320).optional(),
    code: z.string().min(1).max(200).optional(),
    size: z.int().min(1).max(100).default(10),
    /** unmasked; who looked is recorded */
    reveal: z.boolean().default(false),
  })
  .meta({ id: 'RowLook' });
export type RowLook = z.infer<typeof RowLook>;

export const SeenRow = z
  .object({
    customerId: z.string(),
    email: z.string(),
    segment: z.string(),
    code: z.string(),
    /** Klaviyo's own words, where there are any; of a duplicate, whose row was taken */
    detail: z.string().optional(),
    whatToDo: z.string(),
  })
  .meta({ id: 'SeenRow' });
export type SeenRow = z.infer<typeof SeenRow>;

export const SeenRows = z
  .object({
    masked: z.boolean(),
    value: z.array(SeenRow),
    /** there are others that were asked for */
    more: z.boolean(),
  })
  .meta({ id: 'SeenRows' });
export type SeenRows = z.infer<typeof SeenRows>;

const HIDDEN = '***';
/** What stands between quotes, but no apostrophe within a word. */
const QUOTED = /(?<![\p{L}\p{N}])(["'“‘`«])[^\n]*?(["'”’`»])(?![\p{L}\p{N}])/gu;
/** An address; and whatever of some length has a digit in it, e.g. a phone number or an id. */
const ADDRESS = /[^\s"'<>(),;]*@[^\s"'<>(),;]*/g;
const NUMBER = /\+?\d[\d\s().-]{4,}\d/g;
const LONG_ID = /[\p{L}\p{N}_-]*\p{N}[\p{L}\p{N}_-]*/gu;
const LEAST_ID_LENGTH = 6;

/** Klaviyo quotes what it refuses, and of a duplicate the customer is named whose row was taken: these are hidden in its words. */
const maskDetail = (detail: string, { code, email, customerId }: ReportedRow): string => {
  if (code === 'duplicate') return detail.replace(/^customer .*$/s, `customer ${HIDDEN}`);
  let masked = detail;
  for (const secret of [email, customerId]) if (secret.trim() !== '') masked = masked.replaceAll(secret, HIDDEN);
  return masked
    .replaceAll(QUOTED, `$1${HIDDEN}$2`)
    .replaceAll(ADDRESS, HIDDEN)
    .replaceAll(NUMBER, HIDDEN)
    .replaceAll(LONG_ID, (word) => (word.length < LEAST_ID_LENGTH ? word : HIDDEN));
};

/** Rows that were left out for an address that is none: anything may stand there. */
const isAddress = (code: string): boolean => code !== 'email_invalid' && code !== 'email_too_long';

/** A row of a report as it is shown. Pure. */
export const seenRow = (row: ReportedRow, { masked }: { masked: boolean }): SeenRow => {
  const { customerId, email, segment, code, detail } = row;
  return {
    customerId: masked ? maskText(customerId) : customerId,
    email: !masked ? email : isAddress(code) ? maskEmail(email) : hideText(email),
    segment,
    code,
    ...(detail === undefined ? {} : { detail: masked ? maskDetail(detail, row) : detail }),
    whatToDo: reasonOf(code),
  };
};
