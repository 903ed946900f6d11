/** One HTTP trigger's address. */
export interface Route {
  readonly functionName: string;
  readonly template: string;
  /** Upper case; undefined means every method. */
  readonly methods: readonly string[] | undefined;
}

export interface RouteMatch {
  readonly functionName: string;
  readonly params: Readonly<Record<string, string>>;
}

interface Segment {
  readonly kind: 'literal' | 'param' | 'optional' | 'rest';
  /** The literal in lower case, or the parameter's name. */
  readonly text: string;
  readonly accepts?: RegExp;
}

/** Inline constraints of ASP.NET routing that a route here may use. */
const constraints: Record<string, RegExp> = {
  int: /^-?\d{1,10}$/,
  long: /^-?\d{1,19}$/,
  bool: /^(true|false)$/i,
  alpha: /^[a-z]*$/i,
  guid: /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i,
};

/** `int`, `maxlength(3)`. @returns undefined for what is not known here */
const constraintOf = (text: string): RegExp | undefined => {
  const [, length] = /^maxlength\((\d{1,4})\)$/.exec(text) ?? [];
  return length === undefined ? constraints[text] : new RegExp(`^.{0,${length}}$`, 's');
};

const parseTemplate = (template: string): Segment[] => {
  const parts = template.split('/').filter((part) => part !== '');
  return parts.map((part, at): Segment => {
    if (!/[{}]/.test(part)) return { kind: 'literal', text: part.toLowerCase() };
    const [, star, name, constraint, optional] = /^\{(\*{0,2})(\w+)(?::(\w+(?:\(\d+\))?))?(\?)?\}$/.exec(part) ?? [];
    if (name === undefined) throw new Error(`Route "${template}": "${part}" is more than the local host can match`);
    const accepts = constraint === undefined ? undefined : constraintOf(constraint);
    if (constraint !== undefined && accepts === undefined) throw new Error(`Route "${template}": unknown constraint "${constraint}"`);
    if ((star || optional) && at < parts.length - 1) throw new Error(`Route "${template}": "${part}" must come last`);
    return { kind: star ? 'rest' : optional ? 'optional' : 'param', text: name, accepts };
  });
};

export interface Router {
  match(method: string, path: string): RouteMatch | undefined;
  /** Pairs of routes of which the second is more exact, and yet never or not always reached. */
  readonly warnings: readonly string[];
}

/**
 * Builds the router as the Functions host does: routes in alphabetical order of their functions' names, the first that fits wins, however
 * exact another one is; a known path with another method is 404, not 405.
 * @throws Error for a template that the host refuses, or that this one cannot match
 * @see azure-functions-host: FunctionMetadataManager.LoadFunctionMetadata (order), WebScriptHostHttpRoutesManager, issue 10098 (404)
 */
export const createRouter = (routes: readonly Route[], prefix: string): Router => {
  const compiled = routes
    .map((route) => {
      const full = [prefix, route.template].filter((part) => part !== '').join('/');
      const segments = parseTemplate(full);
      const first = segments[0];
      if (first?.kind === 'literal' && (first.text === 'admin' || first.text === 'runtime')) {
        throw new Error(`Route "${full}" of ${route.functionName}: "${first.text}" belongs to the host`);
      }
      return { ...route, full, segments };
    })
    .sort((a, b) => (a.functionName.toUpperCase() < b.functionName.toUpperCase() ? -1 : 1));
  const warnings = compiled.flatMap((winner, at) =>
    compiled
      .slice(at + 1)
      .filter(
        (other) =>
          shareMethod(winner, other) && overlaps(winner.segments, other.segments) && exactness(other.segments) < exactness(winner.segments),
      )
      .map(
        (other) =>
          `Route "${winner.full}" of ${winner.functionName} hides "${other.full}" of ${other.functionName}: the host takes them by function name`,
      ),
  );
  return {
    warnings,
    match: (method, path) => {
      const parts = path
        .split('/')
        .filter((part) => part !== '')
        .map(decode);
      for (const { functionName, methods, segments } of compiled) {
        if (methods !== undefined && !methods.includes(method)) continue;
        const params = matchSegments(segments, parts);
        if (params !== undefined) return { functionName, params };
      }
      return undefined;
    },
  };
};

/** Percent signs are decoded, but not those that would make a new segment (ASP.NET Core leaves %2F alone). */
const decode = (part: string): string => {
  try {
    return part.split(/%2f/i).map(decodeURIComponent).join('%2F');
  } catch {
    return part;
  }
};

const matchSegments = (segments: readonly Segment[], parts: readonly string[]): Record<string, string> | undefined => {
  const params: Record<string, string> = {};
  for (const [at, { kind, text, accepts }] of segments.entries()) {
    const part = parts[at];
    if (kind === 'rest') {
      params[text] = parts.slice(at).join('/');
      return params;
    }
    if (part === undefined) return kind === 'optional' ? params : undefined;
    if (kind === 'literal' ? part.toLowerCase() !== text : accepts !== undefined && !accepts.test(part)) return undefined;
    if (kind !== 'literal') params[text] = part;
  }
  return parts.length > segments.length ? undefined : params;
};

const shareMethod = (a: Route, b: Route): boolean =>
  a.methods === undefined || b.methods === undefined || a.methods.some((method) => b.methods!.includes(method));

/** Whether a part of an address, in lower case, can stand where this segment is. */
const takes = ({ kind, text, accepts }: Segment, part: string): boolean =>
  kind === 'literal' ? text === part : accepts === undefined || accepts.test(part);

const overlaps = (a: readonly Segment[], b: readonly Segment[]): boolean => {
  const [first, second] = [a[0], b[0]];
  if (first?.kind === 'rest' || second?.kind === 'rest') return true;
  if (first === undefined || second === undefined) return (first ?? second)?.kind !== 'literal' && (first ?? second)?.kind !== 'param';
  if (first.kind === 'literal' && !takes(second, first.text)) return false;
  if (second.kind === 'literal' && !takes(first, second.text)) return false;
  return overlaps(a.slice(1), b.slice(1));
};

/** Lower is more exact: literals before parameters before the rest, segment by segment. */
const exactness = (segments: readonly Segment[]): string =>
  segments.map(({ kind, accepts }) => (kind === 'literal' ? '1' : kind === 'rest' ? '5' : accepts ? '2' : '3')).join('');
