import { ContainerClient } from '@azure/storage-blob';
import { hasEnded } from '../../../infra/local/run-view';
import { sampleFolder, writeSample } from '../../../infra/local/sample/sample';
import type { SampleModel } from '../../../infra/local/sample/model';
import { createContainerSink } from '../../../infra/local/sample/sinks';
import { SOURCE_CONTAINER } from '../../../infra/local/segments';
import { until } from '../../support/started-cloud';
import type { ShownRun, StartedCloud } from '../../support/started-cloud';

/** What the pages are looked at with: made as people make it, through the API, and by runs that really ran. */
export interface World {
  readonly connections: { readonly shared: string; readonly closed: string; readonly refused: string };
  readonly exports: {
    /** has run successfully, with invalid and duplicate rows */
    readonly newsletter: string;
    /** Klaviyo has refused some of its rows */
    readonly loyalty: string;
    /** a mirror whose removals are held */
    readonly mirror: string;
    /** its run failed at the gate */
    readonly capped: string;
    /** has a run under way that does not end */
    readonly busy: string;
    /** has never run */
    readonly fresh: string;
  };
  /** names of channels: of one nobody answers, of the other the receiver says that it knows no such address */
  readonly channels: { readonly silent: string; readonly gone: string };
  readonly runs: {
    readonly successful: string;
    readonly rejected: string;
    readonly held: string;
    readonly failed: string;
    readonly running: string;
    readonly dry: string;
    readonly canceled: string;
  };
}

const mapping = {
  email: 'EMail',
  firstName: 'FirstName',
  lastName: 'LastName',
  location: { city: 'City', country: 'Country' },
  properties: [{ field: 'LoyaltyTier', name: 'loyalty_tier' }],
};

const IMPORT = 'POST /api/profile-bulk-import-jobs';
const SLOW_ACCOUNT = 'FRANCE';
/** Longer than all tests: the run of the page "running" stays where it is. */
const ENDLESS_MS = 60 * 60_000;

