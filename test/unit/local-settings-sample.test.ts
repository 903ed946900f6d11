import { readFileSync } from 'node:fs';
import { nodeOptions } from '../../infra/local/node-options';
import { parseEnv } from '../../shared/env';

const sample = JSON.parse(readFileSync('local.settings.sample.json', 'utf8')) as { Values: Record<string, string> };

it('is an environment that the app takes', () => {
  expect(parseEnv(sample.Values)).toMatchObject({ SOURCE_KIND: 'cdm-folder', KEY_VAULT_VERIFY_CHALLENGE: true });
});

it('gives Node the options that the local cloud and the bench run with', () => {
  expect(sample.Values.NODE_OPTIONS).toBe(nodeOptions);
});

it('leaves the switch of the platform’s authentication to the platform', () => {
  expect(Object.keys(sample.Values)).not.toContain('WEBSITE_AUTH_ENABLED');
});
