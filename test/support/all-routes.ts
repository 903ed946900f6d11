import type { HttpFunctionOptions } from '@azure/functions';
import { registerHttp } from '../../functions/http/register-all';
import { parseEnv } from '../../shared/env';
import { createServices } from '../../shared/services';

/** Every function and every route of the HTTP side, those for system callers included; nothing is called. */
export const allRoutes = () => {
  const registered: { name: string; options: HttpFunctionOptions }[] = [];
  const endpoint = (service: string) => `${service}Endpoint=http://127.0.0.1:1/devstoreaccount1`;
  const account = `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=AAAA;${['Blob', 'Queue', 'Table'].map(endpoint).join(';')}`;
  const services = createServices(
    parseEnv({
      AzureWebJobsStorage: account,
      KEY_VAULT_URL: 'https://vault.invalid',
      TENANT_ID: 'tenant',
      SOURCE_CONNECTION_STRING: account,
      SOURCE_CONTAINER: 'lake',
      SOURCE_FOLDER: 'ci',
      ALLOW_FUNCTION_KEYS: 'true',
    }),
  );
  const http = (name: string, options: HttpFunctionOptions) => void registered.push({ name, options });
  return { definitions: registerHttp({ http }, services), registered };
};
