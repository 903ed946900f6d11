/** Version of this app, as in package.json (a test holds them together: the deployed package is read from code only). */
export const VERSION = '0.1.0';

/** What this app calls itself wherever it calls somebody. */
export const USER_AGENT = 'customer-insights-to-klaviyo/0.1';
