import type { PublishedDocument } from '../../contract/document';

/** A small document in the manner of Klaviyo's, made anew for each test, which may change it. */
export const aDocument = () => {
  const jsonApi = (schema: object) => ({ 'application/vnd.api+json': { schema } });
  const revision = { name: 'revision', in: 'header', required: true, schema: { type: 'string', default: '2026-07-15' } };
  const errors = {
    content: jsonApi({
      type: 'object',
      required: ['errors'],
      properties: {
        errors: {
          type: 'array',
          items: { type: 'object', required: ['id'], properties: { id: { type: 'string' }, detail: { type: 'string' } } },
        },
      },
    }),
  };
  const responses = {
    '200': { content: jsonApi({ $ref: '#/components/schemas/Answer' }) },
    '4XX': { $ref: '#/components/responses/ClientError' },
  };
  const document = {
    info: { version: '2026-07-15' },
    paths: {
      '/api/things': {
        get: {
          description: 'Reads things.<br>*Rate limits*:<br>Burst: `75/s`',
          parameters: [
            { name: 'page[size]', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 10 } },
            { name: 'sort', in: 'query', schema: { type: 'string', enum: ['name', '-name'] } },
            { name: 'filter', in: 'query', schema: { type: 'string' } },
            revision,
          ],
          responses,
          'x-klaviyo-ratelimit': { burst: '75/s', steady: '750/m' },
          'x-klaviyo-scopes': ['things:read'],
          'x-klaviyo-filters': { name: { operators: { list: ['any'] } } },
        },
      },
      '/api/things/{thing_id}/parts': {
        post: {
          description: 'Accepts up to 1,000 parts. The maximum size is 5MB.',
          parameters: [
            { name: 'thing_id', in: 'path', required: true, schema: { type: 'string' } },
            { name: 'fields[part]', in: 'query', schema: { type: 'array', items: { type: 'string', enum: ['name'] } } },
            revision,
          ],
          requestBody: { required: true, content: jsonApi({ $ref: '#/components/schemas/NewPart' }) },
          responses,
        },
      },
    },
    components: {
      schemas: {
        NewPart: {
          type: 'object',
          required: ['data'],
          properties: {
            data: {
              type: 'object',
              required: ['name'],
              properties: {
                name: { type: 'string', nullable: true },
                kind: { type: 'string', enum: ['small', 'large'] },
                tags: { type: 'array', items: { type: 'string' }, maxItems: 5 },
                place: { type: 'object', properties: { latitude: { oneOf: [{ type: 'string' }, { type: 'number' }] } } },
              },
            },
          },
        },
        Answer: {
          type: 'object',
          required: ['data'],
          properties: {
            data: {
              allOf: [
                { type: 'object', required: ['id'], properties: { id: { type: 'string' }, seen: { type: 'string', format: 'date-time' } } },
                {
                  type: 'object',
                  properties: { attributes: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } } },
                },
              ],
            },
          },
        },
      },
      responses: { ClientError: errors },
    },
  };
  return document as typeof document & PublishedDocument;
};
