@description('Name of the function app, and of its address.')
@minLength(2)
@maxLength(60)
param name string

@description('Name of its plan; a Flex Consumption plan carries one app.')
param planName string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Resource id of the app\'s identity.')
param identityId string

@description('Container that the package is deployed to.')
param deploymentContainerUrl string

@description('All app settings, see settings.bicep.')
param settings object

@description('Memory of an instance in MB.')
@allowed([2048, 4096])
param instanceMemoryMB int

@description('Most instances per function group.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int

@description('Instances kept warm for runs.')
@minValue(0)
param alwaysReadyRunners int

@description('What a deployment does to running work.')
@allowed(['Recreate', 'RollingUpdate'])
param updateStrategy string

@description('Subnet of the virtual network; empty means none.')
param subnetId string

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      // most other properties, ftpsState among them, make this plan refuse the site (error 51021): see the test's list
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      remoteDebuggingEnabled: false
      appSettings: [for setting in items(settings): { name: setting.key, value: setting.value }]
    }
    functionAppConfig: union(
      {
        deployment: {
          storage: {
            type: 'blobContainer'
            value: deploymentContainerUrl
            authentication: {
              type: 'UserAssignedIdentity'
              userAssignedIdentityResourceId: identityId
            }
          }
        }
        runtime: { name: 'node', version: '24' }
        scaleAndConcurrency: {
          instanceMemoryMB: instanceMemoryMB
          maximumInstanceCount: maximumInstanceCount
          alwaysReady: alwaysReadyRunners == 0 ? [] : [{ name: 'function:advance-run', instanceCount: alwaysReadyRunners }]
          triggers: { http: { perInstanceConcurrency: 16 } }
        }
      },
      // left out where it is the default: not every region knows the property yet
      updateStrategy == 'Recreate' ? {} : { siteUpdateStrategy: { type: updateStrategy } }
    )
  }

  // user name and password of publishing: nobody needs them, deployments sign in with Entra
  resource scmPassword 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource ftpPassword 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }
}

@description('Name of the function app.')
output name string = app.name

@description('Host name of the function app.')
output hostName string = app.properties.defaultHostName
