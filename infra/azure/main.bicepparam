// Values for main.bicep from environment variables: `azd env set NAME VALUE`, or `export NAME=VALUE` before `az deployment sub create`.
// What has no default here must be there; README.md says what each means.
using './main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param resourceGroupName = empty(readEnvironmentVariable('AZURE_RESOURCE_GROUP', '')) ? 'rg-${readEnvironmentVariable('AZURE_ENV_NAME')}' : readEnvironmentVariable('AZURE_RESOURCE_GROUP', '')
param authClientId = readEnvironmentVariable('AUTH_CLIENT_ID')
// several ids with commas between them
param allowedClientIds = empty(readEnvironmentVariable('ALLOWED_CLIENT_IDS', '')) ? [] : split(readEnvironmentVariable('ALLOWED_CLIENT_IDS', ''), ',')

param sourceKind = readEnvironmentVariable('SOURCE_KIND', 'cdm-folder')
param sourceAccountName = readEnvironmentVariable('SOURCE_ACCOUNT_NAME', '')
param sourceContainer = readEnvironmentVariable('SOURCE_CONTAINER', '')
param sourceFolder = readEnvironmentVariable('SOURCE_FOLDER', '')
param sourceResourceGroup = readEnvironmentVariable('SOURCE_RESOURCE_GROUP', '')
param sourceSubscriptionId = readEnvironmentVariable('SOURCE_SUBSCRIPTION_ID', '')
param sourceLocation = readEnvironmentVariable('SOURCE_LOCATION', '')
param sourceSystemTopicName = readEnvironmentVariable('SOURCE_SYSTEM_TOPIC_NAME', '')
param grantSourceAccess = bool(readEnvironmentVariable('GRANT_SOURCE_ACCESS', 'true'))
param subscribeToSource = bool(readEnvironmentVariable('SUBSCRIBE_TO_SOURCE', 'true'))

param dataverseUrl = readEnvironmentVariable('DATAVERSE_URL', '')
param dataverseClientId = readEnvironmentVariable('DATAVERSE_CLIENT_ID', '')
param dataverseSecretName = readEnvironmentVariable('DATAVERSE_SECRET_NAME', '')

param maxProfilesPerExport = int(readEnvironmentVariable('MAX_PROFILES_PER_EXPORT', '1000000'))
param klaviyoGzip = bool(readEnvironmentVariable('KLAVIYO_GZIP', 'true'))
param allowFunctionKeys = bool(readEnvironmentVariable('ALLOW_FUNCTION_KEYS', 'false'))

param instanceMemoryMB = int(readEnvironmentVariable('INSTANCE_MEMORY_MB', '2048'))
param maximumInstanceCount = int(readEnvironmentVariable('MAXIMUM_INSTANCE_COUNT', '40'))
param alwaysReadyRunners = int(readEnvironmentVariable('ALWAYS_READY_RUNNERS', '0'))
param updateStrategy = readEnvironmentVariable('UPDATE_STRATEGY', 'Recreate')

param privateNetwork = bool(readEnvironmentVariable('PRIVATE_NETWORK', 'false'))
param networkPrefix = readEnvironmentVariable('NETWORK_PREFIX', '10.88.0.0/24')
param fixedOutboundAddress = bool(readEnvironmentVariable('FIXED_OUTBOUND_ADDRESS', 'false'))
param sourcePrivateEndpoint = bool(readEnvironmentVariable('SOURCE_PRIVATE_ENDPOINT', 'false'))

param storageRedundancy = readEnvironmentVariable('STORAGE_REDUNDANCY', 'Standard_ZRS')
param blobSoftDeleteDays = int(readEnvironmentVariable('BLOB_SOFT_DELETE_DAYS', '0'))
param recoverVault = bool(readEnvironmentVariable('RECOVER_VAULT', 'false'))
param operatorPrincipalId = readEnvironmentVariable('OPERATOR_PRINCIPAL_ID', '')
param vaultRetentionDays = int(readEnvironmentVariable('VAULT_RETENTION_DAYS', '7'))
param logRetentionDays = int(readEnvironmentVariable('LOG_RETENTION_DAYS', '90'))
param logDailyCapGb = int(readEnvironmentVariable('LOG_DAILY_CAP_GB', '2'))
param traceSamplingPercent = int(readEnvironmentVariable('TRACE_SAMPLING_PERCENT', '10'))

// several addresses with commas between them
param warningEmails = empty(readEnvironmentVariable('WARNING_EMAILS', '')) ? [] : split(readEnvironmentVariable('WARNING_EMAILS', ''), ',')
