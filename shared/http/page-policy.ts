/**
 * Content-Security-Policy of a page that this app serves: it loads from here alone, stands in nobody's frame, and sends no form. Styles
 * that are set by script need nothing; elements that a script adds need the nonce.
 */
export const pagePolicy = (nonce?: string): string => {
  const own = nonce === undefined ? "'self'" : `'self' 'nonce-${nonce}'`;
  return [
    "default-src 'none'",
    `script-src ${own}`,
    `style-src ${own}`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
};
