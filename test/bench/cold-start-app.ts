import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { loadApp } from '../../infra/local/function-host/app';
import { cpuMs, peakRssMb } from './measure';
import { type ColdStartReport, type ColdStartTask, report, task } from './protocol';

/*
 * A new instance of the app, as far as it is the app's own: loads it, asks it over HTTP for its health, gives it a queue message. This
 * process loads nothing else but what of the local host knows how to load an app, so that no package is there already.
 */
const FIRST_RUN = { exportId: 'exp_0000000000', runId: 'run_00000000', turn: 1 };

/** One request over the library's own server, which is where the host passes them on to. */
const ask = (httpUri: string, address: string, invocationId: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const headers = { 'x-ms-invocation-id': invocationId, 'x-forwarded-host': 'localhost', 'x-forwarded-proto': 'http' };
    http
      .get({ host: '127.0.0.1', port: new URL(httpUri).port, path: address, headers }, (answer) => {
        answer
          .resume()
          .once('end', () => resolve(answer.statusCode!))
          .once('error', reject);
      })
      .once('error', reject);
  });

const coldStart = async ({ appDir }: ColdStartTask): Promise<ColdStartReport> => {
  const begun = { wall: performance.now(), cpu: cpuMs() };
  const since = () => ({ wallMs: performance.now() - begun.wall, cpuMs: cpuMs() - begun.cpu });
  const loading = loadApp(appDir, () => undefined);
  const loaded = since(); // all of the app's files have run by now; what follows waits for storage
  const app = await loading;
  const invocationId = randomUUID();
  const [status] = await Promise.all([
    ask(app.httpUri!, '/api/health', invocationId),
    app.invoke('getHealth', { data: { http: { method: 'GET', url: 'http://localhost/api/health' } }, invocationId }),
  ]);
  const answered = since();
  if (status !== 200) throw new Error(`the app answered ${status}`);
  const message = { data: { json: JSON.stringify(FIRST_RUN) }, triggerMetadata: { dequeueCount: { int: 1 } }, invocationId: randomUUID() };
  await app.invoke('advance-run', message);
  return { loaded, answered, worked: since(), rssMb: peakRssMb(), files: Object.keys(require.cache).length };
};

void coldStart(task<ColdStartTask>()).then((outcome) => {
  report(outcome);
  process.exit(); // the app would go on to listen
});
