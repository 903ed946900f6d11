import type { ChannelForm } from '../settings/notification-settings';
import type { NotificationMessage, MessageType } from './message';

const TITLES: Readonly<Record<MessageType, string>> = {
  'condition.opened': 'Needs attention',
  'condition.recovered': 'All right again',
  digest: 'Still open',
  test: 'Test message',
};
const TEST_TEXT = 'This channel works: notifications of Customer Insights to Klaviyo will arrive here.';

const titleOf = ({ type, items, more, app }: NotificationMessage): string => {
  const count = items.length + more;
  const counted = type === 'test' || count < 2 ? TITLES[type] : `${TITLES[type]}: ${count.toLocaleString('en')}`;
  return `Customer Insights to Klaviyo · ${counted}${app === undefined ? '' : ` · ${app}`}`;
};

const moreOf = ({ more }: NotificationMessage): string | undefined => (more === 0 ? undefined : `… and ${more.toLocaleString('en')} more.`);

/** Cut at a number of characters, never through the middle of one. */
const cut = (text: string, max: number): string =>
  text.length <= max ? text : `${text.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;

/** A sentence with the longest name is shorter; this bounds what later versions may write, so that twenty fit into every form. */
const MAX_SENTENCE = 300;

/**
 * A message in the form that the template "Post to a channel when a webhook request is received" of Teams' Workflows takes: Adaptive
 * Cards in attachments; a message has 28 KB. Text goes into text runs, which know no Markdown, so that a name can be no link or mention.
 * @see Microsoft Teams, "Create incoming webhooks with Workflows"; Adaptive Cards schema 1.2, RichTextBlock
 */
const teamsCard = (message: NotificationMessage): unknown => {
  const run = (text: string, more: object = {}) => ({ type: 'TextRun', text, ...more });
  const paragraph = (inlines: readonly unknown[], more: object = {}) => ({ type: 'RichTextBlock', inlines, ...more });
  const rest = moreOf(message);
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        contentUrl: null,
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.2',
          msteams: { width: 'Full' },
          body: [
            paragraph([run(cut(titleOf(message), 300), { weight: 'Bolder', size: 'Medium' })]),
            ...(message.type === 'test' ? [paragraph([run(TEST_TEXT)])] : []),
            ...message.items.map(({ sentence, link }) =>
              paragraph(
                [
                  run(cut(sentence, MAX_SENTENCE)),
                  ...(link === undefined
                    ? []
                    : [run(' '), run('Open', { selectAction: { type: 'Action.OpenUrl', title: 'Open', url: link } })]),
                ],
                { separator: true },
              ),
            ),
            ...(rest === undefined ? [] : [paragraph([run(rest, { isSubtle: true })], { separator: true })]),
          ],
          ...(message.link === undefined ? {} : { actions: [{ type: 'Action.OpenUrl', title: 'Open the portal', url: message.link }] }),
        },
      },
    ],
  };
};

/** What would be read as a link, a mention or a command. @see Slack, "Formatting text for app surfaces", escaping text */
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/**
 * A message for Slack's incoming webhooks: text for notifications, blocks for readers. Names stand in plain text objects, which know no
 * formatting, and are escaped nevertheless.
 * @see Slack, Block Kit: 50 blocks a message; 150 characters of a header, 3,000 of a section; text is cut at 4,000 and best below
 */
const slackMessage = (message: NotificationMessage): unknown => {
  const plain = (text: string, max: number) => ({ type: 'plain_text', text: escaped(cut(text, max)), emoji: false });
  const title = titleOf(message);
  const rest = moreOf(message);
  const lines = message.type === 'test' ? [TEST_TEXT] : message.items.map(({ sentence }) => cut(sentence, MAX_SENTENCE));
  const linked = (label: string, link: string | undefined) =>
    link === undefined ? [] : [{ type: 'context', elements: [{ type: 'mrkdwn', text: `<${escaped(link)}|${label}>`, verbatim: true }] }];
  return {
    text: escaped(cut([title, ...lines.slice(0, 3)].join('\n'), 2_000)),
    mrkdwn: false,
    unfurl_links: false,
    unfurl_media: false,
    blocks: [
      { type: 'header', text: plain(title, 100) },
      ...(message.type === 'test' ? [{ type: 'section', text: plain(TEST_TEXT, MAX_SENTENCE) }] : []),
      ...message.items.flatMap(({ sentence, link }) => [{ type: 'section', text: plain(sentence, MAX_SENTENCE) }, ...linked('Open', link)]),
      ...(rest === undefined ? [] : [{ type: 'section', text: plain(rest, 200) }]),
      ...linked('Open the portal', message.link),
    ],
  };
};

/** The body of a message as a channel's receiver reads it. Pure: the same at each attempt. */
export const bodyOf = (form: ChannelForm, message: NotificationMessage): string =>
  JSON.stringify({ json: () => message, teams: () => teamsCard(message), slack: () => slackMessage(message) }[form]());
