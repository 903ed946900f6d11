import { createTelemetryCredential } from '../../../shared/platform/identity';

it('writes to Application Insights with an identity only where the setting says so', () => {
  const of = (authentication: string | undefined) => createTelemetryCredential({ authentication, clientId: 'own' }) !== undefined;
  expect([of(undefined), of(''), of('ClientId=abc'), of('Authorization=Key')]).toEqual([false, false, false, false]);
  expect([of('Authorization=AAD'), of('ClientId=abc;Authorization=AAD'), of(' authorization = aad ; clientid=abc')]).toEqual([
    true,
    true,
    true,
  ]);
});
