import { spawnSync } from 'node:child_process';
import path from 'node:path';

const script = path.resolve(__dirname, '../../../infra/azure/check-values.mjs');
const whole = {
  AZURE_ENV_NAME: 'prod',
  AZURE_LOCATION: 'westeurope',
  SOURCE_ACCOUNT_NAME: 'mylake',
  SOURCE_CONTAINER: 'customerinsights',
  SOURCE_FOLDER: 'CustomerInsights_env/KlaviyoExport',
  WARNING_EMAILS: 'a@example.com,b@example.com',
};
const check = (change: Record<string, string>, args: readonly string[] = []) => {
  const { status, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', env: { ...whole, ...change } });
  return { status, stderr };
};

it('has nothing to say of values that fit, of either source', () => {
  expect(check({})).toEqual({ status: 0, stderr: '' });
  const dataverse = { SOURCE_KIND: 'dataverse', SOURCE_ACCOUNT_NAME: '', SOURCE_CONTAINER: '', SOURCE_FOLDER: '' };
  expect(check({ ...dataverse, DATAVERSE_URL: 'https://contoso.crm4.dynamics.com' })).toEqual({ status: 0, stderr: '' });
});

it('does without the region before azd has asked for it, but not with a wrong one', () => {
  expect(check({ AZURE_LOCATION: '' })).toMatchObject({ status: 1, stderr: expect.stringContaining('AZURE_LOCATION is missing') });
  expect(check({ AZURE_LOCATION: '' }, ['--before-up'])).toEqual({ status: 0, stderr: '' });
  expect(check({ AZURE_LOCATION: 'West Europe' }, ['--before-up'])).toMatchObject({ status: 1 });
});

it('says what a network of the app needs in the subscription', () => {
  for (const name of ['PRIVATE_NETWORK', 'FIXED_OUTBOUND_ADDRESS']) {
    expect(check({ [name]: 'true' })).toEqual({ status: 0, stderr: expect.stringContaining('az provider register -n Microsoft.App') });
    expect(check({ [name]: 'false' }).stderr).toBe('');
  }
});

it('names every value that is missing or cannot be', () => {
  const { status, stderr } = check({
    SOURCE_ACCOUNT_NAME: '',
    SOURCE_FOLDER: '/KlaviyoExport/',
    WARNING_EMAILS: 'a@example.com, b@example.com',
  });
  expect(status).toBe(1);
  expect(stderr.trimEnd().split('\n')).toEqual([
    'SOURCE_ACCOUNT_NAME is missing: azd env set SOURCE_ACCOUNT_NAME mylake',
    'SOURCE_FOLDER cannot be "/KlaviyoExport/"; expected something like CustomerInsights_environment/KlaviyoExport',
    'WARNING_EMAILS names " b@example.com"; expected addresses with commas between, without blanks',
  ]);
});
