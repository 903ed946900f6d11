import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import { NotAllowedError, NotFoundError } from '../errors';
import type { Authenticate } from './auth';
import { toProblem } from './problem';
import { COMMON_HEADERS } from './route';
import type { RouteDefinition } from './route';

/** Literals match whatever their case, as the host does it; a parameter is any one segment. */
const fits = (template: string, address: string): boolean => {
  const [wanted, given] = [template, address].map((path) => path.split('/').filter((part) => part !== ''));
  return (
    wanted!.length === given!.length &&
    wanted!.every((part, at) => part.startsWith('{') || part.toLowerCase() === given![at]!.toLowerCase())
  );
};

/** Whether a route answers HEAD as it answers GET: a download is asked for whole or not at all. */
export const answersHead = ({ method, answers }: Pick<RouteDefinition, 'method' | 'answers'>): boolean =>
  method === 'GET' && Object.values(answers).every(({ stream }) => stream === undefined);

/** Answers HEAD like GET, without the body, so that nothing is sent in vain. */
export const withHead =
  (handler: HttpHandler): HttpHandler =>
  async (request, context) => {
    const answer = (await handler(request, context)) as HttpResponseInit;
    if (request.method !== 'HEAD') return answer;
    const { status, headers } = answer;
    const type: Record<string, string> = answer.jsonBody === undefined ? {} : { 'content-type': 'application/json' };
    return { status, headers: { ...(headers as Record<string, string>), ...type } };
  };

/** The methods that an address knows, in the order of their names; none where there is no such address. */
export const methodsOf = (definitions: readonly RouteDefinition[], address: string): string[] => {
  const methods = definitions
    .filter(({ path }) => fits(path, address))
    .flatMap((definition) => [definition.method, ...(answersHead(definition) ? ['HEAD'] : [])]);
  return methods.length === 0 ? [] : [...new Set([...methods, 'OPTIONS'])].sort();
};

/**
 * What answers where no route does: 405 with the methods that the address knows, else 404; OPTIONS gets the methods alone. Only who is
 * signed in learns which addresses there are. There is no CORS: pages of other origins have no business here.
 * @see azure-functions-host issue 10098: the host itself answers 404 to another method
 */
export const createWithoutRoute =
  (definitions: readonly RouteDefinition[], { authenticate }: { authenticate: Authenticate }): HttpHandler =>
  async (request: HttpRequest, context: InvocationContext) => {
    const methods = methodsOf(definitions, new URL(request.url).pathname);
    const allow: Record<string, string> = methods.length === 0 ? {} : { allow: methods.join(', ') };
    try {
      authenticate(request.headers);
      if (methods.length === 0) {
        throw new NotFoundError({
          code: 'route_unknown',
          message: 'There is no such address; /api/docs shows those that there are.',
        });
      }
      if (request.method === 'OPTIONS') return { status: 204, headers: { ...COMMON_HEADERS, ...allow } };
      throw new NotAllowedError({
        code: 'method_not_allowed',
        message: `This address does not know ${request.method}; it knows ${methods.join(', ')}.`,
      });
    } catch (error) {
      const { status, headers, body } = toProblem(error, { instance: context.invocationId, conditional: false });
      return {
        status,
        headers: { ...COMMON_HEADERS, ...headers, ...(status === 405 ? allow : {}) },
        ...(request.method === 'HEAD' ? {} : { body: JSON.stringify(body) }),
      };
    }
  };
