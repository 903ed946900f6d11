// Says what `azd up` would stumble over later, and in worse words: node infra/azure/check-values.mjs [--before-up]
// Before `azd up` nobody has been asked for the region yet: with --before-up it may be missing.
const beforeUp = process.argv.includes('--before-up');
const env = process.env;
const troubles = [];
const need = (name, pattern, example) => {
  const value = env[name] ?? '';
  if (value === '') troubles.push(`${name} is missing: azd env set ${name} ${example}`);
  else if (!pattern.test(value)) troubles.push(`${name} cannot be "${value}"; expected something like ${example}`);
};

need('AZURE_ENV_NAME', /^[a-z0-9-]{1,32}$/i, 'prod');
if (!beforeUp || env.AZURE_LOCATION) need('AZURE_LOCATION', /^[a-z0-9]+$/i, 'westeurope');
const kind = env.SOURCE_KIND || 'cdm-folder';
if (kind === 'cdm-folder') {
  need('SOURCE_ACCOUNT_NAME', /^[a-z0-9]{3,24}$/, 'mylake');
  need('SOURCE_CONTAINER', /^[a-z0-9$-]{3,63}$/, 'customerinsights');
  need('SOURCE_FOLDER', /^[^/].*[^/]$/, 'CustomerInsights_environment/KlaviyoExport');
} else if (kind === 'dataverse') {
  need('DATAVERSE_URL', /^https:\/\/[\w.-]+\/?$/, 'https://contoso.crm4.dynamics.com');
  if (!env.DATAVERSE_CLIENT_ID !== !env.DATAVERSE_SECRET_NAME)
    troubles.push('DATAVERSE_CLIENT_ID and DATAVERSE_SECRET_NAME go together, or neither');
} else {
  troubles.push(`SOURCE_KIND is cdm-folder or dataverse, not "${kind}"`);
}
if (['PRIVATE_NETWORK', 'FIXED_OUTBOUND_ADDRESS'].some((name) => env[name] === 'true'))
  console.error('Note: a network of the app needs a provider in the subscription: az provider register -n Microsoft.App --wait');
const emails = (env.WARNING_EMAILS ?? '').split(',').filter((email) => email !== '');
if (emails.length === 0)
  console.error('Note: nobody is told by e-mail when something goes wrong: azd env set WARNING_EMAILS you@example.com');
for (const email of emails)
  if (!/^\S+@\S+\.\S+$/.test(email))
    troubles.push(`WARNING_EMAILS names "${email}"; expected addresses with commas between, without blanks`);

for (const trouble of troubles) console.error(trouble);
process.exitCode = troubles.length > 0 ? 1 : 0;
