// A SQL server that knows no passwords, and the serverless database that holds the queue.
param serverName string
param databaseName string
param location string
param tags { *: string }
param administratorId string
param administratorType string
param administratorName string
param maximumCores int
param isPrivate bool

// The least that may be kept, by the most: more cores bring more memory along.
// https://learn.microsoft.com/azure/azure-sql/database/resource-limits-vcore-single-databases
var smallestCapacity = {
  '1': '0.5'
  '2': '0.5'
  '4': '0.5'
  '6': '0.75'
  '8': '1'
}

resource server 'Microsoft.Sql/servers@2025-01-01' = {
  name: serverName
  location: location
  tags: tags
  properties: {
    version: '12.0'
    minimalTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    administrators: {
      administratorType: 'ActiveDirectory'
      azureADOnlyAuthentication: true
      login: administratorName
      principalType: administratorType
      sid: administratorId
      tenantId: tenant().tenantId
    }
  }
}

resource database 'Microsoft.Sql/servers/databases@2025-01-01' = {
  parent: server
  name: databaseName
  location: location
  tags: tags
  sku: {
    name: 'GP_S_Gen5'
    tier: 'GeneralPurpose'
    family: 'Gen5'
    capacity: maximumCores
  }
  properties: {
    // Never paused by itself: the timer asks every minute, so it would hardly ever sleep, and after
    // a sleep the first login fails (error 40613) and the first emails wait for it to wake up.
    autoPauseDelay: -1
    minCapacity: json(smallestCapacity[string(maximumCores)])
    maxSizeBytes: 34359738368
    zoneRedundant: false
    requestedBackupStorageRedundancy: 'Local'
  }
}

// This range stands for Azure's own addresses: outside of a virtual network the app has no address
// of its own that a rule could name. Whoever comes still needs a token and a user in the database.
resource fromAzure 'Microsoft.Sql/servers/firewallRules@2025-01-01' = if (!isPrivate) {
  parent: server
  name: 'AllowAzureServices'
  properties: {
    startIpAddress: '0.0.0.0'
    endIpAddress: '0.0.0.0'
  }
}

output serverId string = server.id
output serverAddress string = server.properties.fullyQualifiedDomainName
