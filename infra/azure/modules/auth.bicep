// App Service Authentication: nobody reaches the API unsigned. Who may do what is decided by the app, from the roles in the token.
@description('Name of the function app.')
param appName string

@description('Client id of the app registration.')
@minLength(36)
@maxLength(36)
param clientId string

@description('Client ids of applications that may call beside this one; empty means any of the tenant.')
param allowedClientIds array

@description('Whether /api/system/* is open to function keys, and so closed to nobody else\'s sign-in.')
param allowFunctionKeys bool

// Matching is not documented: a path is taken as it stands, and a star at its end for what lies below it (MicrosoftDocs/azure-docs
// issue 86514). Whether a star passes a slash is said nowhere, hence the deeper ones. None of these paths reads who is signed in.
// The root stays closed: an entry that ends in a slash may stand for all below it.
var openPaths = [
  '/portal'
  '/portal/*'
  '/portal/assets/*'
  '/portal/*/*'
  '/portal/*/*/*'
  '/api/health'
]
var keyedPaths = [
  '/api/system/*'
  '/api/system/*/*'
  '/api/system/*/*/*'
]

resource app 'Microsoft.Web/sites@2024-11-01' existing = {
  name: appName
}

resource authentication 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true, runtimeVersion: '~1' }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      excludedPaths: allowFunctionKeys ? concat(openPaths, keyedPaths) : openPaths
    }
    httpSettings: {
      requireHttps: true
      routes: { apiPrefix: '/.auth' }
      forwardProxy: { convention: 'NoProxy' }
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: clientId
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: ['api://${clientId}', clientId]
          // empty lists: any application of the tenant may sign in, and without one of our roles may do nothing
          // another installation was seen to let in nobody with an empty list (pnp/Microsoft365-Analytics-Insights pull request 264)
          defaultAuthorizationPolicy: {
            allowedApplications: empty(allowedClientIds) ? [] : concat([clientId], allowedClientIds)
            allowedPrincipals: {}
          }
        }
      }
    }
    login: {
      routes: { logoutEndpoint: '/.auth/logout' }
      tokenStore: { enabled: false }
      preserveUrlFragmentsForLogins: false
      allowedExternalRedirectUrls: []
      cookieExpiration: { convention: 'FixedTime', timeToExpiration: '08:00:00' }
      nonce: { validateNonce: true, nonceExpirationInterval: '00:05:00' }
    }
  }
}
