import { readFileSync } from 'node:fs';
import path from 'node:path';
import { hasEnded } from '../../infra/local/run-view';
import { fillIn, httpBlocks, type NamedAnswer, parseHttp } from '../support/http-examples';
import { createStartedCloud, until } from '../support/started-cloud';

/** The requests of the README, run as they are written, one after the other, against `npm start`. */
const readme = readFileSync(path.resolve(__dirname, '../../README.md'), 'utf8');
const blocks = httpBlocks(readme).map(parseHttp);
const variables: Record<string, string> = Object.assign({}, ...blocks.map((block) => block.variables)) as Record<string, string>;
const cloud = createStartedCloud();
const answers = new Map<string, NamedAnswer>();

beforeAll(async () => {
  await cloud.start().staysUp();
  // the one thing that differs from what is written: the port, as 7071 may be taken here
  variables.api = cloud.recorded().api!;
}, 200_000);
afterAll(() => cloud.close(), 60_000);

it('there are requests to be run', () => {
  expect(blocks.flatMap(({ examples }) => examples).length).toBeGreaterThan(20);
});

it.each(blocks.flatMap(({ examples }) => examples))(
  '$method $url: $title',
  async ({ name, status, method, url, headers, body }) => {
    const fill = (text: string) => fillIn(text, variables, answers);
    const answer = await fetch(fill(url), {
      method,
      headers: Object.fromEntries(Object.entries(headers).map(([header, value]) => [header, fill(value)])),
      ...(body === undefined ? {} : { body: fill(body) }),
    });
    const text = await answer.text();
    expect([answer.status, answer.status === status ? '' : text]).toEqual([status, '']);
    const isJson = (answer.headers.get('content-type') ?? '').includes('json');
    const parsed = isJson ? (JSON.parse(text) as { id?: string }) : undefined;
    if (name !== undefined) answers.set(name, { body: parsed, headers: answer.headers });
    // what follows asks for what a run has found: whoever reads waits, too
    if (status === 202 && parsed?.id?.startsWith('run_')) {
      await until('the end of the run', async () => (hasEnded(await cloud.runById(parsed.id!)) ? true : undefined));
    }
  },
  120_000,
);
