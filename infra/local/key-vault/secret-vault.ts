import { z } from 'zod';

/** One version of a secret; times in seconds since 1970, as Key Vault's REST API writes them. */
const Version = z.object({
  version: z.string(),
  value: z.string(),
  contentType: z.string().optional(),
  tags: z.record(z.string(), z.string()).default({}),
  enabled: z.boolean(),
  notBefore: z.number().optional(),
  expires: z.number().optional(),
  created: z.number(),
  updated: z.number(),
});
type Version = z.infer<typeof Version>;

/** Everything a vault holds; versions in the order they were set. */
export const VaultState = z.object({
  secrets: z.record(z.string(), z.array(Version)),
  deleted: z.record(z.string(), z.object({ versions: z.array(Version), deletedAt: z.number() })),
});
export type VaultState = z.infer<typeof VaultState>;

export interface VaultRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
  /** `https://localhost:port`, the beginning of every id. */
  readonly base: string;
}

export interface VaultAnswer {
  readonly status: number;
  readonly body?: unknown;
  /** The request changed the state: keep it. */
  readonly changed?: boolean;
}

export interface VaultRules {
  readonly now: Date;
  readonly newVersion: () => string;
  /** Days until a deleted secret is gone (7-90 on Azure). */
  readonly retentionDays: number;
  /** Refuse to give out expired and not yet valid secrets. Azure gives them out. */
  readonly refuseOutsideValidity: boolean;
  /** Nobody may purge before the retention ends, as Azure's purge protection. */
  readonly purgeProtection?: boolean;
}

const maxPageSize = 25;
const maxValueBytes = 25_600; // "About Key Vault secrets": 25k bytes

const Attributes = z.object({ enabled: z.boolean().optional(), nbf: z.number().nullish(), exp: z.number().nullish() });
const Writable = z.object({
  contentType: z.string().max(255).optional(),
  tags: z.record(z.string(), z.string().max(256)).optional(),
  attributes: Attributes.optional(),
});
const SetBody = Writable.extend({ value: z.string() });

const problem = (status: number, code: string, message: string, innerCode?: string): VaultAnswer => ({
  status,
  body: { error: { code, message, ...(innerCode ? { innererror: { code: innerCode } } : {}) } },
});
const notFound = (name: string): VaultAnswer =>
  problem(
    404,
    'SecretNotFound',
    `A secret with (name/id) ${name} was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command.`,
  );

/**
 * Answers one authenticated request of Key Vault's secrets REST API and changes the state as it says.
 * @see Key Vault REST reference "Secrets", api-version 7.x; "About Azure Key Vault secrets"
 */
export const answerVault = (state: VaultState, request: VaultRequest, rules: VaultRules): VaultAnswer => {
  const version = request.query.get('api-version');
  if (version === null) return problem(400, 'BadParameter', 'The request URI must contain the query parameter api-version.');
  if (!/^(\d+\.\d+(-preview\.\d+)?|\d{4}-\d\d-\d\d(-preview(\.\d+)?)?)$/.test(version)) {
    return problem(400, 'BadParameter', `Invalid api-version: ${version}.`);
  }
  purgeOld(state, rules);
  const [kind, name, detail, ...rest] = request.path.split('/').filter((part) => part !== '');
  if (rest.length > 0 || (kind !== 'secrets' && kind !== 'deletedsecrets'))
    return problem(404, 'NotFound', `No such resource: ${request.path}`);
  if (name !== undefined && !/^[0-9a-zA-Z-]{1,127}$/.test(name)) {
    return problem(400, 'BadParameter', `The request URI contains an invalid name: ${name}`);
  }
  const key = name?.toLowerCase(); // names are unique without regard to case
  return kind === 'secrets'
    ? answerSecrets(state, request, rules, name, key, detail)
    : answerDeleted(state, request, rules, name, key, detail);
};

