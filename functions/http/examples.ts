import type { ApiExamples } from '../../shared/http/openapi';

/** What the API's description shows; a test holds each against its schema. Nobody here is real. */
export const apiExamples: ApiExamples = {
  schemas: {
    OverlapRequest: { segments: ['NewsletterReaders', 'HighValueSegment'], email: 'EMail' },
    SegmentOverlap: {
      snapshotId: 'd0407f7560e29b1f82fef528e4e2b2936278afe40b1fc423eae88aee96c40680',
      refreshedAt: '2026-11-26T01:38:18.000Z',
      email: 'EMail',
      segments: [
        { name: 'NewsletterReaders', members: 5_000, exportable: 4_850, overCap: false },
        { name: 'HighValueSegment', members: 25_000, exportable: 24_250, overCap: false },
      ],
      matrix: [
        [4_850, 1_200],
        [1_200, 24_250],
      ],
      union: 27_900,
      cap: 1_000_000,
      overCap: false,
    },
    PreviewRequest: {
      segments: ['NewsletterReaders'],
      mapping: {
        email: 'EMail',
        firstName: 'FirstName',
        phoneNumber: 'Telephone',
        properties: [{ field: 'TotalSpend', name: 'total_spend' }],
      },
    },
    Preview: {
      masked: true,
      snapshotId: '575cbac42924083f019213464a0eeee7374195d79a52a5a503cf8b355c5e74b8',
      refreshedAt: '2026-11-26T01:38:18.000Z',
      complete: true,
      rows: [
        {
          segment: 'NewsletterReaders',
          customerId: 'f***',
          email: 'l***@s***.net',
          outcome: 'sent',
          leftOut: [
            {
              code: 'field_empty',
              message: 'The field is empty in the source, so that nothing is sent for it and a value that Klaviyo has stays.',
              pointer: '/mapping/phoneNumber',
              field: 'Telephone',
            },
          ],
          profile: {
            type: 'profile',
            attributes: { email: 'l***@s***.net', first_name: 'L***', properties: { total_spend: '***' } },
          },
        },
        {
          segment: 'NewsletterReaders',
          customerId: '1***',
          email: '',
          outcome: 'leftOut',
          reason: {
            code: 'email_missing',
            message: 'The profile has no e-mail address; complete it in the source or leave it out of the segment.',
          },
          leftOut: [],
        },
      ],
    },
  },
};
