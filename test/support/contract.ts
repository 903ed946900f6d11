import Ajv2020 from 'ajv/dist/2020';
import type { ValidateFunction } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { PROBLEM_CODES } from '../../shared/http/problem-codes';

interface Response {
  readonly $ref?: string;
  readonly headers?: Readonly<Record<string, { readonly required?: boolean; readonly schema: object }>>;
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}
interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, Response>>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly responses: Readonly<Record<string, Response>> };
}

export interface RealAnswer {
  readonly method: string;
  /** path, with or without a query */
  readonly target: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Where no operation is meant: what the catch-all may answer. */
const WITHOUT_ROUTE = [204, 401, 403, 404, 405];

/** Holds real answers against the API's description. @param document the one of the app that answered */
export const createContract = (document: unknown) => {
  const { paths, components } = document as Document;
  const ajv = addFormats(new Ajv2020({ strict: false }));
  ajv.addSchema({ $id: 'api', ...(document as object) });
  const compiled = new Map<string, ValidateFunction>();
  const validatorAt = (pointer: string): ValidateFunction => {
    const known = compiled.get(pointer) ?? ajv.compile({ $ref: `api#/${pointer}` });
    compiled.set(pointer, known);
    return known;
  };
  const escape = (part: string) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
  const addresses = Object.keys(paths).map((template) => ({
    template,
    pattern: new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}/?$`, 'i'),
  }));
  const problem = () => validatorAt('components/schemas/Problem');
  /** Codes are for programs: one that nobody has told of is as bad as a field that nobody knows. */
  const unknownCode = (status: number, text: string): string | undefined => {
    const { code } = JSON.parse(text) as { code: string };
    return PROBLEM_CODES[code]?.statuses.includes(status) ? undefined : `code ${code} with ${status} does not stand in problem-codes.ts`;
  };
  const explain = (validate: ValidateFunction): string =>
    (validate.errors ?? []).map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`).join('; ');

  /** What is wrong with an answer; undefined when it is as described. */
  const faultOf = ({ method, target, status, headers, text }: RealAnswer): string | undefined => {
    const address = target.split(/[?#]/)[0]!;
    const verb = (method === 'HEAD' ? 'GET' : method).toLowerCase();
    // an exact address wins over one with a parameter, as function names decide for each method
    const fitting = addresses
      .filter(({ template, pattern }) => pattern.test(address) && paths[template]![verb] !== undefined)
      .sort((one, other) => one.template.split('{').length - other.template.split('{').length);
    const type = (headers.get('content-type') ?? '').toLowerCase();
    const [found] = fitting;
    if (found === undefined || (method === 'HEAD' && [405].includes(status))) {
      if (!WITHOUT_ROUTE.includes(status)) return `is no operation, and answers ${status}`;
      if (status === 405 && !headers.get('allow')) return 'is 405 without Allow';
      return text === '' || problem()(JSON.parse(text)) ? undefined : `is no problem: ${explain(problem())}`;
    }
    const { operationId, responses } = paths[found.template]![verb]!;
    const stated = responses[status];
    if (stated === undefined) return `${operationId} does not say that it answers ${status}: ${text.slice(0, 300)}`;
    const at = stated.$ref ? stated.$ref.slice(2) : `paths/${escape(found.template)}/${verb}/responses/${status}`;
    const response = stated.$ref ? components.responses[status]! : stated;
    for (const [name, { required, schema: _ }] of Object.entries(response.headers ?? {})) {
      const value = headers.get(name);
      if (value === null ? required : !validatorAt(`${at}/headers/${escape(name)}/schema`)(value))
        return `${operationId} ${status}: header ${name} is ${value}`;
    }
    if (method === 'HEAD') return text === '' ? undefined : `${operationId}: HEAD has a body`;
    const kinds = Object.keys(response.content ?? {});
    if (kinds.length === 0) return text === '' ? undefined : `${operationId} ${status} has a body: ${text.slice(0, 300)}`;
    const kind = kinds.find((known) => known.toLowerCase() === type || known === type.split(';')[0]);
    if (kind === undefined) return `${operationId} ${status} is ${type || 'of no type'}, and not ${kinds.join(', ')}`;
    if (!kind.includes('json')) return undefined;
    const strange = kind === 'application/problem+json' ? unknownCode(status, text) : undefined;
    if (strange !== undefined) return `${operationId}: ${strange}`;
    const validate = validatorAt(`${at}/content/${escape(kind)}/schema`);
    return validate(JSON.parse(text)) ? undefined : `${operationId} ${status}: ${explain(validate)} in ${text.slice(0, 1_000)}`;
  };

  return {
    faultOf,
    /** @throws Error when the answer is not as described */
    check: (answer: RealAnswer): void => {
      const fault = faultOf(answer);
      if (fault !== undefined)
        throw new Error(`${answer.method} ${answer.target}: the answer is not what /api/openapi.json says: ${fault}`);
    },
  };
};

export type Contract = ReturnType<typeof createContract>;
