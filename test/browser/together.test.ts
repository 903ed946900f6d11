import { describeInBrowser } from './support/describe-in-browser';
import { createHands } from './support/world';

describeInBrowser('two people at one export', (stage) => {
  it('the second one is shown what the first one has saved, and merges', async () => {
    const { visit, world, api, klaviyo } = stage();
    const hands = createHands({ recorded: () => ({ api, klaviyo }) });
    const { id } = await hands.make('/exports', {
      name: 'Edited by two',
      connectionId: world.connections.shared,
      listId: 'VIPCUS',
      segments: ['VipCustomers'],
      schedule: { kind: 'off' },
      mapping: { email: 'EMail' },
    });
    const [ada, carl] = [await visit({ expects: [/answer 412: PATCH/] }), await visit({ role: 'Contributor' })];
    await Promise.all([ada, carl].map((one) => one.open(`/exports/${id}/edit`)));
    await carl.page.getByRole('textbox', { name: 'Name' }).fill('Edited by Carl');
    await carl.page.getByRole('button', { name: 'Save', exact: true }).click();
    await carl.page.getByRole('heading', { level: 1, name: 'Edited by Carl' }).waitFor();

    await ada.page.getByRole('textbox', { name: 'Name' }).fill('Edited by Ada');
    await ada.page.getByRole('button', { name: 'Save', exact: true }).click();
    const dialog = ada.page.getByRole('alertdialog', { name: 'Somebody else has changed this export meanwhile' });
    await dialog.getByText('Carl Contributor').waitFor();
    // both changed the name, so nobody guesses
    expect(await dialog.getByRole('button', { name: 'Merge' }).isDisabled()).toBe(true);
    await dialog.getByRole('radio', { name: /Keep mine: Edited by Ada/ }).check();
    await dialog.getByRole('button', { name: 'Merge' }).click();
    await ada.page.getByRole('button', { name: 'Save', exact: true }).click();
    await ada.page.getByRole('heading', { level: 1, name: 'Edited by Ada' }).waitFor();
    expect((await hands.call('GET', `/exports/${id}`)).json['name']).toBe('Edited by Ada');
  });
});

describeInBrowser('held removals', (stage) => {
  it('are approved up to a number that is held, and not by chance', async () => {
    const { visit, world, api, klaviyo } = stage();
    const hands = createHands({ recorded: () => ({ api, klaviyo }) });
    const visitor = await visit();
    const { page } = visitor;
    await visitor.open(`/runs/${world.runs.held}`);
    await page.getByRole('button', { name: /^Approve up to 210/ }).click();
    const dialog = page.getByRole('alertdialog', { name: /Remove up to 210 people from the list/ });
    await dialog.getByLabel('At most').fill('0');
    await dialog.getByText('A whole number from 1 to 210').waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'hidden' });
    // nothing has happened: others look at these held removals, too
    expect((await hands.call('GET', `/runs/${world.runs.held}`)).json['heldState']).toBe('waiting');
  });
});