const answerSecrets = (
  state: VaultState,
  request: VaultRequest,
  rules: VaultRules,
  name: string | undefined,
  key: string | undefined,
  detail: string | undefined,
): VaultAnswer => {
  const { method, base } = request;
  if (name === undefined || key === undefined) {
    if (method !== 'GET') return methodNotAllowed(method);
    return list(request, Object.keys(state.secrets).sort(), (at) => itemOf(base, at, state.secrets[at]!.at(-1)!, rules));
  }
  if (method === 'POST' && key === 'restore' && detail === undefined) return restoreSecret(state, request, rules);
  const versions = state.secrets[key];
  if (method === 'PUT' && detail === undefined) return setSecret(state, request, rules, name, key);
  if (versions === undefined) return notFound(name);
  if (method === 'DELETE' && detail === undefined) {
    state.deleted[key] = { versions, deletedAt: seconds(rules.now) };
    delete state.secrets[key];
    return { status: 200, changed: true, body: deletedOf(base, name, state.deleted[key], rules) };
  }
  if (method === 'POST' && detail === 'backup') {
    const backup: Backup = { name, versions };
    return { status: 200, body: { value: Buffer.from(JSON.stringify(backup)).toString('base64url') } };
  }
  if (method === 'GET' && detail === 'versions') {
    return list(request, versions, (one) => itemOf(base, name, one, rules, `/${one.version}`));
  }
  const found = detail === undefined ? versions.at(-1)! : versions.find((one) => one.version === detail);
  if (found === undefined) return notFound(`${name}/${detail}`);
  if (method === 'PATCH') return updateSecret(request, rules, name, found);
  if (method !== 'GET') return methodNotAllowed(method);
  if (!found.enabled) return problem(403, 'Forbidden', 'Operation get is not allowed on a disabled secret.', 'SecretDisabled');
  const now = seconds(rules.now);
  if (rules.refuseOutsideValidity && found.expires !== undefined && found.expires <= now) {
    return problem(403, 'Forbidden', 'Operation get is not allowed on an expired secret.', 'SecretExpired');
  }
  if (rules.refuseOutsideValidity && found.notBefore !== undefined && found.notBefore > now) {
    return problem(403, 'Forbidden', 'Operation get is not allowed on a secret that is not yet valid.', 'SecretNotYetValid');
  }
  return { status: 200, body: bundleOf(base, name, found, rules) };
};

const setSecret = (state: VaultState, request: VaultRequest, rules: VaultRules, name: string, key: string): VaultAnswer => {
  if (state.deleted[key] !== undefined) return conflict(name);
  const body = parse(SetBody, request.body);
  if (body === undefined) return problem(400, 'BadParameter', 'The request body must be JSON with the property "value".');
  if (Buffer.byteLength(body.value) > maxValueBytes) return problem(400, 'BadParameter', 'The secret value exceeds 25600 bytes.');
  const now = seconds(rules.now);
  const made: Version = {
    version: rules.newVersion(),
    value: body.value,
    contentType: body.contentType,
    tags: body.tags ?? {},
    enabled: body.attributes?.enabled ?? true,
    notBefore: body.attributes?.nbf ?? undefined,
    expires: body.attributes?.exp ?? undefined,
    created: now,
    updated: now,
  };
  (state.secrets[key] ??= []).push(made);
  return { status: 200, changed: true, body: bundleOf(request.base, name, made, rules) };
};

/** What a backup holds; Azure's is encrypted, and opaque to everybody else. */
const Backup = z.object({ name: z.string(), versions: z.array(Version).min(1) });
type Backup = z.infer<typeof Backup>;

const restoreSecret = (state: VaultState, request: VaultRequest, rules: VaultRules): VaultAnswer => {
  const given = parse(z.object({ value: z.string() }), request.body)?.value ?? '';
  const backup = parse(Backup, Buffer.from(given, 'base64url').toString());
  if (backup === undefined) return problem(400, 'BadParameter', 'Backup blob contains invalid or corrupt data.');
  const key = backup.name.toLowerCase();
  if (state.deleted[key] !== undefined) return conflict(backup.name);
  if (state.secrets[key] !== undefined) return problem(409, 'Conflict', `A secret named ${backup.name} exists in this key vault already.`);
  state.secrets[key] = backup.versions;
  return {
    status: 200,
    changed: true,
    body: itemOf(request.base, backup.name, backup.versions.at(-1)!, rules, `/${backup.versions.at(-1)!.version}`),
  };
};

const updateSecret = (request: VaultRequest, rules: VaultRules, name: string, found: Version): VaultAnswer => {
  const body = parse(Writable, request.body);
  if (body === undefined) return problem(400, 'BadParameter', 'The request body must be a JSON object.');
  found.contentType = body.contentType ?? found.contentType;
  found.tags = body.tags ?? found.tags;
  found.enabled = body.attributes?.enabled ?? found.enabled;
  found.notBefore = body.attributes?.nbf ?? found.notBefore;
  found.expires = body.attributes?.exp ?? found.expires;
  found.updated = seconds(rules.now);
  const { value: _value, ...withoutValue } = bundleOf(request.base, name, found, rules);
  return { status: 200, changed: true, body: withoutValue };
};

