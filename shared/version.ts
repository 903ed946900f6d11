/** Version of this app, as in package.json (a test holds them together: the deployed package is read from code only). */
export const VERSION = '0.1.0';
