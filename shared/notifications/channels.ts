import { InvalidInputError } from '../errors';
import type { FieldProblem } from '../errors';
import type { Stored } from '../platform/tables';
import { requireVersion } from '../platform/versions';
import type { AddressProblem, Webhooks } from '../platform/webhooks';
import { NotificationKind } from '../settings/notification-settings';
import type { StoredNotifications } from '../settings/notification-settings';
import type { ChannelInput, NotificationSettings, StoredChannel } from '../settings/notification-settings';
import type { Settings } from '../settings/settings';
import { planChannel } from './channel-plan';
import type { PlannedChannel } from './channel-plan';
import type { ChannelSecrets } from './channel-secrets';

/** Undoing must not be cut short by the deadline that made it necessary. */
const UNDO_MS = 15_000;

type Options = { signal: AbortSignal };

/** What was saved, and the signing secrets that were made for it, by channel. */
export interface SavedChannels extends Stored<StoredNotifications> {
  readonly before: StoredNotifications;
  readonly made: ReadonlyMap<string, string>;
}

const SAYS: Readonly<Record<AddressProblem, string>> = {
  not_a_url: 'This is no web address; copy the whole address from the receiver, https:// included.',
  not_https: 'The address must begin with https://, as what is sent names exports and connections.',
  has_user: 'The address must hold no user name or password.',
  address_refused: 'The address must lead to a host of the public internet, not into a private network.',
};

/**
 * Channels: whom notifications go to. Addresses and signing secrets lie in Key Vault alone; what is stored names the host.
 */
export const createChannels = ({
  settings,
  secrets,
  webhooks,
  now,
}: {
  settings: Pick<Settings, 'getNotifications' | 'setNotifications'>;
  secrets: ChannelSecrets;
  webhooks: Pick<Webhooks, 'problemOf'>;
  now: () => Date;
}) => {
  /** @throws InvalidInputError channel_unknown, invalid_input (a kind), channel_url_needed, channel_url_refused, each naming all fields of its kind */
  const requireUsable = (channels: readonly ChannelInput[], known: ReadonlyMap<string, StoredChannel>): void => {
    const refuse = (code: string, problems: readonly FieldProblem[]): void => {
      const [first] = problems;
      if (first === undefined) return;
      throw new InvalidInputError({
        code,
        message: problems.length === 1 ? first.detail : `${problems.length} channels cannot be saved; see errors.`,
        problems,
      });
    };
    const each = (detail: (channel: ChannelInput) => string | undefined, field: string): FieldProblem[] =>
      channels.flatMap((channel, index) => {
        const says = detail(channel);
        return says === undefined ? [] : [{ pointer: `/channels/${index}/${field}`, detail: says }];
      });
    refuse(
      'channel_unknown',
      each(
        ({ id }) => (id === undefined || known.has(id) ? undefined : 'There is no such channel; leave the id out to make a new one.'),
        'id',
      ),
    );
    refuse(
      'invalid_input',
      channels.flatMap(({ id, kinds = [] }, index) => {
        const kept = known.get(id ?? '')?.kinds ?? [];
        return kinds.flatMap((kind, place) =>
          NotificationKind.safeParse(kind).success || kept.includes(kind)
            ? []
            : [{ pointer: `/channels/${index}/kinds/${place}`, detail: 'There is no such kind of notification.' }],
        );
      }),
    );
    refuse(
      'channel_url_needed',
      each(
        ({ id, url }) =>
          id === undefined && url === undefined ? 'A new channel needs the address that messages are posted to.' : undefined,
        'url',
      ),
    );
    refuse(
      'channel_url_refused',
      each(({ url }) => {
        const problem = url === undefined ? undefined : webhooks.problemOf(url);
        return problem && SAYS[problem];
      }, 'url'),
    );
  };

  return {
    get: (options: Options): Promise<Stored<StoredNotifications>> => settings.getNotifications(options),

    /**
     * Makes the channels what the caller says, and the rest of the settings with them. Secrets come before the row that names them and go
     * after it, so that at any moment what is stored can be read; what a crash leaves, the sweep removes.
     * @throws InvalidInputError channel_unknown, channel_url_needed, channel_url_refused; ConflictError changed_meanwhile; UpstreamError
     */
    set: async (wanted: NotificationSettings, { ifMatch, signal }: { ifMatch: string } & Options): Promise<SavedChannels> => {
      const current = await settings.getNotifications({ signal });
      const etag = requireVersion(current, ifMatch, 'The notification settings');
      const known = new Map<string, StoredChannel>(current.value.channels.map((channel) => [channel.id, channel]));
      requireUsable(wanted.channels, known);
      const planned: PlannedChannel[] = [];
      for (const channel of wanted.channels) {
        planned.push(await planChannel(channel, known.get(channel.id ?? ''), { secrets, now, signal }));
      }
      const named = new Set(planned.map(({ channel }) => channel.id));
      const gone = current.value.channels.filter(({ id }) => !named.has(id)).map(({ secretName }) => secretName);
      const left = [...gone, ...planned.flatMap((one) => one.left ?? [])];
      const added = planned.flatMap(({ channel, secret }) => (secret ? [{ name: channel.secretName, secret }] : []));
      const { digest, rejectedShare, lateMinutes } = wanted;
      const { digest: digestBefore, digestSetAt } = current.value;
      const isSameDigest = digest.time === digestBefore.time && digest.timeZone === digestBefore.timeZone;
      const next: StoredNotifications = {
        channels: planned.map(({ channel }) => channel),
        ...{ digest, rejectedShare, lateMinutes },
        digestSetAt: isSameDigest ? digestSetAt : now().toISOString(),
      };

      const names = [...left, ...added.map(({ name }) => name)];
      await secrets.note(names, { signal });
      const save = async (): Promise<Stored<StoredNotifications>> => {
        for (const { name, secret } of added) await secrets.set(name, secret, { signal });
        return settings.setNotifications(next, { ifMatch: etag, signal });
      };
      let stored: Stored<StoredNotifications>;
      try {
        stored = await save();
      } catch (error) {
        const options = { signal: AbortSignal.timeout(UNDO_MS) };
        const found = await settings.getNotifications(options).catch(() => undefined);
        const isWritten = added.length > 0 && found?.value.channels.some(({ secretName }) => secretName === added[0]!.name);
        // its answer was lost: storage, asked again by the client, then found a conflict with itself
        if (!isWritten) {
          // what is not known stays noted, for the sweep; so does what was cut short, as its write may still be on its way
          if (found && !signal.aborted)
            await secrets
              .remove(
                added.map(({ name }) => name),
                options,
              )
              .catch(() => undefined);
          throw error;
        }
        stored = found!;
      }
      // it is saved: what cannot be cleared away now, the sweep does
      await secrets.remove(left, { signal }).catch(() => undefined);
      await secrets
        .forget(
          added.map(({ name }) => name),
          { signal },
        )
        .catch(() => undefined);
      const made = new Map(planned.flatMap((one) => (one.made === undefined ? [] : [[one.channel.id as string, one.made] as const])));
      return { ...stored, before: current.value, made };
    },

    /** Removes secrets that a crash has left without a channel. @returns how many */
    sweep: ({ signal }: Options): Promise<number> =>
      secrets.sweep(
        async (options) => new Set((await settings.getNotifications(options)).value.channels.map(({ secretName }) => secretName)),
        { signal },
      ),
  };
};

export type Channels = ReturnType<typeof createChannels>;
