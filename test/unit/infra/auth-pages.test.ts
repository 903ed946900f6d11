import { answerAuthPage } from '../../../infra/local/auth/auth-pages';

const options = { tenantId: '11111111-2222-4333-8444-555555555555', now: new Date('2026-11-23T12:00:00Z') };
const ask = (target: string, { cookie, method = 'GET' }: { cookie?: string; method?: string } = {}) =>
  answerAuthPage({ method, url: new URL(target, 'http://localhost:7071'), headers: { cookie } }, options);

it('signing in brings back who was signed in last, and goes on', () => {
  const at = '/.auth/login/aad?post_login_redirect_uri=/portal/signed-in?a=1%23b';
  const role = (name: string) => [`local-role=${name}; Path=/; SameSite=Lax`];
  const goneOn = { status: 302, headers: { location: '/portal/signed-in?a=1#b' } };
  expect(ask(at)).toMatchObject({ ...goneOn, headers: { 'set-cookie': role('Administrator') } });
  expect(ask(at, { cookie: 'local-role=Anonymous' })).toMatchObject({ ...goneOn, headers: { 'set-cookie': role('Administrator') } });
  for (const cookie of ['local-role=Viewer', 'local-role=Anonymous; local-last-role=Viewer']) {
    expect(ask(at, { cookie })).toMatchObject({ ...goneOn, headers: { 'set-cookie': role('Viewer') } });
  }
  expect(ask(at, { cookie: 'local-role=Anonymous; local-last-role=Root' })).toMatchObject({
    headers: { 'set-cookie': role('Administrator') },
  });
});

it('signing out remembers who it was', () => {
  expect(ask('/.auth/logout?post_logout_redirect_uri=/portal/', { cookie: 'local-role=Contributor' })).toEqual({
    status: 302,
    headers: {
      location: '/portal/',
      'set-cookie': ['local-role=Anonymous; Path=/; SameSite=Lax', 'local-last-role=Contributor; Path=/; SameSite=Lax'],
    },
  });
  expect(ask('/.auth/logout')).toMatchObject({ headers: { location: '/.auth/logout/complete' } });
  expect(ask('/.auth/logout/complete')).toMatchObject({ status: 200 });
});

it.each([
  'https://evil.example/',
  '//evil.example',
  '/\\evil.example',
  '/.//evil.example',
  'http://localhost:7071//evil.example',
  'javascript:alert(1)',
  'http://localhost:7072/',
  'http://',
  '\thttps://evil.example',
])('goes on to places of its own only, not to %s', (target) => {
  for (const at of ['/.auth/login/aad?post_login_redirect_uri=', '/.auth/logout?post_logout_redirect_uri=']) {
    const answer = ask(at + encodeURIComponent(target), { cookie: 'local-role=Anonymous' });
    expect(answer).toMatchObject({ status: 400 });
    expect(answer!.headers).not.toHaveProperty('location');
    expect(answer!.headers).not.toHaveProperty('set-cookie');
  }
});

it('goes on to an address of its own that names itself', () => {
  expect(ask('/.auth/login/aad?post_login_redirect_uri=http://localhost:7071/portal/')).toMatchObject({
    headers: { location: '/portal/' },
  });
});

it('/.auth/me tells the claims of who is signed in, as Azure with its token store does; 401 to others', () => {
  const { status, body } = ask('/.auth/me', { cookie: 'local-role=Viewer' })!;
  expect([status, JSON.parse(body!)]).toEqual([
    200,
    [
      {
        expires_on: '2026-11-23T13:00:00.000Z',
        provider_name: 'aad',
        user_claims: expect.arrayContaining([
          { typ: 'roles', val: 'Viewer' },
          { typ: 'http://schemas.microsoft.com/identity/claims/tenantid', val: options.tenantId },
        ]),
        user_id: 'vera@local.example',
      },
    ],
  ]);
  expect(ask('/.auth/me', { cookie: 'local-role=Anonymous' })).toMatchObject({ status: 401, body: '' });
});

it('/.auth/local names the roles and the present one, which it remembers', () => {
  const roles = ['Administrator', 'Contributor', 'Viewer', 'None', 'Anonymous'];
  const told = (cookie?: string) => JSON.parse(ask('/.auth/local', { cookie })!.body!) as unknown;
  expect(told()).toEqual({ roles, role: 'Administrator' });
  expect(told('local-role=None')).toEqual({ roles, role: 'None' });
  expect(told('local-role=Root')).toEqual({ roles, role: null });
  expect(ask('/.auth/local', { cookie: 'local-role=Viewer' })!.headers['set-cookie']).toEqual([
    'local-last-role=Viewer; Path=/; SameSite=Lax',
  ]);
  expect(ask('/.auth/local', { cookie: 'local-role=Anonymous' })!.headers['set-cookie']).toEqual([]);
});

it('leaves other addresses to the app, and has no others of its own', () => {
  expect(ask('/portal/')).toBeUndefined();
  expect(ask('/.authority')).toBeUndefined();
  expect(ask('/.auth/refresh')).toMatchObject({ status: 404 });
  expect(ask('/.auth/local', { method: 'POST' })).toMatchObject({ status: 404 });
});
