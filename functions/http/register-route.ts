import type { app as App } from '@azure/functions';
import { createHandler } from '../../shared/http/route';
import type { RouteDefinition, RouteHandler, RouteParts } from '../../shared/http/route';
import { answersHead, createWithoutRoute, withHead } from '../../shared/http/without-route';

/** The part of the Functions library that HTTP routes need. */
export type HttpApp = Pick<typeof App, 'http'>;

/** The host takes the first route that fits, by function name: this one comes after all others. */
export const WITHOUT_ROUTE = 'withoutRoute';

/**
 * Registers routes one by one and remembers their definitions, from which the API's description is made.
 * Who may call is decided by our own check of the principal (`who`), hence authLevel anonymous; keyed routes are the host's to open.
 */
export const createRouter = ({ app, parts }: { app: HttpApp; parts: RouteParts }) => {
  const definitions: RouteDefinition[] = [];
  return {
    definitions: definitions as readonly RouteDefinition[],
    /** In two steps, so that the handler is held to the exact types of the definition. */
    route: <const R extends RouteDefinition>(definition: R) => ({
      to: (handle: RouteHandler<R>): void => {
        definitions.push(definition);
        app.http(definition.operation, {
          methods: [definition.method, ...(answersHead(definition) ? (['HEAD'] as const) : [])],
          route: definition.path,
          authLevel: definition.auth === 'functionKey' ? 'function' : 'anonymous',
          handler: withHead(createHandler(definition, handle, parts)),
        });
      },
    }),
    /** Registers what answers in their place where no route does. */
    routeRest: (): void => {
      app.http(WITHOUT_ROUTE, {
        methods: ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'],
        route: 'api/{*path}',
        authLevel: 'anonymous',
        handler: createWithoutRoute(definitions, parts),
      });
    },
  };
};

export type Router = ReturnType<typeof createRouter>;
