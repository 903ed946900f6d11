@description('Title of the workbook.')
param displayName string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Workspace that it reads.')
param workspaceId string

// What it shows stands in workbook.json, as the portal's editor writes it.
resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'runs')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: displayName
    category: 'workbook'
    sourceId: workspaceId
    serializedData: replace(loadTextContent('../workbook.json'), '[workspace]', workspaceId)
  }
}
