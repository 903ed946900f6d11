import type { RouteDefinition, RouteHandler } from '../../shared/http/route';
import type { Services } from '../../shared/services';
import { registerExports } from './exports';
import type { Router } from './register-route';
import { registerRuns } from './runs';
import { registerSchedules } from './schedules';

/** What a system caller may do with a function key: see exports, run them, follow and cancel runs. Nothing that is set up, no personal data. */
export const SYSTEM_OPERATIONS = [
  'listExports',
  'getExport',
  'runExport',
  'runAllExports',
  'listRunsOfExport',
  'getRun',
  'cancelRun',
] as const;

const PREFIX = 'api/system/';
const toSystem = (address: string): string => address.replace(/^(\/?)api\//, `$1${PREFIX}`);

/** The same route under a path of its own, as the key is a matter of the registration (azure.md row 14). */
const systemRoute = (definition: RouteDefinition): RouteDefinition => ({
  ...definition,
  operation: `system${definition.operation[0]!.toUpperCase()}${definition.operation.slice(1)}`,
  path: toSystem(definition.path),
  summary: `${definition.summary} (by function key)`,
  auth: 'functionKey',
});

/** Addresses in an answer lead to where this caller may go. */
const relocated =
  (handle: RouteHandler<RouteDefinition>): RouteHandler<RouteDefinition> =>
  async (input) => {
    const answer = await handle(input);
    const { location, body } = answer as { location?: string; body?: unknown };
    const nextLink = (body as { nextLink?: unknown } | undefined)?.nextLink;
    return {
      ...answer,
      ...(location === undefined ? {} : { location: toSystem(location) }),
      ...(typeof nextLink === 'string' ? { body: { ...(body as object), nextLink: toSystem(nextLink) } } : {}),
    };
  };

/**
 * Routes for callers that have a function key and no sign-in, under /api/system: some of those for people, same rules and handlers.
 * Only registered while ALLOW_FUNCTION_KEYS says so: without that they do not exist.
 */
export const registerSystem = (router: Router, services: Services): void => {
  const allowed: readonly string[] = SYSTEM_OPERATIONS;
  const some: Router = {
    ...router,
    route: (definition) => ({
      to: (handle) => {
        if (!allowed.includes(definition.operation)) return;
        router.route(systemRoute(definition)).to(relocated(handle as unknown as RouteHandler<RouteDefinition>));
      },
    }),
  };
  registerExports(some, services);
  registerRuns(some, services);
  registerSchedules(some, services);
};
