import { readFileSync } from 'node:fs';
import { parseEnv } from '../../shared/env';

const sample = JSON.parse(readFileSync('local.settings.sample.json', 'utf8')) as { Values: Record<string, string> };

it('is an environment that the app takes', () => {
  expect(parseEnv(sample.Values)).toMatchObject({ SOURCE_KIND: 'cdm-folder', KEY_VAULT_VERIFY_CHALLENGE: true });
});

it('leaves the switch of the platform’s authentication to the platform', () => {
  expect(Object.keys(sample.Values)).not.toContain('WEBSITE_AUTH_ENABLED');
});
