import { createAuthenticator } from '../../shared/http/auth';
import type { Services } from '../../shared/services';
import { registerActivity } from './activity';
import { registerConnections } from './connections';
import { registerExports } from './exports';
import { registerHealth } from './health';
import { registerMe } from './me';
import { registerOpenApi } from './openapi';
import { registerPeople } from './people';
import { registerPreview } from './preview';
import { createRouter } from './register-route';
import type { HttpApp } from './register-route';
import { registerRuns } from './runs';
import { registerSchedules } from './schedules';
import { registerSegments } from './segments';
import { registerSettings } from './settings';
import { registerSystem } from './system';

/** Every HTTP route of the app. @returns the definitions, for the API's description */
export const registerHttp = (app: HttpApp, services: Services) => {
  const { activity, env, idempotency, lifetime, now } = services;
  const authenticate = createAuthenticator({ enabled: env.WEBSITE_AUTH_ENABLED, tenantId: env.TENANT_ID });
  const router = createRouter({ app, parts: { activity, authenticate, idempotency, lifetime, now } });
  registerConnections(router, services);
  registerExports(router, services);
  registerRuns(router, services);
  registerSchedules(router, services);
  registerSegments(router, services);
  registerPreview(router, services);
  registerSettings(router, services);
  registerPeople(router, services);
  registerActivity(router, services);
  registerMe(router);
  registerHealth(router, services);
  if (env.ALLOW_FUNCTION_KEYS) registerSystem(router, services);
  registerOpenApi(router);
  router.routeRest();
  return router.definitions;
};
