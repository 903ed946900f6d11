import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { startKeyVault } from '../../infra/local/key-vault/key-vault';
import type { KeyVault } from '../../infra/local/key-vault/key-vault';

/**
 * A Key Vault stand-in that this process trusts, as NODE_EXTRA_CA_CERTS would make it. All of a process share one certificate: agents
 * keep what they trusted first, and several test files share a worker.
 */
export const startTrustedVault = async (): Promise<KeyVault> => {
  const vault = await startKeyVault({ dataDir: path.join(tmpdir(), `key-vault-of-${process.pid}`) });
  process.env.IDENTITY_ENDPOINT = vault.identityEndpoint;
  process.env.IDENTITY_HEADER = vault.identityHeader;
  tls.setDefaultCACertificates([...tls.getCACertificates('bundled'), readFileSync(vault.certPath, 'utf8')]);
  return vault;
};
