import { readFileSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { issueToken, localTokenSecret } from '../../infra/local/key-vault/identity-token';

/**
 * The token endpoint of an Entra tenant for one app registration, as far as the client-credentials flow of MSAL needs it, over HTTPS with
 * the certificate of this process's vault stand-in (trusted-vault).
 */
export const startLoginAuthority = async ({
  certPath,
  tenantId,
  clientId,
  clientSecret,
}: {
  certPath: string;
  tenantId: string;
  clientId: string;
  clientSecret: () => string;
}) => {
  const asked: { scope: string | null; accepted: boolean }[] = [];
  const server = https.createServer(
    { cert: readFileSync(certPath), key: readFileSync(path.join(path.dirname(certPath), 'key.pem')) },
    (request, response) => {
      const base = `https://localhost:${(server.address() as AddressInfo).port}`;
      const send = (status: number, body: unknown) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      };
      const url = new URL(request.url ?? '/', base);
      if (url.pathname === `/${tenantId}/v2.0/.well-known/openid-configuration`) {
        return send(200, {
          token_endpoint: `${base}/${tenantId}/oauth2/v2.0/token`,
          issuer: `${base}/${tenantId}/v2.0`,
          authorization_endpoint: `${base}/${tenantId}/oauth2/v2.0/authorize`,
          jwks_uri: `${base}/${tenantId}/discovery/v2.0/keys`,
        });
      }
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        const form = new URLSearchParams(body);
        const accepted =
          url.pathname === `/${tenantId}/oauth2/v2.0/token` &&
          form.get('grant_type') === 'client_credentials' &&
          form.get('client_id') === clientId &&
          form.get('client_secret') === clientSecret();
        const scope = form.get('scope');
        asked.push({ scope, accepted });
        if (!accepted) return send(401, { error: 'invalid_client', error_description: 'AADSTS7000215: Invalid client secret provided.' });
        const aud =
          (scope ?? '')
            .split(' ')
            .find((one) => one.endsWith('/.default'))
            ?.replace('/.default', '') ?? '';
        const exp = Math.floor(Date.now() / 1_000) + 3_600;
        return send(200, {
          token_type: 'Bearer',
          expires_in: 3_600,
          access_token: issueToken({ aud, tid: tenantId, oid: clientId, appid: clientId, exp }, localTokenSecret),
        });
      });
      return undefined;
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
