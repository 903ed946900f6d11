import type { ApiExamples } from '../../shared/http/openapi';

/** What the API's description shows; a test holds each against its schema. Nobody here is real. */
export const apiExamples: ApiExamples = { schemas: {} };
