// Deployed into the resource group of the source account: tells the app when a refresh of the segments is done.
@description('Name of the event subscription.')
@minLength(3)
@maxLength(64)
param name string

@description('Event Grid system topic of the source account.')
param topicName string

@description('Resource id of the app\'s storage account.')
param storageAccountId string

@description('Container that holds the segments.')
@minLength(3)
param sourceContainer string

@description('Folder with model.json in that container.')
@minLength(1)
param sourceFolder string

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource eventSubscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: name
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    deliveryWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      destination: {
        endpointType: 'StorageQueue'
        properties: {
          resourceId: storageAccountId
          queueName: 'export-requests'
          // an app that stood still for a week still learns of the refresh
          queueMessageTimeToLiveInSeconds: -1
        }
      }
    }
    deadLetterWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: {
          resourceId: storageAccountId
          blobContainerName: 'event-dead-letters'
        }
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/${sourceContainer}/blobs/${sourceFolder}/'
      isSubjectCaseSensitive: false
      advancedFilters: [
        { operatorType: 'StringEndsWith', key: 'subject', values: ['/model.json', '.manifest.cdm.json'] }
        // Data Lake raises the event at CreateFile, too, with nothing written yet
        { operatorType: 'StringIn', key: 'data.api', values: ['PutBlob', 'PutBlockList', 'CopyBlob', 'FlushWithClose'] }
      ]
    }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
  }
}
