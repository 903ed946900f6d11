import { createHmac, timingSafeEqual } from 'node:crypto';
import { bodyOf } from '../../../shared/notifications/cards';
import type { NotificationItem, NotificationMessage } from '../../../shared/notifications/message';
import { recoveredSentenceOf, sentenceOf } from '../../../shared/notifications/sentences';
import { newSigningSecret, signedHeaders } from '../../../shared/notifications/signature';
import { NotificationKind } from '../../../shared/settings/notification-settings';

/** What receivers read, and how they know that it is ours. */
const HOSTILE = '<!channel> <https://evil.example|x> & [x](https://evil.example) **b** {{DATE(2026-01-01T00:00:00Z)}} "quoted" \u202Etxt';
const anItem = (name: string, more: Partial<NotificationItem> = {}): NotificationItem => ({
  ...{ kind: 'run_failed', subject: { type: 'export', id: 'exp_0000000000', name }, since: '2026-11-26T00:00:00.000Z', count: 1 },
  sentence: sentenceOf({ kind: 'run_failed', subject: { type: 'export', name }, count: 1 }),
  link: 'https://app.example/portal/exports/exp_0000000000',
  ...more,
});
const aMessage = (more: Partial<NotificationMessage> = {}): NotificationMessage => ({
  ...{ version: 1, type: 'condition.opened', timestamp: '2026-11-26T00:00:00.000Z', items: [anItem(HOSTILE)], more: 0 },
  ...{ app: 'app.example', link: 'https://app.example/portal/settings', ...more },
});
interface Block {
  type: string;
  text?: { type: string; text: string };
  elements?: { type: string; text: string }[];
}
const slackOf = (message: NotificationMessage) => JSON.parse(bodyOf('slack', message)) as { text: string; blocks: Block[] };
const cardOf = (message: NotificationMessage) =>
  (
    JSON.parse(bodyOf('teams', message)) as {
      type: string;
      attachments: {
        contentType: string;
        content: { type: string; body: { type: string; inlines: { type: string; text: string }[] }[]; actions: unknown[] };
      }[];
    }
  ).attachments[0]!;

describe('a message for Slack', () => {
  it('escapes what people have written, in its text and in its blocks', () => {
    const { text, blocks } = slackOf(aMessage());
    const section = blocks.find(({ type }) => type === 'section')!.text!;
    expect(section.type).toBe('plain_text');
    for (const written of [text, section.text]) {
      expect(written).toContain('&lt;!channel&gt; &lt;https://evil.example|x&gt; &amp;');
      expect(written).not.toMatch(/[<>]/);
    }
    const links = blocks.flatMap(({ elements = [] }) => elements.map((element) => element.text));
    expect(links).toEqual([
      '<https://app.example/portal/exports/exp_0000000000|Open>',
      '<https://app.example/portal/settings|Open the portal>',
    ]);
  });

  it('stays within what Slack takes, however much there is', () => {
    const items = Array.from({ length: 20 }, () => anItem('&'.repeat(200), { sentence: '&'.repeat(5_000) }));
    const { text, blocks } = slackOf(aMessage({ type: 'digest', items, more: 480, app: 'a'.repeat(300) }));
    expect(blocks.length).toBeLessThanOrEqual(50);
    expect(blocks[0]!.text!.text.length).toBeLessThanOrEqual(150);
    for (const block of blocks) expect(block.text?.text.length ?? 0).toBeLessThanOrEqual(3_000);
    expect(text.length).toBeLessThanOrEqual(40_000);
    expect(blocks.at(-2)!.text!.text).toBe('… and 480 more.');
  });
});

describe('a card for Teams', () => {
  it('holds what people have written in text runs, which know no formatting', () => {
    const { contentType, content } = cardOf(aMessage());
    expect([contentType, content.type]).toEqual(['application/vnd.microsoft.card.adaptive', 'AdaptiveCard']);
    expect(content.body.map(({ type }) => type)).toEqual(['RichTextBlock', 'RichTextBlock']);
    expect(content.body[1]!.inlines[0]).toEqual({ type: 'TextRun', text: `The export “${HOSTILE}” failed; its last run says why.` });
    expect(content.actions).toEqual([{ type: 'Action.OpenUrl', title: 'Open the portal', url: 'https://app.example/portal/settings' }]);
  });

  it('stays below the 28 KB of a message', () => {
    const items = Array.from({ length: 20 }, () => anItem('字'.repeat(80), { sentence: '字'.repeat(5_000) }));
    expect(Buffer.byteLength(bodyOf('teams', aMessage({ type: 'digest', items, more: 480 })))).toBeLessThan(28_000);
  });
});

it('every kind has sentences of its own, for its beginning and for each end', () => {
  const sentences = NotificationKind.options.flatMap((kind) => {
    const told = {
      kind,
      subject: { type: 'export', name: 'News' },
      count: 1,
      figures: { held: 1_234, rejected: 60, sent: 600, share: 0.1, minutes: 20, days: 30 },
    } as const;
    return [
      sentenceOf(told),
      recoveredSentenceOf(told),
      recoveredSentenceOf({ ...told, how: 'paused' }),
      recoveredSentenceOf({ ...told, how: 'removed' }),
    ];
  });
  expect(new Set(sentences).size).toBe(sentences.length);
  for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z].*News.*[.)]$/);
  expect(sentences.find((sentence) => sentence.includes('1,234'))).toBeDefined();
  expect(sentenceOf({ kind: 'of_a_later_version', subject: { type: 'export', name: 'News' }, count: 1 })).toContain('News');
});

describe('a signature', () => {
  /** As a receiver would write it, from the specification alone. */
  const verify = (secret: string, headers: Record<string, string>, body: string): boolean => {
    const key = Buffer.from(secret.split('_')[1]!, 'base64');
    const wanted = createHmac('sha256', key).update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`).digest();
    return headers['webhook-signature']!.split(' ').some((one) => {
      const [version, text] = one.split(',');
      const given = Buffer.from(text!, 'base64');
      return version === 'v1' && given.length === wanted.length && timingSafeEqual(given, wanted);
    });
  };
  const at = new Date('2026-11-26T00:00:00.900Z');

  it('is that of the specification’s own example', () => {
    // Standard Webhooks, test vectors of the reference libraries
    const headers = signedHeaders({ id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', body: '{"test": 2432232314}', at: new Date(1_614_265_330_000) }, [
      'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    ]);
    expect(headers).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('holds for the key, the message and its time, and for nothing else; two secrets both sign', () => {
    const [old, next] = [newSigningSecret(), newSigningSecret()];
    const headers = signedHeaders({ id: 'msg_1', body: '{"a":"ü"}', at }, [next, old]);
    expect([verify(next, headers, '{"a":"ü"}'), verify(old, headers, '{"a":"ü"}')]).toEqual([true, true]);
    expect(verify(newSigningSecret(), headers, '{"a":"ü"}')).toBe(false);
    expect(verify(next, headers, '{"a":"u"}')).toBe(false);
    expect(verify(next, { ...headers, 'webhook-timestamp': '1795651201' }, '{"a":"ü"}')).toBe(false);
    expect(verify(next, { ...headers, 'webhook-id': 'msg_2' }, '{"a":"ü"}')).toBe(false);
    expect(signedHeaders({ id: 'msg_1', body: '', at }, [])).toEqual({ 'webhook-id': 'msg_1', 'webhook-timestamp': '1795651200' });
  });
});
