// Storage (blobs with the deployed package, queues, tables), vault and, where wanted, the account of the segments.
// Checked by syntax alone: no schema of Microsoft.Network is at hand.
@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Subnet of the endpoints.')
param subnetId string

@description('DNS zone of blob endpoints.')
param blobZoneId string

@description('DNS zone of queue endpoints.')
param queueZoneId string

@description('DNS zone of table endpoints.')
param tableZoneId string

@description('DNS zone of vaults.')
param vaultZoneId string

@description('Storage account of the app.')
param storageAccountId string

@description('Vault of the app.')
param vaultId string

@description('Storage account of the segments; empty means no endpoint for it.')
param sourceAccountId string

var ownEndpoints = [
  { name: 'blob', targetId: storageAccountId, part: 'blob', zoneId: blobZoneId }
  { name: 'queue', targetId: storageAccountId, part: 'queue', zoneId: queueZoneId }
  { name: 'table', targetId: storageAccountId, part: 'table', zoneId: tableZoneId }
  { name: 'vault', targetId: vaultId, part: 'vault', zoneId: vaultZoneId }
]
var sourceEndpoints = empty(sourceAccountId)
  ? []
  : [{ name: 'source', targetId: sourceAccountId, part: 'blob', zoneId: blobZoneId }]
var endpoints = concat(ownEndpoints, sourceEndpoints)

resource privateEndpoints 'Microsoft.Network/privateEndpoints@2024-05-01' = [
  for endpoint in endpoints: {
    name: 'pe-${endpoint.name}-${uniqueString(endpoint.targetId)}'
    location: location
    tags: tags
    properties: {
      subnet: { id: subnetId }
      privateLinkServiceConnections: [
        {
          name: endpoint.name
          properties: {
            privateLinkServiceId: endpoint.targetId
            groupIds: [endpoint.part]
          }
        }
      ]
    }
  }
]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [
  for (endpoint, index) in endpoints: {
    parent: privateEndpoints[index]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [{ name: endpoint.part, properties: { privateDnsZoneId: endpoint.zoneId } }]
    }
  }
]
