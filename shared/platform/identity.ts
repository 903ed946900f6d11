import { DefaultAzureCredential } from '@azure/identity';
import type { TokenCredential } from '@azure/identity';

/**
 * The app's own identity: the managed identity on Azure, a developer's sign-in elsewhere. Building it touches no network.
 * @param clientId of the user-assigned identity; without it DefaultAzureCredential looks for the system-assigned one
 */
export const createCredential = ({ clientId }: { clientId?: string }): TokenCredential =>
  new DefaultAzureCredential(clientId ? { managedIdentityClientId: clientId } : {});
