// Azure Communication Services Email, which the app may use as its own identity.
param suffix string
param tags { *: string }
param appIdentityName string
param appPrincipalId string
@description('`AzureManaged`, or a domain of your own.')
param domain string
@description('A domain that is not verified yet cannot be linked.')
param isVerified bool
param dataLocation string

var isManaged = domain == 'AzureManaged'
// Communication and Email Service Owner.
var emailServiceOwner = '09976791-48a7-449e-bb21-39d1a415f350'

resource emailService 'Microsoft.Communication/emailServices@2023-04-01' = {
  name: 'email-rowpost-${suffix}'
  location: 'global'
  tags: tags
  properties: {
    dataLocation: dataLocation
  }
}

resource emailDomain 'Microsoft.Communication/emailServices/domains@2023-04-01' = {
  parent: emailService
  name: isManaged ? 'AzureManagedDomain' : domain
  location: 'global'
  tags: tags
  properties: {
    domainManagement: isManaged ? 'AzureManaged' : 'CustomerManaged'
    userEngagementTracking: 'Disabled'
  }
}

resource communication 'Microsoft.Communication/communicationServices@2023-04-01' = {
  name: 'acs-rowpost-${suffix}'
  location: 'global'
  tags: tags
  properties: {
    dataLocation: dataLocation
    linkedDomains: isManaged || isVerified ? [emailDomain.id] : []
  }
}

resource appSends 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(communication.id, appIdentityName, emailServiceOwner)
  scope: communication
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', emailServiceOwner)
  }
}

output host string = communication.properties.hostName
