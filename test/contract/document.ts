import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** The parts of an OpenAPI 3.0 document that are looked at here. */
export type Json = { readonly [name: string]: unknown };
export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path' | 'header';
  readonly required?: boolean;
  readonly schema: Json;
}
export interface Operation {
  readonly description?: string;
  readonly deprecated?: boolean;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Readonly<Record<string, { readonly schema: Json }>> };
  readonly responses: Readonly<Record<string, Json>>;
  readonly 'x-klaviyo-ratelimit'?: Json;
  readonly 'x-klaviyo-scopes'?: readonly string[];
  readonly 'x-klaviyo-filters'?: Readonly<Record<string, { readonly operators: Readonly<Record<string, readonly string[]>> }>>;
}
export interface PublishedDocument {
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>>; readonly responses?: Readonly<Record<string, Json>> };
}

export const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The project's folder, also from dist. */
export const projectFolder = path.resolve(__dirname, '../..', path.basename(path.resolve(__dirname, '../..')) === 'dist' ? '..' : '');
const FOLDER = path.resolve(projectFolder, '../shared/klaviyo-openapi');

/** Klaviyo's published document for the pinned revision, pruned to our operations, or undefined: it lies beside the project, not in it. */
export const pinnedDocumentFile = (): string | undefined => {
  const name = existsSync(FOLDER) ? readdirSync(FOLDER).find((file) => file.endsWith('.slice.json')) : undefined;
  return name === undefined ? undefined : path.join(FOLDER, name);
};
export const WITHOUT_DOCUMENT = 'the document that Klaviyo publishes does not lie in ../shared/klaviyo-openapi';

export const readDocument = (file: string): PublishedDocument => {
  const document: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!isRecord(document) || !isRecord(document.paths) || !isRecord(document.components) || !isRecord(document.info))
    throw new Error(`${path.basename(file)} is no OpenAPI document: info, paths or components are missing`);
  return document as unknown as PublishedDocument;
};

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/** `GET /api/lists/{id}`, whatever the document calls the part of the path: the name of an operation here. */
export const nameOf = (method: string, template: string): string => `${method.toUpperCase()} ${template.replaceAll(/\{[^}]+\}/g, '{id}')}`;

/** The operations of a document by name, each with the template as it stands there. */
export const operationsOf = ({
  paths,
}: PublishedDocument): ReadonlyMap<string, { readonly template: string; readonly operation: Operation }> =>
  new Map(
    Object.entries(paths).flatMap(([template, item]) =>
      Object.entries(item)
        .filter(([method]) => METHODS.includes(method))
        .map(([method, operation]) => [nameOf(method, template), { template, operation: operation as Operation }] as const),
    ),
  );

/** The schema behind `$ref`, or the schema itself. */
export const resolve = (document: PublishedDocument, schema: Json): Json => {
  const { $ref } = schema;
  if (typeof $ref !== 'string') return schema;
  const found = $ref
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((part, name) => (isRecord(part) ? part[name] : undefined), document);
  if (!isRecord(found)) throw new Error(`the document refers to ${$ref}, which it does not hold`);
  return resolve(document, found);
};
