import path from 'node:path';
import { parseArgs } from 'node:util';

export const usage = `npm start -- [options]
  --once           end after the run; the last line is its result as JSON
  --segment NAME   which segment to run (NewsletterReaders, HighValueSegment, AllCustomers or a generated one)
  --rows N         make a segment of N profiles, Generated_N, and run it
  --port N         port of API and portal (7071); 0 takes a free one
  --data DIR       where the local cloud keeps its data (.local/data)
  --reset          start from nothing: the data folder is emptied first
  --app DIR        run this app, such as a package (npm run package makes dist/package/app); it finds no module outside its folder`;

/** Above this the addresses of the generated people would no longer be told apart in six characters of list id. */
const MAX_ROWS = 50_000_000;

export interface StartOptions {
  readonly once: boolean;
  readonly segment?: string;
  readonly rows?: number;
  readonly port: number;
  readonly dataDir: string;
  readonly reset: boolean;
  /** another app than the one that was built here */
  readonly appDir?: string;
}

/** What was typed cannot be used; the message says why. */
export class UsageError extends Error {}

const wholeNumber = (name: string, text: string, { min, max }: { min: number; max: number }): number => {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new UsageError(`--${name} takes a whole number from ${min} to ${max}, not "${text}".`);
};

/**
 * Reads the command line of `npm start`.
 * @param cwd what a relative --data starts from
 * @returns 'help' when that was asked for
 * @throws UsageError
 */
export const parseArguments = (args: readonly string[], { cwd, root }: { cwd: string; root: string }): StartOptions | 'help' => {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        once: { type: 'boolean', default: false },
        segment: { type: 'string' },
        rows: { type: 'string' },
        port: { type: 'string', default: '7071' },
        data: { type: 'string' },
        reset: { type: 'boolean', default: false },
        app: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ')[0]!.replace(/\.?$/, '.'));
  }
  if (values.help) return 'help';
  if ([values.segment, values.data, values.app].some((name) => name?.trim() === '')) {
    throw new UsageError('--segment, --data and --app take a name each.');
  }
  return {
    once: values.once,
    segment: values.segment,
    rows: values.rows === undefined ? undefined : wholeNumber('rows', values.rows, { min: 1, max: MAX_ROWS }),
    port: wholeNumber('port', values.port, { min: 0, max: 65_535 }),
    dataDir: values.data === undefined ? path.join(root, '.local', 'data') : path.resolve(cwd, values.data),
    reset: values.reset,
    appDir: values.app === undefined ? undefined : path.resolve(cwd, values.app),
  };
};
