// Deployed into the resource group of the source account. A storage account has one system topic at most.
@description('Name of the topic, where one is made.')
param name string

@description('Name of a topic that the account has already; empty means to make one.')
param existingName string

@description('Region of the source account; the topic must lie there.')
param location string

@description('Tags.')
param tags object

@description('Resource id of the source account.')
param sourceAccountId string

resource made 'Microsoft.EventGrid/systemTopics@2025-02-15' = if (empty(existingName)) {
  name: name
  location: location
  tags: tags
  // of the system: a user-assigned one cannot deliver past a storage firewall
  identity: { type: 'SystemAssigned' }
  properties: {
    source: sourceAccountId
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

resource found 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = if (!empty(existingName)) {
  name: existingName
}

@description('Name of the topic.')
output name string = empty(existingName) ? made.name : existingName

@description('Object id of the topic\'s identity.')
output principalId string = empty(existingName) ? made!.identity.principalId : found!.identity.principalId
