import { readFileSync, realpathSync } from 'node:fs';
import Module, { registerHooks } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical' | 'none';
export type Log = (level: LogLevel, source: string, message: string) => void;

/** A value on its way between host and library, as in Microsoft's worker protocol. */
export interface TypedData {
  readonly string?: string;
  readonly json?: string;
  readonly bytes?: Uint8Array;
  readonly int?: number;
  readonly double?: number;
  readonly http?: unknown;
}

export interface Binding {
  readonly type: string;
  readonly direction: 'in' | 'out';
  readonly [setting: string]: unknown;
}

/** A function as the app registered it. */
export interface RegisteredFunction {
  readonly name: string;
  readonly triggerName: string;
  readonly trigger: Binding;
  readonly outputs: Readonly<Record<string, Binding>>;
}

export interface InvocationInput {
  readonly data: TypedData;
  readonly triggerMetadata?: Readonly<Record<string, TypedData>>;
  readonly invocationId: string;
}

export interface InvocationResult {
  /** What the handler returned, before the library converted it. */
  readonly result: unknown;
  readonly returnValue?: TypedData | null;
  readonly outputData: readonly { readonly name: string; readonly data: TypedData }[];
}

export interface App {
  /** In the host's order: by name, without regard to case. */
  readonly functions: readonly RegisteredFunction[];
  /** Where the library serves HTTP itself, after app.setup({ enableHttpStream: true }). */
  readonly httpUri: string | undefined;
  /** Runs one function with the app's hooks around it. @throws what the handler throws */
  invoke(functionName: string, input: InvocationInput): Promise<InvocationResult>;
  /** Runs the appTerminate hooks, a failing one does not stop the others. */
  terminate(): Promise<void>;
}

type HookCallback = (context: Record<string, unknown>) => unknown;
interface Metadata {
  readonly name: string;
  readonly bindings: Readonly<Record<string, Binding>>;
}
interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], handler: unknown): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<Omit<InvocationResult, 'result'>>;
}
interface ProgrammingModel {
  getCapabilities(capabilities: object): Promise<{ HttpUri?: string }>;
  getInvocationModel(context: object): InvocationModel;
}
interface ModuleInternals {
  _load(request: string, ...rest: unknown[]): unknown;
  _cache: Record<string, unknown>;
  createRequire(file: string): NodeJS.Require;
}

/**
 * From now on, what a file of the app asks for must lie in the app's folder or be Node's own, as on Azure, where nothing else is there.
 * Elsewhere Node goes on to look into node_modules of every folder above.
 */
const seal = (appDir: string): void => {
  const inside = pathToFileURL(realpathSync(appDir) + path.sep).href;
  registerHooks({
    resolve: (specifier, context, next) => {
      const found = next(specifier, context);
      if (!context.parentURL?.startsWith(inside) || !found.url.startsWith('file:') || found.url.startsWith(inside)) return found;
      throw Object.assign(new Error(`Cannot find module '${specifier}' in the app's folder; there is one at ${found.url}`), {
        code: 'MODULE_NOT_FOUND',
      });
    },
  });
};

/**
 * Loads a compiled function app through the same seam as Microsoft's Node worker: the module `@azure/functions-core`, which exists only
 * inside a host. One app at a time in a process.
 * @param isSealed the app finds no module outside its folder, for as long as this process lives
 * @throws what the app throws while loading, or an Error naming what it registered and this host does not know
 * @see azure-functions-nodejs-worker: setupCoreModule.ts, InvocationHandler.ts
 */
