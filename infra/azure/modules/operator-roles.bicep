// What a person or group may do who looks after an installation: keep secrets in the vault, and read messages that nobody could handle.
// An owner of the subscription may do neither by that: these are rights over data.
@description('Object id of the person or group.')
param principalId string

@description('Storage account of the app.')
param storageAccountName string

@description('Vault of the app.')
param keyVaultName string

var storageQueueDataReader = '19e7f393-937e-4f77-808e-94535e297925'
var keyVaultSecretsOfficer = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'

resource account 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: storageAccountName
}

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: keyVaultName
}

// without a principalType: Azure looks up whether it is a person or a group
resource onStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account
  name: guid(account.id, principalId, storageQueueDataReader)
  properties: {
    principalId: principalId
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageQueueDataReader)
  }
}

resource onVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, principalId, keyVaultSecretsOfficer)
  properties: {
    principalId: principalId
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultSecretsOfficer)
  }
}
