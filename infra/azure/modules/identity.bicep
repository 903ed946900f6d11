@description('Name of the identity.')
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

// The one identity of the app: storage, vault, telemetry, deployment package, segments, and sign-in in place of a client secret.
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
  properties: {}
}

@description('Resource id of the identity.')
output id string = identity.id

@description('Object id of its service principal, for role assignments.')
output principalId string = identity.properties.principalId

@description('Its client id, for settings.')
output clientId string = identity.properties.clientId
