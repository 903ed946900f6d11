import fc from 'fast-check';
import { toDocument, versionOf } from '../../../shared/configuration/current';
import type { Current } from '../../../shared/configuration/current';
import { Configuration } from '../../../shared/configuration/document';
import { planOf } from '../../../shared/configuration/plan';
import { Connection } from '../../../shared/connections/connection';
import { Export } from '../../../shared/exports/export';
import { defaultSystemSchedule } from '../../../shared/schedules/schedule';
import { defaultLimits } from '../../../shared/settings/limits';
import { StoredNotifications } from '../../../shared/settings/notification-settings';

const AT = '2026-11-23T00:00:00.000Z';
const id = (prefix: string, index: number): string => `${prefix}_${String(index).padStart(10, '0')}`;

const aConnection = (index: number, { owns, shared }: { owns: boolean; shared: boolean }) =>
  Connection.parse({
    ...{ id: id('con', index), displayName: `Connection ${index}`, type: 'klaviyo', secretName: `secret-${index}`, ownsSecret: owns },
    access: shared ? 'administratorsAndContributors' : 'administrators',
    ...{
      accountId: 'A',
      accountName: 'A',
      agreedAt: AT,
      agreedBy: 'a',
      consentVersion: '1',
      createdAt: AT,
      updatedAt: AT,
      exportUser: 'a',
    },
  });

const someChannels = fc
  .uniqueArray(fc.constantFrom('Ops', 'Marketing', 'Ä', '__proto__', 'toString'), { maxLength: 4 })
  .chain((names) =>
    fc.tuple(
      ...names.map((name, index) =>
        fc.record({
          name: fc.constant(name),
          form: fc.constantFrom('json', 'teams', 'slack'),
          scope: fc.constantFrom('all', 'chosen'),
          kinds: fc.option(fc.constant(['run_failed', 'key_refused']), { nil: undefined }),
          ...{
            id: fc.constant(id('chn', index)),
            host: fc.constant('hooks.example'),
            secretName: fc.constant('notify-0'),
            changedAt: fc.constant(AT),
          },
        }),
      ),
    ),
  )
  .map((channels) => StoredNotifications.parse({ channels, digest: { time: '07:30', timeZone: 'Europe/Paris' } }));

const someExports = (connections: number) =>
  fc.array(
    fc.record({
      // few names, so that some are shared
      name: fc.constantFrom('VIP', 'Vip', 'News', 'Ä', '__proto__', 'toString'),
      connection: fc.option(fc.nat({ max: Math.max(connections, 1) }), { nil: undefined }),
      paused: fc.boolean(),
      membership: fc.constantFrom('add', 'mirror'),
      segments: fc.uniqueArray(fc.constantFrom('Loyal', 'NewCustomers', 'HighValue'), { minLength: 1 }),
      schedule: fc.constantFrom<unknown>(
        { kind: 'off' },
        { kind: 'system' },
        { kind: 'custom', repeat: 'weekly', days: ['monday'], times: ['02:30', '14:30'], timeZone: 'Europe/Paris' },
      ),
      mapping: fc.constantFrom<unknown>(
        { email: 'EMail' },
        { firstName: 'First', email: 'EMail', properties: [{ name: 'tier', field: 'Tier' }] },
      ),
      maxProfiles: fc.option(fc.integer({ min: 1, max: 1_000 }), { nil: undefined }),
      guardShare: fc.option(fc.constantFrom(0, 0.5, 1), { nil: undefined }),
      listName: fc.option(fc.string(), { nil: undefined }),
      // also one that is gone
      notify: fc.option(
        fc.uniqueArray(fc.nat({ max: 4 }), { maxLength: 3 }).map((channels) => ({ channelIds: channels.map((one) => id('chn', one)) })),
        { nil: undefined },
      ),
    }),
    { maxLength: 8 },
  );

const deployments: fc.Arbitrary<Current> = fc
  .array(fc.record({ owns: fc.boolean(), shared: fc.boolean() }), { maxLength: 4 })
  .chain((connections) =>
    fc.tuple(someExports(connections.length), someChannels).map(([segmentExports, notifications]) => ({
      notifications: { value: notifications, etag: '"3"' },
      schedule: { value: defaultSystemSchedule, etag: '"1"' },
      limits: { value: defaultLimits, etag: '"2"' },
      connections: connections.map((connection, index) => ({ value: aConnection(index, connection), etag: `"c${index}"` })),
      exports: segmentExports.map(({ connection, ...rest }, index) => ({
        value: Export.parse({
          ...rest,
          id: id('exp', index),
          // also one that is gone
          ...(connection === undefined ? {} : { connectionId: id('con', connection) }),
          ...{ listId: 'LIST5K', createdAt: AT, createdBy: 'a', updatedAt: AT, updatedBy: 'a' },
        }),
        etag: `"e${index}"`,
      })),
    })),
  );

/** As it comes back from a file. */
const fromGit = (current: Current): Configuration => Configuration.parse(JSON.parse(JSON.stringify(toDocument(current))));

describe('a document that was read', () => {
  it('changes nothing where it was read, whatever is set up there, prune or not', () => {
    fc.assert(
      fc.property(deployments, fc.boolean(), (current, prune) => {
        const { steps, problems, notInDocument, unchanged } = planOf(fromGit(current), current, { prune });
        expect({ steps, problems, notInDocument }).toEqual({ steps: [], problems: [], notInDocument: [] });
        expect(unchanged).toBe(3 + current.connections.length + current.exports.length);
      }),
    );
  });

  it('is the same, version and all, in whatever order storage gave its parts', () => {
    fc.assert(
      fc.property(deployments, (current) => {
        const turned = { ...current, connections: [...current.connections].reverse(), exports: [...current.exports].reverse() };
        expect(toDocument(turned)).toEqual(toDocument(current));
        expect(versionOf(toDocument(turned))).toBe(versionOf(fromGit(current)));
      }),
    );
  });

  it('names ids only where names are shared, and nothing that this deployment alone knows', () => {
    fc.assert(
      fc.property(deployments, (current) => {
        const document = toDocument(current);
        for (const { name, id: named } of document.exports) {
          const isShared = current.exports.filter(({ value }) => value.name === name).length > 1;
          expect(named !== undefined).toBe(isShared);
        }
        expect(JSON.stringify(document)).not.toMatch(/con_|agreed|exportUser|2026|At"|By"/);
      }),
    );
  });
});

describe('a plan', () => {
  it('takes everything that the document names exactly once, and removes nothing unasked', () => {
    fc.assert(
      fc.property(deployments, deployments, fc.boolean(), (here, there, prune) => {
        const document = fromGit(there);
        const { steps, problems, notInDocument, unchanged } = planOf(document, here, { prune });
        const deleted = steps.filter(({ action }) => action === 'deleted').length;
        // several channels may lack an address, all of one setting
        const inTheWay = new Set(problems.map(({ what, pointer }) => (what === 'setting' ? what : pointer))).size;
        expect(steps.length - deleted + unchanged + inTheWay).toBe(3 + document.connections.length + document.exports.length);
        expect([prune ? 0 : deleted, prune ? notInDocument.length : 0]).toEqual([0, 0]);
      }),
    );
  });
});
