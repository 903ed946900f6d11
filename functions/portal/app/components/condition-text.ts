import { useTranslations } from 'use-intl';
import type { Channel, OpenCondition } from '../api/notifications';

/** How a kind of notification is called, in the reader's language; one of a later version by its own name. */
export const useKindName = (): ((kind: string) => string) => {
  const t = useTranslations('notifications.kinds');
  return (kind) => {
    const known = kind as Parameters<typeof t>[0];
    return t.has(known) ? t(known) : kind;
  };
};

/** The kinds that a channel is told, in words. */
export const useKindsText = (): ((kinds: Channel['kinds']) => string) => {
  const t = useTranslations('notifications');
  const kindName = useKindName();
  return (kinds) => (kinds === undefined ? t('allKinds') : kinds.map(kindName).join(' · '));
};

/** What a sentence may name; see the API's own sentences in shared/notifications/sentences.ts. */
const NO_FIGURES = { held: 0, rejected: 0, sent: 0, share: 0, minutes: 0 };

/** What is the matter and what to do: the API's own sentence, or ours in the reader's language. */
export const useConditionText = (): ((
  condition: Pick<OpenCondition, 'kind' | 'subject' | 'count' | 'code' | 'figures' | 'sentence'>,
) => string) => {
  const t = useTranslations('status');
  return ({ kind, subject, count, code = '', figures, sentence }) => {
    const key = `conditions.${kind}` as Parameters<typeof t>[0];
    return t.has(key)
      ? t(key, { ...NO_FIGURES, ...figures, days: Math.max(0, figures?.days ?? 0), name: subject.name, count, code })
      : sentence;
  };
};
