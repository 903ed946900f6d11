import { execFileSync } from 'node:child_process';
import { VERIFY } from '../../../functions/portal/app/pages/settings/notifications/verify-snippet';
import { newSigningSecret, signedHeaders } from '../../../shared/notifications/signature';

const body = '{"type":"test","name":"Été"}';
const [secret, other] = [newSigningSecret(), newSigningSecret()];
const signed = (secrets: readonly string[], ageMs = 0) => signedHeaders({ id: 'msg_1', body, at: new Date(Date.now() - ageMs) }, secrets);

it('the check that administrators are shown knows our messages, and no others', () => {
  const cases: readonly (readonly [boolean, string, Record<string, string>, string])[] = [
    [true, 'ours', signed([secret]), body],
    [true, 'of two secrets', signed([other, secret]), body],
    [false, 'of another secret', signed([other]), body],
    [false, 'not signed', signed([]), body],
    [false, 'changed', signed([secret]), body.replace('test', 'digest')],
    [false, 'old', signed([secret], 6 * 60_000), body],
    [false, 'of another id', { ...signed([secret]), 'webhook-id': 'msg_2' }, body],
  ];
  const program = `${VERIFY}
    const [secret, cases] = JSON.parse(process.argv[1]);
    process.stdout.write(JSON.stringify(cases.map(([, what, headers, body]) => [isOurs(headers, body, secret), what])));`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', program, JSON.stringify([secret, cases])], {
    encoding: 'utf8',
  });
  expect(JSON.parse(said)).toEqual(cases.map(([ours, what]) => [ours, what]));
});
