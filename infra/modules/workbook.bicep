// The service's charts, in the portal under the Application Insights resource, Workbooks.
param location string
param tags { *: string }
param insightsName string

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(insights.id, 'rowpost')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Rowpost'
    category: 'workbook'
    version: '1.0'
    sourceId: insights.id
    serializedData: replace(loadTextContent('workbook.json'), '{insightsId}', insights.id)
  }
}
