import { consent } from '../../shared/connections/consent';
import type { ApiExamples } from '../../shared/http/openapi';
import { defaultLimits } from '../../shared/settings/limits';
import { recordedExamples } from './recorded-examples';

const notifications = {
  channels: [
    { name: 'On call', form: 'json', scope: 'all', kinds: ['run_failed', 'did_not_start', 'key_refused', 'secret_missing'] },
    { name: 'Marketing', form: 'teams', scope: 'chosen' },
  ],
  digest: { time: '08:00', timeZone: 'Europe/Paris' },
  rejectedShare: 0.05,
  lateMinutes: 15,
};
const [onCall, marketing] = [
  { ...notifications.channels[0], id: 'chn_1f4c0y9hq3zt2', host: 'hooks.example.com' },
  { ...notifications.channels[1], id: 'chn_0r8v5m2xk7wba', host: 'prod-12.westeurope.logic.azure.com' },
];
const savedNotifications = {
  ...notifications,
  channels: [
    {
      ...onCall,
      secretMadeAt: '2026-11-20T08:00:00.000Z',
      changedAt: '2026-11-20T08:00:00.000Z',
      delivery: { state: 'working', at: '2026-11-26T02:41:18.000Z', status: 204, waiting: 0 },
    },
    {
      ...marketing,
      changedAt: '2026-11-20T08:05:00.000Z',
      delivery: {
        state: 'broken',
        at: '2026-11-25T07:00:03.000Z',
        since: '2026-11-25T07:00:03.000Z',
        status: 404,
        code: 'gone',
        waiting: 0,
      },
    },
  ],
};
const failed = {
  kind: 'run_failed',
  subject: { type: 'export', id: 'exp_2ianiczvdtpqa21n', name: 'Newsletter readers' },
  since: '2026-11-26T02:41:02.000Z',
  count: 2,
  code: 'list_unknown',
  sentence: 'The export “Newsletter readers” failed, 2 times in a row (list_unknown); its last run says why.',
};

const configuration = {
  version: 1,
  settings: {
    notifications,
    schedule: {
      active: true,
      repeat: 'weekly',
      days: ['monday', 'thursday'],
      daysOfMonth: [],
      times: ['06:00'],
      timeZone: 'Europe/Paris',
    },
  },
  connections: [{ displayName: 'Main account', type: 'klaviyo', access: 'administratorsAndContributors', secretName: 'klaviyo-main' }],
  exports: [
    {
      name: 'Newsletter readers',
      connection: 'Main account',
      listId: 'YafG4m',
      listName: 'Newsletter',
      segments: ['NewsletterReaders'],
      mapping: { email: 'EMail', firstName: 'FirstName', properties: [{ field: 'LoyaltyTier', name: 'loyalty_tier' }] },
      membership: 'mirror',
      schedule: { kind: 'system' },
      paused: false,
      canaryRows: 100,
    },
  ],
};

