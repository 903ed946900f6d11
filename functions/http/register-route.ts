import type { app as App } from '@azure/functions';
import { createHandler } from '../../shared/http/route';
import type { RouteDefinition, RouteHandler, RouteParts } from '../../shared/http/route';

/** The part of the Functions library that HTTP routes need. */
export type HttpApp = Pick<typeof App, 'http'>;

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
          methods: [definition.method],
          route: definition.path,
          authLevel: definition.auth === 'functionKey' ? 'function' : 'anonymous',
          handler: createHandler(definition, handle, parts),
        });
      },
    }),
  };
};

export type Router = ReturnType<typeof createRouter>;
