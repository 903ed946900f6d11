import type { NotificationItem, NotificationMessage, Subject } from './message';
import { recoveredSentenceOf, sentenceOf } from './sentences';
import { isOpen } from './state';
import type { Condition } from './state';

/** An address of the portal; undefined where that of the app is not known. */
export const pageOf = (app: string | undefined, path = '/settings'): string | undefined =>
  app === undefined ? undefined : `https://${app}/portal${path}`;

const pathOf = ({ type, id }: Subject): string => {
  if (type === 'export' && id !== undefined) return `/exports/${id}`;
  if (type === 'connection' && id !== undefined) return `/connections/${id}`;
  return '/settings';
};

/** A condition as messages tell it. Pure. */
export const itemOf = (condition: Condition, { app }: { app: string | undefined }): NotificationItem => {
  const { kind, subject, since, count, code, figures, recoveredAt, how } = condition;
  const link = how === 'removed' ? undefined : pageOf(app, pathOf(subject));
  return {
    kind,
    subject,
    since,
    ...(recoveredAt === undefined ? {} : { until: recoveredAt, how: how ?? 'resolved' }),
    count,
    ...(code === undefined ? {} : { code }),
    ...(figures === undefined ? {} : { figures }),
    sentence: isOpen(condition) ? sentenceOf(condition) : recoveredSentenceOf(condition),
    ...(link === undefined ? {} : { link }),
  };
};

/** A message of this app, with the way to its settings where its address is known. Pure. */
export const messageOf = (
  told: Pick<NotificationMessage, 'type' | 'timestamp' | 'items' | 'more'>,
  { app }: { app: string | undefined },
): NotificationMessage => {
  const link = pageOf(app);
  return { version: 1, ...told, ...(app === undefined ? {} : { app }), ...(link === undefined ? {} : { link }) };
};
