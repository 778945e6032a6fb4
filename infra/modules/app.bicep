// The Functions app on Flex Consumption, and every setting that it runs with.
param name string
param planName string
param location string
param tags { *: string }
param identityId string
param identityClientId string
param storageAccountName string
param deploymentContainer string
param insightsName string
param vaultUri string
param sqlServer string
param sqlDatabase string

@description('Empty: the app is not in a virtual network.')
param subnetId string

param pythonVersion string
param instanceMemoryMB int
param maximumInstances int
param httpConcurrency int
param alwaysReadySender bool
param furtherSettings { *: string }

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

var settings = {
  AzureWebJobsStorage__accountName: storageAccountName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  // The address alone leads to the console, not to the page of the Functions host.
  AzureWebJobsDisableHomepage: 'true'
  // Which identity azure-identity takes: an app may have several.
  AZURE_CLIENT_ID: identityClientId
  // No key: DisableLocalAuth makes the connection string alone worthless.
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  // Traces a second from one instance: more emails than that leave measures only.
  OTEL_TRACES_SAMPLER: 'microsoft.rate_limited'
  OTEL_TRACES_SAMPLER_ARG: '5'
  // Rowpost traces what it does itself. The addresses that its libraries call name files and accounts.
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'azure_sdk,django,fastapi,flask,httpx,httpx2,psycopg2,requests,urllib,urllib3'
  // A thread for each request that the instance may be given; the default would be five.
  PYTHON_THREADPOOL_THREAD_COUNT: string(httpConcurrency)
  KEY_VAULT_URI: vaultUri
  DATABASE_URL: 'mssql+pyodbc://${identityClientId}@${sqlServer}:1433/${sqlDatabase}?authentication=ActiveDirectoryMsi'
  // The identity may not change the schema: the deployment migrates, with the deployer's rights.
  ROWPOST_MIGRATE: 'off'
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: deploymentContainer
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: pythonVersion
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstances
        alwaysReady: alwaysReadySender
          ? [
              {
                name: 'function:drain'
                instanceCount: 1
              }
            ]
          : []
        triggers: {
          http: {
            perInstanceConcurrency: httpConcurrency
          }
        }
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      http20Enabled: true
    }
  }

  // What Rowpost cannot do without wins over a further setting of the same name.
  resource appSettings 'config' = {
    name: 'appsettings'
    properties: union(furtherSettings, settings)
  }

  // Nobody deploys with a password.
  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: {
      allow: false
    }
  }

  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: {
      allow: false
    }
  }
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
