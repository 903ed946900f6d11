import { parseArguments, UsageError } from '../../../infra/local/arguments';

const places = { cwd: '/home/ada', root: '/project' };

it('has a default for everything', () => {
  expect(parseArguments([], places)).toEqual({ once: false, port: 7071, dataDir: '/project/.local/data', reset: false });
});

it('takes every option, a data folder from where the command was typed', () => {
  const args = ['--once', '--reset', '--rows', '60000', '--segment', 'AllCustomers', '--port', '0', '--data', 'there', '--app', 'packed'];
  expect(parseArguments(args, places)).toEqual({
    ...{ once: true, reset: true, rows: 60_000, segment: 'AllCustomers', port: 0, dataDir: '/home/ada/there', appDir: '/home/ada/packed' },
  });
});

it('shows its usage when asked', () => {
  expect(parseArguments(['--help'], places)).toBe('help');
});

it.each([
  [['--rows', 'many'], '--rows takes a whole number from 1 to 50000000, not "many".'],
  [['--rows', '0'], '--rows takes a whole number from 1 to 50000000, not "0".'],
  [['--port', '65536'], '--port takes a whole number from 0 to 65535, not "65536".'],
  [['--port', '-1'], expect.stringContaining('--port')],
  [['--data', ''], '--segment, --data and --app take a name each.'],
  [['--onec'], "Unknown option '--onec'."],
  [['once'], expect.stringContaining('once')],
])('refuses %j with one sentence', (args, sentence) => {
  expect(() => parseArguments(args, places)).toThrow(UsageError);
  expect(() => parseArguments(args, places)).toThrow(expect.objectContaining({ message: sentence }));
});
