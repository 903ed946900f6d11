// Storage (blobs with the deployed package, queues, tables), vault and, where wanted, the account of the segments.
// Checked by syntax alone: no schema of Microsoft.Network is at hand.
@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Network of the app, which the DNS zones are for.')
param networkId string

@description('Subnet of the endpoints.')
param subnetId string

@description('Storage account of the app.')
param storageAccountId string

@description('Vault of the app.')
param vaultId string

@description('Storage account of the segments; empty means no endpoint for it.')
param sourceAccountId string

@description('Whether the owner of that account is asked to approve its endpoint: without rights there an endpoint cannot be approved at once, and the deployment would fail.')
param asksForSource bool

var zoneNames = [
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.queue.${environment().suffixes.storage}'
  'privatelink.table.${environment().suffixes.storage}'
  // the vault's zone is called otherwise than its addresses
  'privatelink${replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')}'
]

// zone: which of the names above
var ownEndpoints = [
  { name: 'blob', targetId: storageAccountId, part: 'blob', zone: 0, asks: false }
  { name: 'queue', targetId: storageAccountId, part: 'queue', zone: 1, asks: false }
  { name: 'table', targetId: storageAccountId, part: 'table', zone: 2, asks: false }
  { name: 'vault', targetId: vaultId, part: 'vault', zone: 3, asks: false }
]
var sourceEndpoints = empty(sourceAccountId)
  ? []
  : [{ name: 'source', targetId: sourceAccountId, part: 'blob', zone: 0, asks: asksForSource }]
var endpoints = concat(ownEndpoints, sourceEndpoints)

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for zoneName in zoneNames: {
    name: zoneName
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (zoneName, index) in zoneNames: {
    parent: zones[index]
    name: 'app'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      // accounts of others, with endpoints elsewhere, are still found by their public addresses
      resolutionPolicy: 'NxDomainRedirect'
      virtualNetwork: { id: networkId }
    }
  }
]

resource privateEndpoints 'Microsoft.Network/privateEndpoints@2024-05-01' = [
  for endpoint in endpoints: {
    name: 'pe-${endpoint.name}-${uniqueString(endpoint.targetId)}'
    location: location
    tags: tags
    properties: {
      subnet: { id: subnetId }
      privateLinkServiceConnections: endpoint.asks
        ? []
        : [
            {
              name: endpoint.name
              properties: {
                privateLinkServiceId: endpoint.targetId
                groupIds: [endpoint.part]
              }
            }
          ]
      manualPrivateLinkServiceConnections: endpoint.asks
        ? [
            {
              name: endpoint.name
              properties: {
                privateLinkServiceId: endpoint.targetId
                groupIds: [endpoint.part]
                requestMessage: 'Customer Insights to Klaviyo reads its segments here.'
              }
            }
          ]
        : []
    }
  }
]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [
  for (endpoint, index) in endpoints: {
    parent: privateEndpoints[index]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [{ name: endpoint.part, properties: { privateDnsZoneId: zones[endpoint.zone].id } }]
    }
  }
]
