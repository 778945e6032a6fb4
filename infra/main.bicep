// Everything that Rowpost needs in Azure, in a resource group of its own. `azd up` deploys it.
targetScope = 'subscription'

@minLength(1)
@maxLength(40)
@description('The name of the azd environment: it names the resource group and tags every resource.')
param environmentName string

@minLength(1)
@description('The region. It must have Flex Consumption: az functionapp list-flexconsumption-locations')
@metadata({
  azd: {
    type: 'location'
  }
})
param location string

@minLength(36)
@description('Who deploys: the object id of a user or of a service principal. May write secrets.')
param principalId string

@description('What the deployer is.')
@allowed([
  'User'
  'ServicePrincipal'
])
param principalType string = 'User'

@description('Who administers the SQL server that is made: a user or group by object id, an application by client id. Empty: the deployer.')
param sqlAdministratorId string = ''

@description('What the SQL administrator is.')
@allowed([
  'User'
  'Group'
  'Application'
])
param sqlAdministratorType string = 'User'

@description('The name under which the SQL administrator is shown.')
param sqlAdministratorName string = 'Rowpost deployment'

@description('The host name of a SQL server that is there already. Empty: one is made.')
param existingSqlServer string = ''

@description('The database that holds the queue.')
param sqlDatabaseName string = 'rowpost'

@description('The most cores that the serverless database may use.')
@allowed([
  1
  2
  4
  6
  8
])
param sqlMaximumCores int = 2

@description('The Python of the app. Only these images bring the ODBC driver for SQL Server along.')
@allowed([
  '3.11'
  '3.12'
])
param pythonVersion string = '3.12'

@description('The memory of one instance: 512 MB come with a quarter of a core, 2048 with one, 4096 with two.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int = 2048

@description('The most instances that run at once, API and senders together.')
@minValue(1)
@maxValue(1000)
param maximumInstances int = 40

@description('How many HTTP requests one instance works on at once. Without it a Python app takes one.')
@minValue(1)
@maxValue(64)
param httpConcurrency int = 16

@description('Keep one sender ready, so that an immediate email does not wait for a cold start.')
param alwaysReadySender bool = true

@description('Put the app into a virtual network; storage, vault and database are then reached only there.')
param privateNetwork bool = false

@description('Who gets the alerts by email. Empty: they are only shown in the portal.')
param alertEmail string = ''

@description('Alert when an email has waited longer than this, in seconds. Longer than the hours in which nothing is sent.')
@minValue(60)
param oldestWaitingSeconds int = 900

@description('Azure Communication Services Email: `AzureManaged`, or a domain of your own. Empty: none is made.')
param emailDomain string = ''

@description('The domain of your own is verified, so that it can be linked.')
param emailDomainIsVerified bool = false

@description('Where Azure Communication Services keeps what it knows of emails.')
param emailDataLocation string = 'Europe'

@description('Further app settings of Rowpost, by name: see docs/reference.md.')
param furtherSettings { *: string } = {}

var suffix = toLower(uniqueString(subscription().id, environmentName, location))
var tags = {
  'azd-env-name': environmentName
}
var makesDatabase = empty(existingSqlServer)
var makesEmailService = !empty(emailDomain)
// Known before anything is made: what is named after them is then shown by `azd provision --preview`.
var identityName = 'id-rowpost-${suffix}'
var insightsName = 'appi-rowpost-${suffix}'

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: {
    name: identityName
    location: location
    tags: tags
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  scope: group
  params: {
    name: 'vnet-rowpost-${suffix}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    suffix: suffix
    insightsName: insightsName
    location: location
    tags: tags
    appIdentityName: identityName
    appPrincipalId: identity.outputs.principalId
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  params: {
    name: 'strowpost${take(suffix, 13)}'
    location: location
    tags: tags
    appIdentityName: identityName
    appPrincipalId: identity.outputs.principalId
    isPrivate: privateNetwork
  }
}

module vault 'modules/vault.bicep' = {
  scope: group
  params: {
    name: 'kv-rp-${suffix}'
    location: location
    tags: tags
    appIdentityName: identityName
    appPrincipalId: identity.outputs.principalId
    deployerPrincipalId: principalId
    deployerPrincipalType: principalType
    isPrivate: privateNetwork
  }
}

module database 'modules/database.bicep' = if (makesDatabase) {
  scope: group
  params: {
    serverName: 'sql-rowpost-${suffix}'
    databaseName: sqlDatabaseName
    location: location
    tags: tags
    administratorId: empty(sqlAdministratorId) ? principalId : sqlAdministratorId
    administratorType: sqlAdministratorType
    administratorName: sqlAdministratorName
    maximumCores: sqlMaximumCores
    isPrivate: privateNetwork
  }
}

module privateEndpoints 'modules/private-endpoints.bicep' = if (privateNetwork) {
  scope: group
  params: {
    suffix: suffix
    location: location
    tags: tags
    networkId: network!.outputs.id
    subnetId: network!.outputs.endpointsSubnetId
    withSqlServer: makesDatabase
    targets: {
      blob: storage.outputs.id
      queue: storage.outputs.id
      vault: vault.outputs.id
      sqlServer: makesDatabase ? database!.outputs.serverId : ''
    }
  }
}

module communication 'modules/communication.bicep' = if (makesEmailService) {
  scope: group
  params: {
    suffix: suffix
    tags: tags
    appIdentityName: identityName
    appPrincipalId: identity.outputs.principalId
    domain: emailDomain
    isVerified: emailDomainIsVerified
    dataLocation: emailDataLocation
  }
}

var sqlServer = makesDatabase ? database!.outputs.serverAddress : existingSqlServer

module app 'modules/app.bicep' = {
  scope: group
  params: {
    name: 'func-rowpost-${suffix}'
    planName: 'plan-rowpost-${suffix}'
    location: location
    tags: union(tags, { 'azd-service-name': 'rowpost' })
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageAccountName: storage.outputs.name
    deploymentContainer: storage.outputs.deploymentContainer
    insightsName: insightsName
    vaultUri: vault.outputs.uri
    sqlServer: sqlServer
    sqlDatabase: sqlDatabaseName
    subnetId: privateNetwork ? network!.outputs.appSubnetId : ''
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstances: maximumInstances
    httpConcurrency: httpConcurrency
    alwaysReadySender: alwaysReadySender
    furtherSettings: furtherSettings
  }
  // Without its private endpoints the app would start and reach nothing.
  dependsOn: [
    monitoring
    privateEndpoints
  ]
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    suffix: suffix
    location: location
    tags: tags
    insightsName: insightsName
    alertEmail: alertEmail
    oldestWaitingSeconds: oldestWaitingSeconds
  }
  dependsOn: [
    monitoring
  ]
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    insightsName: insightsName
  }
  dependsOn: [
    monitoring
  ]
}

// azd keeps these in its environment, for the post-provision step and for whoever asks `azd env get-values`.
output AZURE_RESOURCE_GROUP string = group.name
output SERVICE_ROWPOST_NAME string = app.outputs.name
output ROWPOST_URL string = app.outputs.url
output ROWPOST_IDENTITY_NAME string = identity.outputs.name
output ROWPOST_IDENTITY_CLIENT_ID string = identity.outputs.clientId
output ROWPOST_SQL_SERVER string = sqlServer
output ROWPOST_SQL_DATABASE string = sqlDatabaseName
output ROWPOST_SQL_SERVER_IS_MADE_HERE bool = makesDatabase
output ROWPOST_EMAIL_HOST string = makesEmailService ? communication!.outputs.host : ''
output KEY_VAULT_URI string = vault.outputs.uri