const answerDeleted = (
  state: VaultState,
  request: VaultRequest,
  rules: VaultRules,
  name: string | undefined,
  key: string | undefined,
  detail: string | undefined,
): VaultAnswer => {
  const { method, base } = request;
  if (name === undefined || key === undefined) {
    if (method !== 'GET') return methodNotAllowed(method);
    return list(request, Object.keys(state.deleted).sort(), (at) => deletedOf(base, at, state.deleted[at]!, rules));
  }
  const found = state.deleted[key];
  if (found === undefined) return problem(404, 'SecretNotFound', `Deleted Secret not found: ${name}`);
  if (detail === 'recover' && method === 'POST') {
    delete state.deleted[key];
    state.secrets[key] = found.versions;
    return { status: 200, changed: true, body: itemOf(base, name, found.versions.at(-1)!, rules, `/${found.versions.at(-1)!.version}`) };
  }
  if (detail !== undefined) return problem(404, 'NotFound', `No such resource: ${request.path}`);
  if (method === 'DELETE') {
    if (rules.purgeProtection) {
      return problem(
        403,
        'Forbidden',
        'Operation "purge" is not allowed because purge protection is enabled for this vault.',
        'ForbiddenByPolicy',
      );
    }
    delete state.deleted[key];
    return { status: 204, changed: true };
  }
  return method === 'GET' ? { status: 200, body: deletedOf(base, name, found, rules) } : methodNotAllowed(method);
};

const purgeOld = (state: VaultState, { now, retentionDays }: VaultRules): void => {
  for (const [key, { deletedAt }] of Object.entries(state.deleted)) {
    if (deletedAt + retentionDays * 86_400 <= seconds(now)) delete state.deleted[key];
  }
};

const conflict = (name: string): VaultAnswer =>
  problem(
    409,
    'Conflict',
    `Secret ${name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged.`,
    'ObjectIsDeletedButRecoverable',
  );

const methodNotAllowed = (method: string): VaultAnswer => problem(405, 'MethodNotAllowed', `The method ${method} is not allowed here.`);

const seconds = (at: Date): number => Math.floor(at.getTime() / 1000);

const parse = <Schema extends z.ZodType>(schema: Schema, text: string): z.infer<Schema> | undefined => {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
};

const list = <Item>(request: VaultRequest, items: readonly Item[], describe: (item: Item) => unknown): VaultAnswer => {
  const size = Number(request.query.get('maxresults') ?? maxPageSize);
  if (!Number.isInteger(size) || size < 1 || size > maxPageSize)
    return problem(400, 'BadParameter', 'maxresults must lie between 1 and 25.');
  const from = Number(request.query.get('$skiptoken') ?? 0);
  const query = new URLSearchParams({
    'api-version': request.query.get('api-version')!,
    $skiptoken: String(from + size),
    maxresults: String(size),
  });
  const nextLink = from + size < items.length ? `${request.base}${request.path}?${query.toString()}` : null;
  return { status: 200, body: { value: items.slice(from, from + size).map(describe), nextLink } };
};

const bundleOf = (base: string, name: string, one: Version, { retentionDays, purgeProtection = false }: VaultRules) => ({
  value: one.value,
  contentType: one.contentType,
  id: `${base}/secrets/${name}/${one.version}`,
  attributes: {
    enabled: one.enabled,
    nbf: one.notBefore,
    exp: one.expires,
    created: one.created,
    updated: one.updated,
    recoveryLevel: `${retentionDays === 90 ? '' : 'Customized'}Recoverable${purgeProtection ? '' : '+Purgeable'}`,
    recoverableDays: retentionDays,
  },
  tags: one.tags,
});

const itemOf = (base: string, name: string, one: Version, rules: VaultRules, suffix = '') => {
  const { value: _value, ...item } = bundleOf(base, name, one, rules);
  return { ...item, id: `${base}/secrets/${name}${suffix}` };
};

const deletedOf = (base: string, name: string, { versions, deletedAt }: VaultState['deleted'][string], rules: VaultRules) => ({
  ...itemOf(base, name, versions.at(-1)!, rules, `/${versions.at(-1)!.version}`),
  recoveryId: `${base}/deletedsecrets/${name}`,
  deletedDate: deletedAt,
  scheduledPurgeDate: deletedAt + rules.retentionDays * 86_400,
});
