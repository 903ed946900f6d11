import type { HttpHandler } from '@azure/functions';
import type { HttpApp } from '../http/register-route';
import { createPortalAssets } from './assets';

/**
 * Serves the portal under /portal, and sends whoever asks for nothing in particular there. Nobody needs a role: the pages hold nothing
 * that is private, and the API behind them refuses by itself.
 * @param folder of the built pages
 */
export const registerPortal = (app: HttpApp, folder: string): void => {
  const assets = createPortalAssets(folder);
  const portal: HttpHandler = async ({ method, params, headers }) => {
    const { status, headers: given, body } = await assets.answer(params.path ?? '', headers.get('accept-encoding'));
    return {
      status,
      headers: { ...given, 'content-length': String(Buffer.byteLength(body)) },
      ...(method === 'HEAD' ? {} : { body }),
    };
  };
  app.http('portal', { methods: ['GET', 'HEAD'], route: 'portal/{*path}', authLevel: 'anonymous', handler: portal });
  // An empty route would mean the function's name (azure-functions-host issue 4638); one that takes no letter at all is the way to the root.
  app.http('portalHome', {
    methods: ['GET', 'HEAD'],
    route: '{nothing:maxlength(0)?}',
    authLevel: 'anonymous',
    handler: () => ({ status: 302, headers: { location: '/portal/', 'cache-control': 'no-store' } }),
  });
};
