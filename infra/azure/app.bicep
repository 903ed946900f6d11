// Everything of one installation in one resource group: `az deployment group create`, or through main.bicep.
targetScope = 'resourceGroup'

@description('Name of this installation; stands in every resource\'s derived name.')
@minLength(1)
@maxLength(32)
param environmentName string

@description('Azure region of all resources. It must offer Flex Consumption: az functionapp list-flexconsumption-locations.')
@minLength(1)
param location string = resourceGroup().location

@description('Tags of every resource.')
param tags object = {}

@description('Client id of the app registration that people and systems sign in to; infra/azure/entra.mjs makes it.')
@minLength(36)
@maxLength(36)
param authClientId string

@description('Client ids of applications that may call, where App Service Authentication takes an empty list for nobody; the app\'s own is added. Empty: any application of the tenant with a role.')
param allowedClientIds array = []

@description('Where segments are read from: files of a data-out export in a Data Lake, or the tables of Dataverse.')
@allowed(['cdm-folder', 'dataverse'])
param sourceKind string = 'cdm-folder'

@description('Storage account that holds the segments (cdm-folder only).')
@maxLength(24)
param sourceAccountName string = ''

@description('Container in that account (cdm-folder only).')
@maxLength(63)
param sourceContainer string = ''

@description('Folder in that container which holds model.json (cdm-folder only).')
param sourceFolder string = ''

@description('Resource group of the source account; empty means the resource group of the app.')
param sourceResourceGroup string = ''

@description('Subscription of the source account; empty means this one.')
param sourceSubscriptionId string = ''

@description('Region of the source account, where its Event Grid topic lies; empty means the region of the app.')
param sourceLocation string = ''

@description('Event Grid system topic of the source account, where it has one already: there can be only one. It must have a system-assigned identity.')
param sourceSystemTopicName string = ''

@description('Makes the role assignment on the source account; switch it off where somebody else has to make it.')
param grantSourceAccess bool = true

@description('Lets Event Grid say when a refresh is done, so that exports run at once; without it they run on their schedules alone.')
param subscribeToSource bool = true

@description('Address of the Dataverse environment, https://contoso.crm4.dynamics.com (dataverse only).')
param dataverseUrl string = ''

@description('App registration that reads Dataverse; empty means the identity of the app (dataverse only).')
param dataverseClientId string = ''

@description('Name of the Key Vault secret with the client secret of that app registration (dataverse only).')
param dataverseSecretName string = ''

@description('Most distinct valid addresses that any export may hold.')
@minValue(1)
@maxValue(100000000)
param maxProfilesPerExport int = 1000000

@description('Sends compressed import jobs to Klaviyo; a refusal makes a run go on without.')
param klaviyoGzip bool = true

@description('Lets systems that cannot sign in use /api/system/* with a function key; takes these paths out of App Service Authentication.')
param allowFunctionKeys bool = false

