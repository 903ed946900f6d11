// What administrators are told by Azure Monitor. The app's own warnings come through the first rule.
@description('What the names of the rules begin with.')
param prefix string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('E-mail addresses that are told.')
param emails array

@description('Workspace with the app\'s logs and metrics.')
param workspaceId string

@description('Share of traces that are kept, in percent; the host\'s requests are among them.')
param traceSamplingPercent int

@description('Storage account of the app.')
param storageAccountId string

@description('Vault of the app.')
param vaultId string

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: '${prefix}-warnings'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'ci-klaviyo'
    enabled: true
    emailReceivers: [
      for (email, index) in emails: { name: 'email-${index}', emailAddress: email, useCommonAlertSchema: true }
    ]
  }
}

// Of five invocations that crash so many are seen on average, of less than one at least one.
var crashesSeen = traceSamplingPercent < 40 ? 1 : traceSamplingPercent / 20

// lookBack is longer than the window where a query looks at the time of arrival
var logRules = [
  {
    name: 'warning'
    title: 'The app warns'
    text: 'A run failed for good, removals are held, too many rows were refused, an export did not start, a key was refused, or the API version ends soon. The dimensions say which kind, the results of the query which export; the stage "recovered" is good news.'
    severity: 2
    query: loadTextContent('../queries/notification.kql')
    window: 'PT5M'
    lookBack: 'PT1H'
    operator: 'GreaterThan'
    threshold: 0
    dimensions: ['Kind', 'Stage']
    resolves: false
  }
  {
    name: 'silence'
    title: 'The app stands still'
    text: 'The minute timer has not spoken for 15 minutes: nothing is started on time. Look at the health page and at the last deployment. Before the first deployment of the package this is so of itself.'
    severity: 1
    query: loadTextContent('../queries/silence.kql')
    window: 'PT15M'
    lookBack: 'PT15M'
    operator: 'LessThan'
    threshold: 1
    dimensions: []
    resolves: true
  }
  {
    name: 'poison'
    title: 'Messages that nobody could handle'
    text: 'See the activity log in the portal for the reason, and the poison queues for the messages.'
    severity: 2
    query: loadTextContent('../queries/poison.kql')
    window: 'PT15M'
    lookBack: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
    dimensions: ['event', 'queue']
    resolves: true
  }
  {
    name: 'failing'
    title: 'Invocations fail'
    text: 'At least five invocations of a function ended with an error within 15 minutes, by the app\'s own words.'
    severity: 2
    query: loadTextContent('../queries/failing.kql')
    window: 'PT15M'
    lookBack: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
    dimensions: ['OperationName']
    resolves: true
  }
  {
    name: 'crashing'
    title: 'Invocations crash'
    text: 'Invocations of a function were ended by a time-out or a crash, which the app itself cannot tell of: about five within 15 minutes or more, as far as a sample can say.'
    severity: 2
    query: loadTextContent('../queries/crashing.kql')
    window: 'PT15M'
    lookBack: 'PT15M'
    operator: 'GreaterThanOrEqual'
    threshold: crashesSeen
    dimensions: ['OperationName']
    resolves: true
  }
  {
    name: 'throttled'
    title: 'Klaviyo throttles'
    text: 'More than one call in twenty was answered with 429 within an hour. Runs take longer; nothing is lost.'
    severity: 3
    query: loadTextContent('../queries/throttled.kql')
    window: 'PT1H'
    lookBack: 'PT1H'
    operator: 'GreaterThan'
    threshold: 0
    dimensions: []
    resolves: true
  }
  {
    name: 'waiting'
    title: 'Messages wait'
    text: 'The oldest message of a queue is more than a quarter of an hour old: no instance takes it up.'
    severity: 2
    query: loadTextContent('../queries/waiting.kql')
    window: 'PT15M'
    lookBack: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
    dimensions: ['queue']
    resolves: true
  }
]

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for rule in logRules: {
    name: '${prefix}-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: rule.title
      description: rule.text
      severity: rule.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: 'PT5M'
      windowSize: rule.window
      overrideQueryTimeRange: rule.lookBack == rule.window ? null : rule.lookBack
      autoMitigate: rule.resolves
      // tables appear in a new workspace with their first row
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: rule.query
            metricMeasureColumn: 'found'
            timeAggregation: 'Total'
            operator: rule.operator
            threshold: rule.threshold
            dimensions: map(rule.dimensions, dimension => { name: dimension, operator: 'Include', values: ['*'] })
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: [people.id] }
    }
  }
]

resource storageRefuses 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${prefix}-storage-refuses'
  location: 'global'
  tags: tags
  properties: {
    description: 'The app\'s storage refused calls for want of rights: look at the role assignments and the firewall.'
    severity: 1
    enabled: true
    scopes: [storageAccountId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'refused'
          metricNamespace: 'Microsoft.Storage/storageAccounts'
          metricName: 'Transactions'
          dimensions: [
            { name: 'ResponseType', operator: 'Include', values: ['AuthorizationError', 'AuthenticationError'] }
          ]
          operator: 'GreaterThan'
          threshold: 10
          timeAggregation: 'Total'
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}

resource vaultRefuses 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${prefix}-vault-refuses'
  location: 'global'
  tags: tags
  properties: {
    description: 'The vault refused calls for want of rights: look at the role assignments, the firewall, and disabled or expired secrets. A person without a role on it raises this, too.'
    severity: 1
    enabled: true
    scopes: [vaultId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'refused'
          metricNamespace: 'Microsoft.KeyVault/vaults'
          metricName: 'ServiceApiResult'
          dimensions: [{ name: 'StatusCode', operator: 'Include', values: ['403'] }]
          operator: 'GreaterThan'
          threshold: 0
          timeAggregation: 'Count'
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}
