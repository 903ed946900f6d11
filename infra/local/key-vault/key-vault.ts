import { randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { issueToken, localTokenSecret, readToken } from './identity-token';
import { answerVault, VaultState } from './secret-vault';
import { createSelfSigned, isUsable, type SelfSigned } from './self-signed';

/** An answer that the vault gives on purpose instead of its own. */
export interface VaultFault {
  readonly status: 403 | 429 | 500 | 503;
  /** How many requests it meets; every one until `clear` when left out. */
  readonly times?: number;
  /** Sent as Retry-After; 429 sends 1 when left out. */
  readonly retryAfterSeconds?: number;
  /** Only requests whose "METHOD /path" it matches. */
  readonly only?: RegExp;
}

export interface KeyVaultOptions {
  /** Where secrets, certificate and identity header are kept; without it they live as long as the vault. */
  readonly dataDir?: string;
  readonly port?: number;
  readonly identityPort?: number;
  readonly tenantId?: string;
  /** Client id of a user-assigned identity; asked for another one, the identity endpoint answers 400. */
  readonly clientId?: string;
  /** Days a deleted secret can be recovered, 7-90. */
  readonly retentionDays?: number;
  /** Answers 403 for expired and not yet valid secrets, which Azure's vault gives out. */
  readonly refuseOutsideValidity?: boolean;
  /** Nobody may purge a deleted secret before its retention ends. */
  readonly purgeProtection?: boolean;
  /** The vault's clock; tokens live by the real one. */
  readonly now?: () => Date;
  /** Gets "METHOD /path status" of each request. */
  readonly onRequest?: (line: string) => void;
}

export interface KeyVault {
  /** `https://localhost:port`; reach it with NODE_EXTRA_CA_CERTS=certPath. */
  readonly vaultUrl: string;
  /** Value for IDENTITY_ENDPOINT. */
  readonly identityEndpoint: string;
  /** Value for IDENTITY_HEADER. */
  readonly identityHeader: string;
  readonly certPath: string;
  readonly tenantId: string;
  /** Object id of the managed identity. */
  readonly principalId: string;
  /** Makes the vault fail on purpose. */
  readonly faults: { add(fault: VaultFault): void; clear(): void };
  /** "METHOD /path status" of every request since the start, the last 1,000. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

const resource = 'https://vault.azure.net';
const principalId = '6d0e4f3a-5b0c-4f6e-9d53-6c6f63616c31';
const tokenSeconds = 86_400;
/**
 * Starts a Key Vault (secrets, over HTTPS) and a managed-identity endpoint (App Service's protocol, 2019-08-01) on
 * 127.0.0.1, for unmodified SecretClient and DefaultAzureCredential.
 * Set IDENTITY_ENDPOINT, IDENTITY_HEADER and NODE_EXTRA_CA_CERTS before the client's process starts, and build the
 * client with disableChallengeResourceVerification: its host is not *.vault.azure.net.
 * @throws Error when a port is taken
 */
export const startKeyVault = async (options: KeyVaultOptions = {}): Promise<KeyVault> => {
  const { retentionDays = 90, refuseOutsideValidity = false, purgeProtection = false, now = () => new Date() } = options;
  const tenantId = options.tenantId ?? '00000000-0000-4000-8000-00006c6f6361';
  const folder = options.dataDir === undefined ? mkdtempSync(path.join(tmpdir(), 'key-vault-')) : path.resolve(options.dataDir);
  mkdirSync(folder, { recursive: true });
  const { key, cert } = keptCertificate(folder, now());
  const identityHeader = keptSecret(folder, 'identity-header');
  const statePath = path.join(folder, 'secrets.json');
  const state = readState(statePath);
  const faults: { fault: VaultFault; left: number }[] = [];
  const requests: string[] = [];

  const vault = https.createServer({ key, cert }, (request, response) => {
    void readBody(request).then(
      (body) => {
        const base = `https://localhost:${(vault.address() as AddressInfo).port}`;
        const url = new URL(request.url ?? '/', base);
        const what = `${request.method} ${url.pathname}`;
        response.on('finish', () => {
          requests.push(`${what} ${response.statusCode}`);
          options.onRequest?.(`${what} ${response.statusCode}`);
          if (requests.length > 1_000) requests.shift();
        });
        const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
        if (token === undefined || readToken(token, { secret: localTokenSecret, audience: resource, now: new Date() }) === undefined) {
          const challenge = `Bearer authorization="https://login.microsoftonline.com/${tenantId}", resource="${resource}"`;
          const message = 'AKV10000: Request is missing a Bearer or PoP token.';
          return send(response, 401, { error: { code: 'Unauthorized', message } }, { 'www-authenticate': challenge });
        }
        const fault = faults.find(({ fault: { only }, left }) => left > 0 && (only?.test(what) ?? true));
        if (fault !== undefined) {
          fault.left -= 1;
          return sendFault(response, fault.fault);
        }
        const answer = answerVault(
          state,
          { method: request.method ?? 'GET', path: url.pathname, query: url.searchParams, body, base },
          { now: now(), newVersion: () => randomBytes(16).toString('hex'), retentionDays, refuseOutsideValidity, purgeProtection },
        );
        try {
          if (answer.changed) writeWhole(statePath, JSON.stringify(state));
        } catch (error) {
          // a full disk is the caller's to hear of; it must not end whoever runs the vault
          const message = `The change could not be kept: ${(error as Error).message}`;
          return send(response, 500, { error: { code: 'InternalServerError', message } });
        }
        return send(response, answer.status, answer.body);
      },
      () => response.destroy(),
    );
  });

  const identity = http.createServer((request, response) => {
    const query = new URL(request.url ?? '/', 'http://127.0.0.1').searchParams;
    const asked = query.get('resource');
    const clientId = query.get('client_id');
    if (!sameText(request.headers['x-identity-header'], identityHeader)) {
      return send(response, 401, { statusCode: 401, message: 'The X-IDENTITY-HEADER is missing or wrong.' });
    }
    if (asked === null || query.get('api-version') !== '2019-08-01') {
      return send(response, 400, { statusCode: 400, message: 'resource and api-version=2019-08-01 are required.' });
    }
    if (clientId !== null && options.clientId !== undefined && clientId !== options.clientId) {
      return send(response, 400, { statusCode: 400, message: `No user assigned identity with the client id ${clientId}.` });
    }
    const exp = Math.floor(Date.now() / 1000) + tokenSeconds;
    const appid = clientId ?? options.clientId ?? principalId;
    const accessToken = issueToken({ aud: asked, tid: tenantId, oid: principalId, appid, exp }, localTokenSecret);
    return send(response, 200, {
      access_token: accessToken,
      expires_on: String(exp),
      resource: asked,
      token_type: 'Bearer',
      client_id: appid,
    });
  });

  const vaultPort = await listen(vault, options.port ?? 0);
  const identityPort = await listen(identity, options.identityPort ?? 0).catch(async (error: unknown) => {
    await stop(vault);
    throw error;
  });
  return {
    vaultUrl: `https://localhost:${vaultPort}`,
    identityEndpoint: `http://127.0.0.1:${identityPort}/msi/token`,
    identityHeader,
    certPath: path.join(folder, 'cert.pem'),
    tenantId,
    principalId,
    faults: {
      add: (fault) => void faults.push({ fault, left: fault.times ?? Infinity }),
      clear: () => void faults.splice(0),
    },
    requests,
    close: async () => {
      await Promise.all([stop(vault), stop(identity)]);
      if (options.dataDir === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
};

const keptCertificate = (folder: string, now: Date): SelfSigned => {
  const files = { key: path.join(folder, 'key.pem'), cert: path.join(folder, 'cert.pem') };
  try {
    const kept = { key: readFileSync(files.key, 'utf8'), cert: readFileSync(files.cert, 'utf8') };
    if (isUsable(kept, now)) return kept;
  } catch {
    // none yet
  }
  const made = createSelfSigned({ now });
  writeWhole(files.key, made.key);
  writeWhole(files.cert, made.cert);
  return made;
};

const keptSecret = (folder: string, name: string): string => {
  const file = path.join(folder, name);
  try {
    return readFileSync(file, 'utf8');
  } catch {
    const made = randomBytes(32).toString('hex');
    writeWhole(file, made);
    return made;
  }
};

const readState = (file: string): VaultState => {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return { secrets: {}, deleted: {} };
  }
  return VaultState.parse(JSON.parse(text));
};

/** Replaces a file in one step, so that a kill leaves the old one or the new one; readable by its owner only. */
const writeWhole = (file: string, text: string): void => {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
};

const readBody = async (request: http.IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
};

const send = (response: http.ServerResponse, status: number, body?: unknown, headers: http.OutgoingHttpHeaders = {}): void => {
  response.writeHead(status, { ...(body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }), ...headers });
  response.end(body === undefined ? undefined : JSON.stringify(body));
};

const sendFault = (response: http.ServerResponse, { status, retryAfterSeconds }: VaultFault): void => {
  const seconds = retryAfterSeconds ?? (status === 429 ? 1 : undefined);
  const [code, message] = {
    403: ['Forbidden', 'Caller is not authorized to perform action on resource.'],
    429: ['Throttled', 'Request was not processed because too many requests were received.'],
    500: ['InternalServerError', 'Something went wrong.'],
    503: ['ServiceUnavailable', 'The service is unavailable.'],
  }[status] as [string, string];
  send(response, status, { error: { code, message } }, seconds === undefined ? {} : { 'retry-after': String(seconds) });
};

const sameText = (given: string | string[] | undefined, expected: string): boolean =>
  typeof given === 'string' && given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected));

const listen = (server: http.Server | https.Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE' ? new Error(`Port ${port} is taken: end the program that uses it, or choose another port`) : error,
      ),
    );
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

const stop = (server: http.Server | https.Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