@description('Memory of an instance in MB; 2,048 is one core. Less would share a core, and is not offered.')
@allowed([2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances per function group. Documents disagree whether Azure takes fewer than 40.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances kept warm for runs; 1 makes a dead runner\'s replacement take seconds instead of minutes, and costs all day.')
@minValue(0)
@maxValue(20)
param alwaysReadyRunners int = 0

@description('What a deployment does to running work. Recreate ends it (runs go on by themselves after 45 s); RollingUpdate (preview) lets it finish.')
@allowed(['Recreate', 'RollingUpdate'])
param updateStrategy string = 'Recreate'

@description('Puts storage and vault behind private endpoints in a virtual network of their own.')
param privateNetwork bool = false

@description('Address space of that network, a /24 or larger.')
param networkPrefix string = '10.88.0.0/24'

@description('Gives the app one outgoing address of its own (NAT gateway) that an allow-list can name; networks of today may have no way out without.')
param fixedOutboundAddress bool = false

@description('Reaches the source account through a private endpoint, too; where grantSourceAccess is off its owner has to approve it.')
param sourcePrivateEndpoint bool = false

@description('Copies of the app\'s storage: LRS keeps three in one building, ZRS in three zones, GRS and GZRS in a second region.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageRedundancy string = 'Standard_ZRS'

@description('Days for which deleted or overwritten blobs can be brought back. They hold personal data: 0 keeps the promise that it goes when a run ends.')
@minValue(0)
@maxValue(7)
param blobSoftDeleteDays int = 0

@description('Days for which deleted secrets and the vault can be recovered; purge protection is on and cannot be switched off later.')
@minValue(7)
@maxValue(90)
param vaultRetentionDays int = 7

@description('Brings back the deleted vault of the same name, with its secrets, for one deployment: after a removal, while it is still kept.')
param recoverVault bool = false

@description('Days for which logs and metrics are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('Most gigabytes of logs a day; -1 means no limit. What comes after it is lost, warnings included.')
@minValue(-1)
param logDailyCapGb int = 2

@description('Object id of a person or group who keeps secrets in the vault and reads messages in the queues; empty means nobody.')
param operatorPrincipalId string = ''

@description('Share of traces that are kept, in percent. Logs and metrics are always kept.')
@minValue(0)
@maxValue(100)
param traceSamplingPercent int = 10

@description('E-mail addresses that are told when something is wrong.')
param warningEmails array = []

// The same names at every deployment, so that nothing is made twice, and others in every resource group.
var suffix = uniqueString(resourceGroup().id, environmentName)
var appName = 'ci-klaviyo-${suffix}'

// What a conditional module tells is asked for only where it is deployed: even a module that is left out by the same condition would
// look for it, and the deployment would fail (Azure/bicep issues 3990 and 8022).
var hasNetwork = privateNetwork || fixedOutboundAddress
var readsFolder = sourceKind == 'cdm-folder'
var listensToSource = readsFolder && subscribeToSource
var sourceGroup = empty(sourceResourceGroup) ? resourceGroup().name : sourceResourceGroup
var sourceSubscription = empty(sourceSubscriptionId) ? subscription().subscriptionId : sourceSubscriptionId
var sourceRegion = empty(sourceLocation) ? location : sourceLocation
var sourceAccountId = empty(sourceAccountName)
  ? ''
  : resourceId(sourceSubscription, sourceGroup, 'Microsoft.Storage/storageAccounts', sourceAccountName)

module identity 'modules/identity.bicep' = {
  name: 'identity'
  params: {
    name: 'id-${appName}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  params: {
    workspaceName: 'log-${suffix}'
    insightsName: 'appi-${suffix}'
    location: location
    tags: tags
    retentionDays: logRetentionDays
    dailyCapGb: logDailyCapGb
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  params: {
    name: 'st${suffix}'
    location: location
    tags: tags
    redundancy: storageRedundancy
    blobSoftDeleteDays: blobSoftDeleteDays
    privateNetwork: privateNetwork
  }
}

module keyVault 'modules/key-vault.bicep' = {
  name: 'key-vault'
  params: {
    name: 'kv-${suffix}'
    location: location
    tags: tags
    retentionDays: vaultRetentionDays
    recover: recoverVault
    privateNetwork: privateNetwork
    workspaceId: monitoring.outputs.workspaceId
  }
}

module network 'modules/network.bicep' = if (hasNetwork) {
  name: 'network'
  params: {
    name: 'vnet-${suffix}'
    location: location
    tags: tags
    prefix: networkPrefix
    fixedOutboundAddress: fixedOutboundAddress
  }
}

module privateEndpoints 'modules/private-endpoints.bicep' = if (privateNetwork) {
  name: 'private-endpoints'
  params: {
    location: location
    tags: tags
    networkId: privateNetwork ? network!.outputs.networkId : ''
    subnetId: privateNetwork ? network!.outputs.endpointSubnetId : ''
    storageAccountId: storage.outputs.accountId
    vaultId: keyVault.outputs.vaultId
    sourceAccountId: sourcePrivateEndpoint && readsFolder ? sourceAccountId : ''
    asksForSource: !grantSourceAccess
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  params: {
    principalId: identity.outputs.principalId
    storageAccountName: storage.outputs.accountName
    keyVaultName: keyVault.outputs.vaultName
    insightsName: monitoring.outputs.insightsName
  }
}

module operatorRoles 'modules/operator-roles.bicep' = if (!empty(operatorPrincipalId)) {
  name: 'operator-roles'
  params: {
    principalId: operatorPrincipalId
    storageAccountName: storage.outputs.accountName
    keyVaultName: keyVault.outputs.vaultName
  }
}

module sourceRole 'modules/source-role.bicep' = if (readsFolder && grantSourceAccess) {
  name: 'source-role-${suffix}'
  scope: resourceGroup(sourceSubscription, sourceGroup)
  params: {
    principalId: identity.outputs.principalId
    accountName: sourceAccountName
  }
}

module settings 'modules/settings.bicep' = {
  name: 'settings'
  params: {
    identityClientId: identity.outputs.clientId
    insightsConnectionString: monitoring.outputs.connectionString
    storageAccountName: storage.outputs.accountName
    blobEndpoint: storage.outputs.blobEndpoint
    queueEndpoint: storage.outputs.queueEndpoint
    tableEndpoint: storage.outputs.tableEndpoint
    keyVaultUrl: keyVault.outputs.vaultUrl
    serviceName: appName
    traceSamplingPercent: traceSamplingPercent
    sourceKind: sourceKind
    sourceAccountName: sourceAccountName
    sourceContainer: sourceContainer
    sourceFolder: sourceFolder
    dataverseUrl: dataverseUrl
    dataverseClientId: dataverseClientId
    dataverseSecretName: dataverseSecretName
    maxProfilesPerExport: maxProfilesPerExport
    klaviyoGzip: klaviyoGzip
    allowFunctionKeys: allowFunctionKeys
  }
}

// After the roles: a host that may not use its storage does not start, and tries again only now and then.
module functionApp 'modules/function-app.bicep' = {
  name: 'function-app'
  params: {
    name: appName
    planName: 'plan-${suffix}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    deploymentContainerUrl: storage.outputs.deploymentContainerUrl
    settings: settings.outputs.settings
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyRunners: alwaysReadyRunners
    updateStrategy: updateStrategy
    subnetId: hasNetwork ? network!.outputs.appSubnetId : ''
  }
  dependsOn: [roles, privateEndpoints]
}

module auth 'modules/auth.bicep' = {
  name: 'auth'
  params: {
    appName: functionApp.outputs.name
    clientId: authClientId
    allowedClientIds: allowedClientIds
    allowFunctionKeys: allowFunctionKeys
  }
}

module sourceTopic 'modules/source-topic.bicep' = if (listensToSource) {
  name: 'source-topic-${suffix}'
  scope: resourceGroup(sourceSubscription, sourceGroup)
  params: {
    name: 'evgt-${suffix}'
    existingName: sourceSystemTopicName
    location: sourceRegion
    tags: tags
    sourceAccountId: sourceAccountId
  }
}

module eventRoles 'modules/event-roles.bicep' = if (listensToSource) {
  name: 'event-roles'
  params: {
    principalId: listensToSource ? sourceTopic!.outputs.principalId : ''
    storageAccountName: storage.outputs.accountName
  }
}

module events 'modules/events.bicep' = if (listensToSource) {
  name: 'events-${suffix}'
  scope: resourceGroup(sourceSubscription, sourceGroup)
  params: {
    name: 'klaviyo-${suffix}'
    topicName: listensToSource ? sourceTopic!.outputs.name : ''
    storageAccountId: storage.outputs.accountId
    sourceContainer: sourceContainer
    sourceFolder: sourceFolder
  }
  dependsOn: [eventRoles]
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  params: {
    prefix: appName
    location: location
    tags: tags
    emails: warningEmails
    workspaceId: monitoring.outputs.workspaceId
    traceSamplingPercent: traceSamplingPercent
    storageAccountId: storage.outputs.accountId
    vaultId: keyVault.outputs.vaultId
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  params: {
    displayName: 'Customer Insights to Klaviyo (${environmentName})'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
  }
}

@description('Name of the function app.')
output appName string = functionApp.outputs.name

@description('Address of the app; the portal lies under /portal.')
output appUrl string = 'https://${functionApp.outputs.hostName}'

@description('Object id of the app\'s identity, for the federated credential of the app registration.')
output principalId string = identity.outputs.principalId

@description('Vault that holds the Klaviyo keys.')
output keyVaultName string = keyVault.outputs.vaultName

@description('Storage account of the app.')
output storageAccountName string = storage.outputs.accountName

@description('Workspace of logs and metrics.')
output workspaceName string = monitoring.outputs.workspaceName

@description('Outgoing address of the app, where it has one of its own; else empty.')
output outboundAddress string = hasNetwork ? network!.outputs.outboundAddress : ''
