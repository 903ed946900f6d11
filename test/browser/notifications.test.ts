import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from '../support/started-cloud';
import { describeInBrowser } from './support/describe-in-browser';

const SETTINGS = '/api/settings/notifications';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A receiver on this machine, which answers as it is told. */
const startReceiver = async () => {
  const received: Received[] = [];
  const says = { status: 204 };
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      received.push({ headers: request.headers, body: Buffer.concat(parts).toString('utf8') });
      response.writeHead(says.status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { received, says, url: `http://127.0.0.1:${port}/hook`, close: () => new Promise((resolve) => server.close(resolve)) };
};

describeInBrowser('notifications', (stage) => {
  it('a channel is made, tried, changed while somebody else saves, seen to fail, and removed', async () => {
    const receiver = await startReceiver();
    try {
      const visitor = await stage().visit({ expects: [/^answer 412: PUT \/api\/settings\/notifications/] });
      const { page } = visitor;
      const button = (name: string) => page.getByRole('button', { name, exact: true });
      const name = `On call ${Date.now() % 100_000}`;
      await visitor.open('/settings?tab=notifications');
      await button('Add a channel').click();
      const dialog = page.getByRole('dialog', { name: 'New channel' });
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.getByText('Please enter the address that messages go to.').waitFor();
      await dialog.getByRole('textbox', { name: 'Name' }).fill(name);
      await dialog.getByRole('radio', { name: /Another program/ }).check();
      await dialog.getByRole('textbox', { name: 'Address' }).fill(receiver.url);
      await dialog.getByRole('button', { name: 'Save' }).click();

      // the secret is shown once, and signs
      const told = page.getByRole('alertdialog', { name: 'Keep the signing secret' });
      const secret = /whsec_[\w+/=]+/.exec(await told.innerText())![0];
      await told.getByRole('button', { name: 'I have kept it' }).click();
      const card = page.getByRole('region', { name, exact: true });
      await card.getByText('Nothing sent yet').waitFor();
      await button(`Test ${name}`).click();
      await card.getByText('The receiver took the test message (answer 204).').waitFor();
      await card.getByText('Works', { exact: true }).waitFor();
      const [{ headers, body }] = receiver.received as [Received];
      const signed = createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'));
      signed.update(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`);
      expect([headers['webhook-signature'], (JSON.parse(body) as { type: string }).type]).toEqual([
        `v1,${signed.digest('base64')}`,
        'test',
      ]);
      expect(await page.content()).not.toContain(secret);

      // somebody else saves while this is typed: nothing of either is lost
      await button(`Edit ${name}`).click();
      const edit = page.getByRole('dialog', { name: 'Change the channel' });
      await edit.getByRole('textbox', { name: 'Name' }).fill(`${name} at night`);
      const before = await page.request.get(SETTINGS);
      const { channels, ...rest } = (await before.json()) as { channels: { [field: string]: unknown }[]; lateMinutes: number };
      const sent = channels.map(({ id, name: called, form, scope, kinds }) => ({ id, name: called, form, scope, kinds }));
      const theirs = { ...rest, lateMinutes: 16, channels: sent };
      expect((await page.request.put(SETTINGS, { data: theirs, headers: { 'if-match': before.headers().etag! } })).status()).toBe(200);
      await edit.getByRole('button', { name: 'Save' }).click();
      await edit.getByText('What you typed is still here; save it once more.').waitFor();
      expect(await edit.getByRole('textbox', { name: 'Name' }).inputValue()).toBe(`${name} at night`);
      await edit.getByRole('button', { name: 'Save' }).click();
      const renamed = page.getByRole('region', { name: `${name} at night`, exact: true });
      await renamed.waitFor();
      expect(await page.getByRole('spinbutton', { name: /late by so many minutes/ }).inputValue()).toBe('16');

      receiver.says.status = 410;
      await button(`Test ${name} at night`).click();
      await renamed
        .getByText('The test did not get through. There is no such receiver (any more); give its new address. (Answer 410.)')
        .waitFor();
      await renamed.getByText('Fails', { exact: true }).waitFor();

      await button(`Remove ${name} at night`).click();
      await page.getByRole('alertdialog').getByRole('button', { name: 'Remove', exact: true }).click();
      await page.getByText(`${name} at night is removed.`).first().waitFor();
      const left = (await (await page.request.get(SETTINGS)).json()) as { channels: { name: string }[] };
      expect(left.channels.map((channel) => channel.name)).toEqual(Object.values(stage().world.channels));
    } finally {
      await receiver.close();
    }
  });

  it('what is open is told on the home page, in the settings and with the export, to a viewer without what concerns connections', async () => {
    const { visit, world } = stage();
    const visitor = await visit({ role: 'Viewer' });
    const { page } = visitor;
    // the timer looks every ten seconds
    await until('what is open', async () => {
      const { value } = (await (await page.request.get('/api/notifications')).json()) as { value: { kind: string }[] };
      return ['run_failed', 'removals_held'].every((kind) => value.some((one) => one.kind === kind)) ? true : undefined;
    });
    await visitor.open('/exports');
    await page.getByRole('link', { name: /things need a look$/ }).click();
    const open = page.getByRole('table', { name: 'What is open now' });
    await open.getByText(/The export “Everybody \(capped\)” failed/).waitFor();
    expect([await open.getByText('Former shop').count(), await page.getByRole('button', { name: /channel|^Test|^Edit/ }).count()]).toEqual([
      0, 0,
    ]);
    await open.getByRole('link', { name: 'Win back lapsed buyers' }).click();
    await page.getByRole('tab', { name: 'Notifications' }).click();
    await page.getByText('Removals are held', { exact: true }).waitFor();
    await page.getByText(world.channels.gone, { exact: true }).waitFor();
    await page.getByText('Fails', { exact: true }).first().waitFor(); // nobody answers there, and 404 may be a receiver that starts anew
  });

  it('a contributor chooses who is told of an export, and saves nothing else by it', async () => {
    const { visit, world } = stage();
    const visitor = await visit({ role: 'Contributor' });
    const { page } = visitor;
    const address = `/api/exports/${world.exports.loyalty}`;
    const before = (await (await page.request.get(address)).json()) as Record<string, unknown>;
    await visitor.open(`/exports/${world.exports.loyalty}/edit?step=behaviour`);
    await page.getByText(`Told of all exports: ${world.channels.silent}`).waitFor();
    await page.getByRole('checkbox', { name: world.channels.gone }).check();
    await page.getByRole('complementary').getByText(`Tell ${world.channels.gone}`).waitFor();
    const patch = page.waitForRequest((request) => request.method() === 'PATCH');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    const sent = (await patch).postDataJSON() as { notify: { channelIds: string[] } };
    await page.getByRole('heading', { level: 1, name: 'Loyalty programme', exact: true }).waitFor();
    const after = (await (await page.request.get(address)).json()) as { notify: unknown };
    expect([Object.keys(sent), after.notify]).toEqual([['notify'], sent.notify]);
    expect(sent.notify.channelIds).toHaveLength(1);
    expect(before['notify']).toBeUndefined();
    const { etag } = (await page.request.get(address)).headers();
    expect((await page.request.patch(address, { data: { notify: null }, headers: { 'if-match': etag! } })).status()).toBe(200);
  });
});
