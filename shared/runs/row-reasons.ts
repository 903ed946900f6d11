/** What each reason means to a marketer, and what to do. */
export const reasons: Readonly<Record<string, string>> = {
  email_missing: 'The profile has no e-mail address; complete it in the source or leave it out of the segment.',
  email_invalid: 'The e-mail address is not valid; correct it in the source.',
  email_too_long: 'The e-mail address is longer than 100 characters, which Klaviyo refuses; correct it in the source.',
  profile_too_large: 'The mapped fields of this profile are larger than 100 KB, which Klaviyo refuses; map fewer or shorter fields.',
  missing_profile: 'The segment names a customer whose profile is not there yet; it comes with the next refresh.',
  duplicate: 'Another row of this e-mail address was taken, as Klaviyo has one profile per address; nothing is lost but the other values.',
  job_cancelled: 'Klaviyo cancelled the job that carried this row; the next run sends it again.',
  row_gone: 'This row was rejected before, and the source does not hold it any more; there is nothing to send.',
  removal_held: 'This person has left the segment; the removal waits until somebody approves it.',
  duplicate_profile:
    'Two profiles in Klaviyo share the identifiers of this row (address, phone number, external id); merge them there, or map fewer identifiers.',
  payload_too_large: 'This profile is larger than Klaviyo takes; map fewer or shorter fields.',
  refused: 'Klaviyo refused the row for the reason shown; correct it in the source.',
};

/** What a code of the report means, and what to do. */
export const reasonOf = (code: string): string => reasons[code] ?? reasons['refused']!;
