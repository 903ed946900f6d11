import type { Channel, ChannelInput } from '../../../api/notifications';

/** What is typed of a channel. The address is sent and forgotten; it is never shown again. */
export interface ChannelForm {
  readonly name: string;
  readonly form: Channel['form'];
  readonly scope: Channel['scope'];
  /** all kinds, also those of later versions */
  readonly allKinds: boolean;
  readonly kinds: readonly string[];
  readonly url: string;
}

export const emptyChannel: ChannelForm = { name: '', form: 'teams', scope: 'all', allKinds: true, kinds: [], url: '' };

export const formOf = ({ name, form, scope, kinds }: Pick<Channel, 'name' | 'form' | 'scope' | 'kinds'>): ChannelForm => ({
  ...{ name, form, scope, url: '' },
  allKinds: kinds === undefined,
  kinds: kinds ?? [],
});

/** A channel as the API takes it. @param id undefined for a new one */
export const inputOf = ({ name, form, scope, allKinds, kinds, url }: ChannelForm, id: Channel['id'] | undefined): ChannelInput => ({
  ...(id === undefined ? {} : { id }),
  ...{ name, form, scope },
  ...(allKinds ? {} : { kinds: kinds as NonNullable<ChannelInput['kinds']> }),
  ...(url.trim() === '' ? {} : { url: url.trim() }),
});

/** All channels with this one in its place, or at the end; and its index there, as the API's problems name it. */
export const placed = (
  channels: readonly ChannelInput[],
  channel: ChannelInput,
): { readonly channels: readonly ChannelInput[]; readonly index: number } => {
  const at = channel.id === undefined ? -1 : channels.findIndex(({ id }) => id === channel.id);
  if (at < 0) return { channels: [...channels, channel], index: channels.length };
  return { channels: channels.map((one, index) => (index === at ? channel : one)), index: at };
};
