import { z } from 'zod';

/** The parts of Klaviyo's answers that are read; everything else may come and go (klaviyo.md §2 "Parsing"). */
const links = z.object({ next: z.string().nullish() }).nullish();

export const AccountsAnswer = z.object({
  data: z
    .array(
      z.object({
        id: z.string(),
        attributes: z.object({
          test_account: z.boolean().nullish(),
          contact_information: z.object({ organization_name: z.string().nullish() }).nullish(),
        }),
      }),
    )
    .min(1),
});

const ListData = z.object({
  id: z.string(),
  attributes: z.object({ name: z.string().nullish(), opt_in_process: z.string().nullish() }),
});
export const ListAnswer = z.object({ data: ListData });
export const ListsAnswer = z.object({ data: z.array(ListData), links });

const ImportJobData = z.object({
  id: z.string(),
  attributes: z.object({
    /** queued, processing, complete, cancelled; anything new counts as not finished */
    status: z.string(),
    created_at: z.string(),
    total_count: z.number().nullish(),
    completed_count: z.number().nullish(),
    failed_count: z.number().nullish(),
  }),
});
export const ImportJobAnswer = z.object({ data: ImportJobData });
export const ImportJobsAnswer = z.object({ data: z.array(ImportJobData), links });

export const ImportErrorsAnswer = z.object({
  data: z.array(
    z.object({
      attributes: z.object({
        code: z.string().nullish(),
        title: z.string().nullish(),
        detail: z.string().nullish(),
        source: z.object({ pointer: z.string().nullish() }).nullish(),
        original_payload: z.unknown(),
      }),
    }),
  ),
  links,
});

export const ProfilesAnswer = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      attributes: z.object({ email: z.string().nullish(), joined_group_at: z.string().nullish() }).nullish(),
    }),
  ),
  links,
});
