/**
 * Everything the portal says, in English; ICU MessageFormat. Another language is one more file beside this one, named after its code,
 * with the same keys. One block per page, shared ones first.
 */
const en = {
  common: {
    cancel: 'Cancel',
    close: 'Close',
    save: 'Save',
    select: 'Select',
    selectAll: 'Select all',
    selectOne: 'Select {name}',
    more: 'More',
    search: 'Search',
    none: 'none',
    unknown: 'unknown',
  },
  shell: {
    name: 'Customer Insights to Klaviyo',
    menu: 'Main menu',
    crumbs: 'Where you are',
    skip: 'Skip to the content',
    loading: 'Loading…',
    preferences: 'Language and appearance',
    language: 'Language',
    languageOfBrowser: 'As the browser says',
    theme: 'Appearance',
    themes: { system: 'As the system says', light: 'Light', dark: 'Dark' },
    roles: { Administrator: 'Administrator', Contributor: 'Contributor', Viewer: 'Viewer' },
    localRole: 'Local role: {role}',
    areas: { exports: 'Exports', runs: 'Runs', connections: 'Connections', settings: 'Settings', access: 'Access & activity' },
    notFoundTitle: 'There is no such page',
    notFound: 'The address may be misspelt, or what it named has been removed. The menu leads to what there is.',
    notForYouTitle: 'This page is not for your role',
    notForYou: 'Ask an administrator of this app for a role that may open it.',
    noRoleTitle: 'You have no role in this app',
    noRole:
      'You are signed in, but nobody has given you a role yet. Ask an administrator to assign one to you in Microsoft Entra ID (Administrator, Contributor or Viewer), then load this page again.',
    signInTitle: 'Please sign in',
    signIn: 'Sign in with your organization’s account to see your exports.',
    signedOutTitle: 'Your sign-in has expired',
    signedOut: 'Sign in again in a small window; what you have typed here stays.',
    signInButton: 'Sign in',
    signedInButton: 'I have signed in',
    signedInAgain: 'You are signed in. This window may be closed.',
  },
  problems: {
    offline: 'The app cannot be reached at the moment. It is asked again by itself; what is shown may be old.',
    unexpected: 'Something went wrong (status {status}).',
    reference: 'Reference: {id}',
    copyReference: 'Copy the reference',
    requestId: 'Request id of {service}: {id}',
    copyRequestId: 'Copy the request id',
    retry: 'Try again',
    /** by code of the API's problems; in English the API's own sentence is shown */
    codes: {} as Record<string, string>,
  },
  forms: {
    required: 'Please fill this in.',
    atLeastOne: 'Please choose at least one.',
    atLeast: 'At least {minimum, number}, please.',
    atMost: 'At most {maximum, number}, please.',
    tooLong: 'At most {maximum, number} characters, please.',
    tooMany: 'At most {maximum, number} of them, please.',
    wrongKind: 'This is not a value that can be used here.',
    wrongFormat: 'This does not look right.',
    /** by the message of the schema; in English these stand for themselves, made friendlier here */
    custom: {
      'expected a private Klaviyo API key, which begins with pk_': 'A private Klaviyo API key begins with pk_.',
      'expected the name of a secret in the linked Key Vault': 'Letters, digits and hyphens, as the secret is called in Key Vault.',
      'expected either apiKey or secretName': 'Please enter the key, or the name of a secret.',
    } as Record<string, string>,
  },
  status: {
    health: { healthy: 'Healthy', attention: 'Needs attention', failing: 'Failing' },
    activity: { idle: 'Idle', queued: 'Queued', running: 'Running', waiting: 'Waiting', paused: 'Paused' },
    run: {
      queued: 'Queued',
      refreshing: 'Running',
      successful: 'Successful',
      withWarnings: 'Successful with warnings',
      failed: 'Failed',
      skipped: 'Skipped',
      canceled: 'Canceled',
    },
    trigger: {
      schedule: 'Schedule',
      event: 'New data',
      onDemand: 'On demand',
      request: 'Another system',
      retry: 'Retry',
      approval: 'Approval',
    } as Record<string, string>,
    phase: {
      prepare: 'Prepare',
      gate: 'Check the plan',
      canary: 'First small job',
      submit: 'Send',
      settle: 'Wait for Klaviyo',
      remove: 'Remove leavers',
      verify: 'Verify',
      finish: 'Finish',
    },
    notSubscribed: 'On the list is not the same as subscribed: this app never gives or takes marketing consent.',
    /** by code of the API's warnings and reasons; in English the API's own sentence is shown */
    codes: {} as Record<string, string>,
  },
  exports: {
    title: 'Exports',
  },
  runs: {
    title: 'Runs',
  },
  exportEditor: {
    newTitle: 'New export',
    editTitle: 'Edit export',
  },
  exportDetail: {
    title: 'Export',
  },
  runDetail: {
    title: 'Run {number}',
  },
  connections: {
    title: 'Connections',
    newTitle: 'New connection',
  },
  settings: {
    title: 'Settings',
  },
  access: {
    title: 'Access & activity',
  },
};

export default en;
