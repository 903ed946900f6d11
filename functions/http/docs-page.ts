/** The page at /api/docs; everything it loads lies beside it. */
export const docsPage = (version: string): string => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Customer Insights to Klaviyo: API</title>
    <link rel="stylesheet" href="/api/docs/swagger-ui.css?v=${version}" />
    <link rel="icon" type="image/png" href="/api/docs/favicon-32x32.png?v=${version}" />
  </head>
  <body>
    <main id="docs"></main>
    <noscript>This page needs JavaScript; the description itself is at <a href="/api/openapi.json">/api/openapi.json</a>.</noscript>
    <script src="/api/docs/swagger-ui-bundle.js?v=${version}"></script>
    <script src="/api/docs/start.js?v=${version}"></script>
  </body>
</html>
`;

/** No validator elsewhere, no address that a link could put in place of ours. */
export const docsStart = `SwaggerUIBundle({
  url: '/api/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  validatorUrl: null,
  queryConfigEnabled: false,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayOperationId: true,
  filter: true,
});
`;
