import type { Call, Reply } from './call';
import { notFound, Refusal } from './errors';
import { META } from './resources';

const accountResource = ({ account, origin, query }: Call): object => {
  const attributes: { [name: string]: unknown } = {
    test_account: true,
    contact_information: {
      ...{ default_sender_name: 'Sandbox', default_sender_email: 'sender@example.com', website_url: 'https://example.com' },
      organization_name: `Sandbox ${account.id}`,
      street_address: {
        address1: '1 Main Street',
        address2: '',
        city: 'Springfield',
        region: null,
        country: 'United States',
        zip: '00000',
      },
    },
    ...{ industry: null, timezone: 'Etc/UTC', preferred_currency: 'USD', public_api_key: account.id, locale: 'en-US' },
  };
  const fields = query.fieldsOf('account')?.map((field) => field.split('.')[0]);
  const shown = fields ? Object.fromEntries(Object.entries(attributes).filter(([name]) => fields.includes(name))) : attributes;
  return { type: 'account', id: account.id, attributes: shown, links: { self: `${origin}/api/accounts/${account.id}/` } };
};

/** GET /api/accounts: an array of exactly one, whose id is the public key (documented). */
export const getAccounts = (call: Call): Reply => ({
  status: 200,
  body: { data: [accountResource(call)], links: { self: `${call.origin}${call.url}`, next: null, prev: null }, meta: META },
});

/** GET /api/accounts/{id} */
export const getAccount = (call: Call): Reply => {
  if (call.id !== call.account.id) throw new Refusal(notFound(`Account with id ${call.id} not found.`)); // observed
  return { status: 200, body: { data: accountResource(call), links: { self: `${call.origin}${call.url}` } } };
};