/** What the API's description shows; a test holds each against its schema. Nobody here is real. */
export const apiExamples: ApiExamples = {
  schemas: {
    ...recordedExamples,
    Consent: consent,
    NewConnection: {
      displayName: 'Main account',
      access: 'administratorsAndContributors',
      apiKey: 'pk_0123456789abcdef',
      agreed: true,
      consentVersion: '2026-11',
    },
    Configuration: configuration,
    SavedConfiguration: { ...configuration, settings: { ...configuration.settings, limits: defaultLimits, notifications } },
    ConfigurationPlan: {
      applied: false,
      created: [],
      changed: [{ what: 'export', name: 'Newsletter readers', before: { membership: 'add' }, after: { membership: 'mirror' } }],
      deleted: [],
      notInDocument: [{ what: 'export', name: 'VIP' }],
      unchanged: 2,
      problems: [
        {
          what: 'export',
          name: 'Newsletter readers',
          pointer: '/exports/0/listId',
          code: 'list_unknown',
          detail: 'Klaviyo’s account Main account has no list with the id YafG4m; copy the id from the list’s settings in Klaviyo.',
        },
      ],
    },
    NotificationSettings: {
      ...notifications,
      channels: [
        { ...notifications.channels[0], id: onCall.id },
        { ...notifications.channels[1], url: 'https://prod-12.westeurope.logic.azure.com/workflows/…' },
      ],
    },
    SavedNotificationSettings: savedNotifications,
    ChannelTestRequest: { channelId: 'chn_1f4c0y9hq3zt2' },
    ChannelTest: { delivered: true, status: 204, detail: 'The receiver took the message (status 204).' },
    OpenConditionList: {
      value: [
        {
          ...failed,
          openedAt: '2026-11-26T02:41:18.000Z',
          seenAt: '2026-11-26T06:41:18.000Z',
          toldAt: '2026-11-26T02:41:18.000Z',
          channelIds: ['chn_1f4c0y9hq3zt2'],
        },
      ],
    },
    NotificationMessage: {
      version: 1,
      type: 'condition.opened',
      timestamp: '2026-11-26T02:41:18.000Z',
      app: 'my-exports.azurewebsites.net',
      items: [{ ...failed, count: 1, link: 'https://my-exports.azurewebsites.net/portal/exports/exp_2ianiczvdtpqa21n' }],
      more: 0,
      link: 'https://my-exports.azurewebsites.net/portal/settings',
    },
    ConnectionChange: { displayName: 'Main account, Europe', access: 'administrators' },
    ConnectionCheck: { check: 'lists:read', ok: true, detail: 'The key has the scope lists:read.' },
    SharedConnection: { id: 'con_3uwud8xricjyozxm', displayName: 'Main account', type: 'klaviyo' },
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
    RowLook: { stage: 'rejected', email: 'ada@mail.example.com' },
    SeenRows: {
      masked: true,
      value: [
        {
          customerId: 'f***',
          email: 'a***@m***.com',
          segment: 'NewsletterReaders',
          code: 'invalid',
          detail: 'Invalid email address: ***',
          whatToDo: 'Klaviyo refused the row for the reason shown; correct it in the source.',
        },
      ],
      more: false,
    },
    PreviewRequest: {
      segments: ['NewsletterReaders'],
      mapping: {
        email: 'EMail',
        firstName: 'FirstName',
        phoneNumber: 'Telephone',
        properties: [{ field: 'TotalSpend', name: 'total_spend' }],
      },
      masked: true,
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
          source: { EMail: 'l***@s***.net', FirstName: '***', Telephone: '', TotalSpend: '***' },
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
            attributes: { email: 'l***@s***.net', first_name: '***', properties: { total_spend: '***' } },
          },
        },
        {
          segment: 'NewsletterReaders',
          customerId: '1***',
          email: '',
          source: { EMail: '', FirstName: '***', Telephone: '***', TotalSpend: '***' },
          outcome: 'leftOut',
          reason: {
            code: 'email_missing',
            message: 'The profile has no e-mail address; complete it in the source or leave it out of the segment.',
          },
          leftOut: [],
        },
      ],
    },
    ExportSchedule: { kind: 'custom', repeat: 'weekly', days: ['monday', 'thursday'], times: ['06:00'], timeZone: 'Europe/Paris' },
    SystemSchedule: { active: true, repeat: 'daily', times: ['02:30', '14:30'], timeZone: 'Romance Standard Time' },
    SchedulesChange: { mode: 'keep', active: false, exportIds: ['exp_2ianiczvdtpqa21n', 'exp_55uq62mk25u2oyhf'] },
    ScheduleChangedList: {
      value: [
        { exportId: 'exp_2ianiczvdtpqa21n', name: 'Newsletter readers', outcome: 'changed', schedule: { kind: 'off' } },
        {
          exportId: 'exp_55uq62mk25u2oyhf',
          outcome: 'refused',
          code: 'export_unknown',
          message: 'There is no such export; it may have been removed.',
        },
      ],
    },
    NextRunsRequest: { schedule: { kind: 'custom', times: ['02:30'], timeZone: 'Europe/Paris' }, count: 2 },
    NextRuns: {
      value: [
        {
          at: '2027-03-28T01:00:00.000Z',
          local: '2027-03-28T03:00',
          offset: '+02:00',
          moved: 'gap',
          note: '02:30 does not exist on 2027-03-28, as the clock goes forward; it runs at 03:00, the first minute after.',
        },
        { at: '2027-03-29T00:30:00.000Z', local: '2027-03-29T02:30', offset: '+02:00' },
      ],
      timeZone: 'Europe/Paris',
    },
    RunAllAnswer: {
      runningCount: 1,
      value: [
        { exportId: 'exp_2ianiczvdtpqa21n', name: 'Newsletter readers', outcome: 'started', runId: 'run_zd333igtw0pp1c9iftx' },
        {
          exportId: 'exp_55uq62mk25u2oyhf',
          name: 'VIP',
          outcome: 'skipped',
          code: 'export_paused',
          message: 'This export is paused; resume it before it can run.',
        },
      ],
    },
  },
};
