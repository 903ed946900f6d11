import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import tls from 'node:tls';
import { startKeyVault } from '../../infra/local/key-vault/key-vault';
import type { KeyVault } from '../../infra/local/key-vault/key-vault';

const vaults = path.resolve('.local', 'test-vaults');
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** One folder for each process. No test file may remove its own, as others of the process use it; so those of ended processes go here. */
const folderOfThisProcess = (): string => {
  mkdirSync(vaults, { recursive: true });
  for (const name of readdirSync(vaults)) if (!isAlive(Number(name))) rmSync(path.join(vaults, name), { recursive: true, force: true });
  return path.join(vaults, String(process.pid));
};

/**
 * A Key Vault stand-in that this process trusts, as NODE_EXTRA_CA_CERTS would make it. All of a process share one certificate: agents
 * keep what they trusted first, and several test files share a worker.
 */
export const startTrustedVault = async (): Promise<KeyVault> => {
  const vault = await startKeyVault({ dataDir: folderOfThisProcess() });
  process.env.IDENTITY_ENDPOINT = vault.identityEndpoint;
  process.env.IDENTITY_HEADER = vault.identityHeader;
  tls.setDefaultCACertificates([...tls.getCACertificates('bundled'), readFileSync(vault.certPath, 'utf8')]);
  return vault;
};