/** The API and the sandbox of a started cloud, as an administrator uses them. */
export const createHands = (cloud: { recorded: () => { readonly api?: string; readonly klaviyo: string } }) => {
  const call = async (method: string, path: string, body?: unknown, ifMatch?: string): Promise<{ json: Json; etag: string | null }> => {
    const answer = await fetch(`${cloud.recorded().api}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
    return { json: text === '' ? ({} as Json) : (JSON.parse(text) as Json), etag: answer.headers.get('etag') };
  };
  const make = async (path: string, body: unknown): Promise<Json> => (await call('POST', path, body)).json;
  const sandbox = async (method: string, path: string, body?: unknown): Promise<void> => {
    const answer = await fetch(`${cloud.recorded().klaviyo}/_sandbox${path}`, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`The sandbox answered ${answer.status}: ${await answer.text()}`);
  };
  const runOf = async (id: string): Promise<ShownRun> => (await call('GET', `/runs/${id}`)).json as unknown as ShownRun;
  return {
    call,
    make,
    sandbox,
    runOf,
    endOf: (id: string) =>
      until(`the end of run ${id}`, async () => {
        const run = await runOf(id);
        return hasEnded(run) ? run : undefined;
      }),
  };
};
type Json = Record<string, unknown> & { readonly id: string };
export type Hands = ReturnType<typeof createHands>;

/** Small segments beside those that `npm start` makes. */
const createSegments = (cloud: Pick<StartedCloud, 'recorded'>) => {
  const container = new ContainerClient(cloud.recorded().storage, SOURCE_CONTAINER);
  const signal = AbortSignal.timeout(60_000);
  return {
    write: async (segments: readonly { name: string; rows: number; firstPerson?: number }[], generation = 0): Promise<void> => {
      const model = await container.getBlockBlobClient(`${sampleFolder}/model.json`).downloadToBuffer();
      await writeSample(
        {
          segments,
          seed: 1,
          generation,
          churn: { joiners: 0.02, changed: 0.05, leavers: 0.2 },
          refreshedAt: new Date(),
          sink: createContainerSink(container),
          containerUrl: container.url,
          previousModel: JSON.parse(model.toString('utf8')) as SampleModel,
        },
        { signal },
      );
    },
  };
};

/**
 * Fills a cloud that has just started and made its first run: connections that work and one that does not, exports in every state, runs
 * of every kind. Takes some ten seconds.
 */
export const createWorld = async (cloud: Pick<StartedCloud, 'recorded'>): Promise<World> => {
  const hands = createHands(cloud);
  const { make, sandbox, endOf } = hands;
  const segments = createSegments(cloud);
  await Promise.all([
    segments.write([
      { name: 'VipCustomers', rows: 800 },
      { name: 'LapsedBuyers', rows: 1_200, firstPerson: 6_000 },
      { name: 'FrenchNewsletter', rows: 600, firstPerson: 9_000 },
    ]),
    sandbox('POST', '/accounts', {
      id: 'SANDBX',
      keys: [{ key: 'pk_sandbox_old' }],
      lists: [
        { id: 'VIPCUS', name: 'VIP customers', optIn: 'single_opt_in' },
        { id: 'LAPSED', name: 'Win back' },
      ],
    }),
    // an account of its own, so that what goes wrong there goes wrong nowhere else
    sandbox('POST', '/accounts', {
      id: SLOW_ACCOUNT,
      keys: [{ key: 'pk_sandbox_france' }],
      lists: [
        { id: 'FRNEWS', name: 'Newsletter France' },
        { id: 'FRHIGH', name: 'Meilleurs clients' },
        { id: 'FRVIPS', name: 'Clients fidèles' },
      ],
    }),
  ]);
  const first = (await hands.call('GET', '/runs?size=1')).json as unknown as { value: [ShownRun] };
  const { id: successful, exportId: newsletter } = first.value[0];
  const { json } = await hands.call('GET', `/exports/${newsletter}`);
  const shared = String(json['connectionId']);

  const connect = (displayName: string, more: object = {}) =>
    make('/connections', { displayName, apiKey: 'pk_sandbox_full', agreed: true, ...more });
  const closed = (await connect('Klaviyo France', { apiKey: 'pk_sandbox_france' })).id;
  const refused = (await connect('Former shop', { apiKey: 'pk_sandbox_old' })).id;
  await sandbox('POST', '/faults', { endpoint: '*', count: 1, fault: { kind: 'key_revoked' } });
  await make(`/connections/${refused}/test`, {});

  const channels = { silent: 'Marketing operations', gone: 'Pager' };
  const settings = await hands.call('GET', '/settings/notifications');
  const made = await hands.call(
    'PUT',
    '/settings/notifications',
    {
      channels: [
        // nothing listens there
        { name: channels.silent, form: 'teams', url: 'http://127.0.0.1:9/workflow' },
        { name: channels.gone, form: 'json', scope: 'chosen', kinds: ['run_failed', 'removals_held'], url: `${cloud.recorded().api}/gone` },
      ],
    },
    settings.etag ?? '',
  );
  const pager = (made.json['channels'] as readonly { readonly id: string }[])[1]!.id;

  const makeExport = async (name: string, more: object): Promise<string> =>
    (await make('/exports', { name, connectionId: shared, schedule: { kind: 'off' }, mapping, ...more })).id;
  const start = async (exportId: string, options: object = {}): Promise<string> => (await make(`/exports/${exportId}/run`, options)).id;
  const [loyalty, mirror, capped, busy, stopped, fresh] = await Promise.all([
    makeExport('Loyalty programme', { listId: 'VIPCUS', segments: ['VipCustomers'], schedule: { kind: 'system' } }),
    makeExport('Win back lapsed buyers', {
      listId: 'LAPSED',
      segments: ['LapsedBuyers'],
      membership: 'mirror',
      guardCount: 10,
      guardShare: 0.05,
      notify: { channelIds: [pager] },
      schedule: { kind: 'custom', repeat: 'weekly', days: ['monday', 'thursday'], times: ['06:30'], timeZone: 'Europe/Paris' },
    }),
    makeExport('Everybody (capped)', { listId: 'LI100K', segments: ['VipCustomers', 'LapsedBuyers'], maxProfiles: 1_000 }),
    makeExport('High value customers', { connectionId: closed, listId: 'FRHIGH', segments: ['HighValueSegment'], canaryRows: 0 }),
    makeExport('VIP customers in France', { connectionId: closed, listId: 'FRVIPS', segments: ['VipCustomers'], canaryRows: 0 }),
    makeExport('Newsletter France', { connectionId: closed, listId: 'FRNEWS', segments: ['FrenchNewsletter'] }),
  ]);

  const runMirror = async () => {
    await endOf(await start(mirror));
    await segments.write([{ name: 'LapsedBuyers', rows: 1_200, firstPerson: 6_000 }], 1);
    const held = await start(mirror);
    await endOf(held);
    return held;
  };
  const runLoyalty = async () => {
    const dry = await start(loyalty, { dryRun: true });
    await endOf(dry);
    // the first job is the canary's: its rows must arrive
    await sandbox('POST', '/faults', { endpoint: IMPORT, account: 'SANDBX', fault: { kind: 'row_errors', probability: 0.05, seed: 3 } });
    const rejected = await start(loyalty);
    await endOf(rejected);
    return { dry, rejected };
  };
  const runSlowly = async () => {
    await sandbox('POST', '/faults', { endpoint: IMPORT, account: SLOW_ACCOUNT, count: 10, fault: { kind: 'job_delay', ms: ENDLESS_MS } });
    const running = await start(busy);
    const canceled = await start(stopped);
    for (const run of [running, canceled]) {
      await until('a run that waits for Klaviyo', async () => ((await hands.runOf(run)).phase === 'settle' ? true : undefined));
    }
    await make(`/runs/${canceled}/cancel`, {});
    await endOf(canceled);
    return { running, canceled };
  };
  const failing = start(capped).then(async (run) => (await endOf(run), run));
  // one after the other where both go to the same account: the faults of the one are not for the other
  const sequence = runMirror().then(async (held) => ({ held, ...(await runLoyalty()) }));
  const [failed, { held, dry, rejected }, { running, canceled }] = await Promise.all([failing, sequence, runSlowly()]);
  await sandbox('DELETE', '/faults');

  return {
    connections: { shared, closed, refused },
    exports: { newsletter, loyalty, mirror, capped, busy, fresh },
    channels,
    runs: { successful, rejected, held, failed, running, dry, canceled },
  };
};
