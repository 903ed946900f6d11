import { z } from 'zod';
import { defineRoute } from '../../shared/http/route';
import { KLAVIYO_REVISION, retiresAt } from '../../shared/klaviyo/endpoints';
import type { Settings } from '../../shared/settings/settings';
import { VERSION } from '../../shared/version';
import type { Router } from './register-route';

const Health = z
  .object({
    status: z.enum(['healthy', 'failing']),
    version: z.string(),
    /** of Klaviyo's API */
    revision: z.string(),
    /** UTC day on which Klaviyo stops to serve that revision; install a newer version of this app before */
    revisionRetiresAt: z.iso.date(),
    storage: z.enum(['reachable', 'unreachable']),
  })
  .meta({ id: 'Health' });

/** Anyone may ask, so one look at the storage serves everybody for a while. */
const LOOK_EVERY_MS = 5_000;
const LOOK_TIMEOUT_MS = 3_000;

const getHealth = defineRoute({
  operation: 'getHealth',
  method: 'GET',
  path: 'api/health',
  summary: 'Whether the app can work; tells no secrets',
  who: 'open',
  answers: { 200: { description: 'It can', schema: Health }, 503: { description: 'It cannot reach its storage', schema: Health } },
});

export const registerHealth = ({ route }: Router, { settings, now }: { settings: Settings; now: () => Date }): void => {
  let seen: { at: number; reachable: Promise<boolean> } | undefined;
  const look = (): Promise<boolean> => {
    if (seen === undefined || now().getTime() - seen.at >= LOOK_EVERY_MS) {
      const reachable = settings.getSchedule({ signal: AbortSignal.timeout(LOOK_TIMEOUT_MS) }).then(
        () => true,
        () => false,
      );
      seen = { at: now().getTime(), reachable };
    }
    return seen.reachable;
  };
  route(getHealth).to(async () => {
    const reachable = await look();
    const about = { version: VERSION, revision: KLAVIYO_REVISION, revisionRetiresAt: retiresAt(KLAVIYO_REVISION) };
    return reachable
      ? { status: 200, body: { ...about, status: 'healthy', storage: 'reachable' } }
      : { status: 503, body: { ...about, status: 'failing', storage: 'unreachable' } };
  });
};