export const loadApp = async (appDir: string, log: Log, { isSealed = false }: { isSealed?: boolean } = {}): Promise<App> => {
  const registered = new Map<string, { metadata: Metadata; callback: unknown }>();
  const hooks = new Map<string, HookCallback[]>();
  const appHookData = {};
  let model: ProgrammingModel | undefined;
  let isLoading = true;

  class Disposable {
    constructor(readonly dispose: () => void) {}
  }
  const core = {
    version: '3.12.0',
    hostVersion: '4.1000.0',
    Disposable,
    getProgrammingModel: () => model,
    setProgrammingModel: (given: ProgrammingModel) => void (model = given),
    registerHook: (name: string, callback: HookCallback) => {
      const list = hooks.get(name) ?? [];
      hooks.set(name, list);
      list.push(callback);
      return new Disposable(() => void list.splice(list.indexOf(callback), 1));
    },
    registerFunction: (metadata: Metadata, callback: unknown) => {
      if (!isLoading) throw new Error('A function can only be registered during app startup.');
      if ([...registered.keys()].some((name) => name.toLowerCase() === metadata.name.toLowerCase())) {
        throw new Error(`Two functions are called ${metadata.name}`);
      }
      registered.set(metadata.name, { metadata, callback });
      return new Disposable(() => void registered.delete(metadata.name));
    },
    log: (level: LogLevel, category: string, message: string) => log(level, category, message),
  };
  const runHooks = async (name: string, context: Record<string, unknown>): Promise<void> => {
    for (const callback of hooks.get(name) ?? []) await callback(context);
  };

  const modules = Module as unknown as ModuleInternals;
  const packageJson = JSON.parse(readFileSync(path.join(appDir, 'package.json'), 'utf8')) as { main?: string; type?: string };
  if (packageJson.main === undefined) throw new Error(`${appDir}: package.json has no "main"`);
  const main = path.join(appDir, packageJson.main);
  // The library and the app remember their host: a second start in one process, as in tests, needs them fresh.
  for (const file of Object.keys(modules._cache)) {
    const isLibrary = /[\\/]node_modules[\\/]@azure[\\/]functions[\\/]/.test(file);
    const isApp = [appDir, path.dirname(main)].some((folder) => file.startsWith(folder + path.sep)) && !/[\\/]node_modules[\\/]/.test(file);
    if (isLibrary || (isApp && !file.startsWith(__dirname + path.sep))) delete modules._cache[file];
  }
  if (isSealed) seal(appDir);
  const load = modules._load;
  modules._load = function (request, ...rest) {
    return request === '@azure/functions-core' ? core : load.call(this, request, ...rest);
  };
  try {
    if (main.endsWith('.mjs') || (packageJson.type === 'module' && !main.endsWith('.cjs'))) await import(pathToFileURL(main).href);
    else modules.createRequire(path.join(appDir, 'package.json'))(main);
  } finally {
    modules._load = load;
  }
  if (model === undefined) throw new Error(`${appDir}: the app registered no function`);
  await runHooks('appStart', { hookData: {}, appHookData, functionAppDirectory: appDir });
  const { HttpUri: httpUri } = await onLoopback(() => model!.getCapabilities({}));
  isLoading = false;
  const functions = [...registered.values()]
    .map(({ metadata }) => describeFunction(metadata))
    .sort((a, b) => (a.name.toUpperCase() < b.name.toUpperCase() ? -1 : 1));

  const invoke: App['invoke'] = async (functionName, { data, triggerMetadata = {}, invocationId }) => {
    const { metadata, callback } = registered.get(functionName)!;
    const triggerName = functions.find(({ name }) => name === functionName)!.triggerName;
    // assigned below, read by the log function of the context that is made first
    // eslint-disable-next-line prefer-const
    let invocationContext: unknown;
    const coreContext = {
      invocationId,
      metadata,
      state: undefined as string | undefined,
      log: (level: LogLevel, category: string, message: string) => {
        const entry: Record<string, unknown> = { hookData: {}, appHookData, level, category, message, invocationContext };
        for (const hook of hooks.get('log') ?? []) void hook(entry);
        log(entry.level as LogLevel, functionName, String(entry.message));
      },
      request: {
        invocationId,
        functionId: functionName,
        inputData: [{ name: triggerName, data }],
        triggerMetadata,
        traceContext: { traceParent: '', traceState: '' },
      },
    };
    const invocation = model!.getInvocationModel(coreContext);
    const { context, inputs } = await invocation.getArguments();
    invocationContext = context;
    const before = { hookData: {}, appHookData, invocationContext: context, functionCallback: callback, inputs };
    coreContext.state = 'preInvocationHooks';
    await runHooks('preInvocation', before);
    const after = {
      hookData: before.hookData,
      appHookData,
      invocationContext: context,
      inputs: before.inputs,
      result: null as unknown,
      error: null as unknown,
    };
    coreContext.state = 'invocation';
    try {
      after.result = await invocation.invokeFunction(context, before.inputs, before.functionCallback);
    } catch (error) {
      after.error = error;
    }
    coreContext.state = 'postInvocationHooks';
    await runHooks('postInvocation', after);
    coreContext.state = undefined;
    // what the handler threw, as it is: an error or not, the host passes it on
    // eslint-disable-next-line @typescript-eslint/only-throw-error
    if (after.error !== null) throw after.error;
    return { result: after.result, ...(await invocation.getResponse(context, after.result)) };
  };

  const terminate = async (): Promise<void> => {
    for (const callback of hooks.get('appTerminate') ?? []) {
      try {
        await callback({ hookData: {}, appHookData });
      } catch (error) {
        log('error', 'host', `An appTerminate hook failed: ${String(error)}`);
      }
    }
  };
  return { functions, httpUri, invoke, terminate };
};

const describeFunction = ({ name, bindings }: Metadata): RegisteredFunction => {
  const all = Object.entries(bindings);
  const [triggerName, trigger] = all.find(([, { type }]) => /trigger$/i.test(type))!;
  const inputs = all.filter(([other, { direction }]) => direction === 'in' && other !== triggerName);
  const outputs = all.filter(([, { direction }]) => direction === 'out');
  const unknown = [...inputs, ...outputs.filter(([, { type }]) => !['http', 'queue'].includes(type))];
  if (!['httptrigger', 'queuetrigger', 'timertrigger'].includes(trigger.type.toLowerCase())) unknown.push([triggerName, trigger]);
  if (unknown.length > 0) throw new Error(`Function ${name}: the local host has no binding "${unknown[0]![1].type}"`);
  return { name, triggerName, trigger, outputs: Object.fromEntries(outputs) };
};

/** The library's own HTTP server names no host and would listen on every interface; while `start` runs, that means 127.0.0.1. */
const onLoopback = async <Result>(start: () => Promise<Result>): Promise<Result> => {
  const listen = net.Server.prototype.listen as (...args: unknown[]) => net.Server;
  const local = function (this: net.Server, ...args: unknown[]): net.Server {
    const [first] = args;
    if (first === undefined || typeof first === 'function') return listen.call(this, 0, '127.0.0.1', ...args);
    if (typeof first === 'number' && typeof args[1] !== 'string') return listen.call(this, first, '127.0.0.1', ...args.slice(1));
    return listen.apply(this, args);
  };
  net.Server.prototype.listen = local as typeof net.Server.prototype.listen;
  try {
    return await start();
  } finally {
    net.Server.prototype.listen = listen as typeof net.Server.prototype.listen;
  }
};
