// Virtual network of the app, for private endpoints or an outgoing address of its own. Checked by syntax alone: no schema of Microsoft.Network is at hand.
@description('Name of the network.')
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Address space, a /24 or larger.')
param prefix string

@description('Whether the app gets one outgoing address of its own.')
param fixedOutboundAddress bool

resource address 'Microsoft.Network/publicIPAddresses@2024-05-01' = if (fixedOutboundAddress) {
  name: '${name}-out'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: {
    publicIPAllocationMethod: 'Static'
    publicIPAddressVersion: 'IPv4'
  }
}

resource gateway 'Microsoft.Network/natGateways@2024-05-01' = if (fixedOutboundAddress) {
  name: '${name}-nat'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: {
    idleTimeoutInMinutes: 10
    publicIpAddresses: [{ id: address.id }]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [prefix] }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: cidrSubnet(prefix, 26, 0)
          natGateway: fixedOutboundAddress ? { id: gateway.id } : null
          delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(prefix, 26, 1)
          privateEndpointNetworkPolicies: 'Disabled'
        }
      }
    ]
  }

  resource appSubnet 'subnets' existing = {
    name: 'app'
  }

  resource endpointSubnet 'subnets' existing = {
    name: 'endpoints'
  }
}

@description('Subnet of the app\'s instances.')
output appSubnetId string = network::appSubnet.id

@description('Subnet of the private endpoints.')
output endpointSubnetId string = network::endpointSubnet.id

@description('The network, for DNS zones.')
output networkId string = network.id

@description('Outgoing address of the app; empty where it has none of its own.')
output outboundAddress string = fixedOutboundAddress ? address!.properties.ipAddress : ''
