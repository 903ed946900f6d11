// Every app setting in one place. A test holds the names against shared/env.ts, both ways.
@description('Client id of the app\'s identity.')
param identityClientId string

@description('Connection string of Application Insights.')
param insightsConnectionString string

@description('Name of the app\'s storage account.')
param storageAccountName string

@description('Blob endpoint of the app\'s storage.')
param blobEndpoint string

@description('Queue endpoint of the app\'s storage.')
param queueEndpoint string

@description('Table endpoint of the app\'s storage.')
param tableEndpoint string

@description('Address of the vault.')
param keyVaultUrl string

@description('Name of the app in its telemetry.')
param serviceName string

@description('Share of traces that are kept, in percent.')
@minValue(0)
@maxValue(100)
param traceSamplingPercent int

@description('Where segments are read from.')
@allowed(['cdm-folder', 'dataverse'])
param sourceKind string

@description('Storage account that holds the segments.')
param sourceAccountName string

@description('Container in that account.')
param sourceContainer string

@description('Folder with model.json in that container.')
param sourceFolder string

@description('Address of the Dataverse environment.')
param dataverseUrl string

@description('App registration that reads Dataverse; empty means the identity of the app.')
param dataverseClientId string

@description('Key Vault secret with its client secret.')
param dataverseSecretName string

@description('Most distinct valid addresses of any export.')
@minValue(1)
param maxProfilesPerExport int

@description('Whether import jobs are sent compressed.')
param klaviyoGzip bool

@description('Whether function keys open /api/system/*.')
param allowFunctionKeys bool

var hostSettings = {
  // user-assigned identity: the host needs all of these, DefaultAzureCredential the first
  AZURE_CLIENT_ID: identityClientId
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  // name and addresses say the same, and hosts of this plan have missed the one or the other (azure-functions-host issue 11782)
  AzureWebJobsStorage__accountName: storageAccountName
  AzureWebJobsStorage__blobServiceUri: blobEndpoint
  AzureWebJobsStorage__queueServiceUri: queueEndpoint
  AzureWebJobsStorage__tableServiceUri: tableEndpoint
  // the root page is ours: it leads to the portal
  AzureWebJobsDisableHomepage: 'true'
  // sign-in: an identity in place of a client secret, callers of this tenant alone
  OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId
  WEBSITE_AUTH_AAD_ALLOWED_TENANTS: tenant().tenantId
  // 40 MB less memory and 7 % less CPU for a run of a million rows; errors name lines of the sources
  NODE_OPTIONS: '--max-semi-space-size=1 --enable-source-maps'
}

var telemetrySettings = {
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  OTEL_SERVICE_NAME: serviceName
  OTEL_TRACES_SAMPLER: 'parentbased_traceidratio'
  OTEL_TRACES_SAMPLER_ARG: traceSamplingPercent == 100 ? '1' : '0.${padLeft(traceSamplingPercent, 2, '0')}'
}

var appSettings = {
  KEY_VAULT_URL: keyVaultUrl
  KEY_VAULT_VERIFY_CHALLENGE: 'true'
  TENANT_ID: tenant().tenantId
  KLAVIYO_BASE_URL: 'https://a.klaviyo.com'
  KLAVIYO_GZIP: string(klaviyoGzip)
  MAX_PROFILES_PER_EXPORT: string(maxProfilesPerExport)
  RUN_SLICE_SECONDS: '240'
  RUN_LEASE_SECONDS: '30'
  RUN_GUARD_SECONDS: '45'
  TICK_SCHEDULE: '0 * * * * *'
  ALLOW_FUNCTION_KEYS: string(allowFunctionKeys)
  NOTIFICATION_PRIVATE_HOSTS: 'false'
  SOURCE_KIND: sourceKind
}

var folderSettings = {
  SOURCE_BLOB_URL: 'https://${sourceAccountName}.blob.${environment().suffixes.storage}'
  SOURCE_CONTAINER: sourceContainer
  SOURCE_FOLDER: sourceFolder
  SOURCE_QUIET_SECONDS: '300'
}

var dataverseSettings = {
  DATAVERSE_URL: dataverseUrl
}

var dataverseClientSettings = {
  DATAVERSE_CLIENT_ID: dataverseClientId
  DATAVERSE_SECRET_NAME: dataverseSecretName
  AZURE_AUTHORITY_HOST: environment().authentication.loginEndpoint
}

@description('Names and values of all app settings; none is a secret.')
output settings object = union(
  hostSettings,
  telemetrySettings,
  appSettings,
  sourceKind == 'cdm-folder' ? folderSettings : dataverseSettings,
  sourceKind == 'dataverse' && !empty(dataverseClientId) ? dataverseClientSettings : {}
)
